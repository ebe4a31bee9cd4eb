"""Export to ONNX: the network, its preprocessing and its labels in one file, plus how to use it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import RequestError
from understudy.export.usage import INPUTS, NAMES, OUTPUTS, usage_of
from understudy.files import replace_atomically, write_atomically, write_json
from understudy.students.score_arrays import one_by_one, scores_from
from understudy.tasks import task_named
from understudy.tasks.folders import ModelFacts, body_gives
from understudy.tasks.lists import Lists
from understudy.tasks.reading import Reading

if TYPE_CHECKING:
    from torch import nn

MODEL = "model.onnx"
OPSET = 20
TOLERANCE = 1e-3
"""The largest difference of a logit, over the largest logit of the rows, that parity allows."""


def write(
    network: nn.Module,
    facts: ModelFacts,
    rows: Mapping[str, Any],
    folder: Path,
    calibration: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write `model.onnx` (any batch size), `labels.json` and `use.py` into the folder.

    `network` reads stored inputs; `rows` are at least two of them, all different. The model gets
    its name after it was loaded back and held against the network on these rows.
    Raises: RequestError where it cannot be exported, or differs.
    """
    found: dict[str, Any] = {}

    def prove(path: Path) -> None:
        _export(network, rows, path, NAMES[body_gives(facts)])
        _clean(path, facts)
        found["parity"] = parity(network, OnnxPredictor("onnx", path), rows)

    (folder / MODEL).unlink(missing_ok=True)
    _describe(facts, folder)
    replace_atomically(folder / MODEL, prove)
    return {**found, "bytes": (folder / MODEL).stat().st_size}


def _export(network: nn.Module, rows: Mapping[str, Any], path: Path, gives: str) -> None:
    import torch

    inputs = tuple(torch.from_numpy(np.ascontiguousarray(value[:2])) for value in rows.values())
    try:
        with _quiet_exporter():
            torch.onnx.export(
                network.eval(),
                inputs,
                str(path),
                dynamo=True,
                opset_version=OPSET,
                external_data=False,
                verbose=False,
                input_names=list(rows),
                output_names=[gives],
                dynamic_shapes=_open_sizes(rows),
            )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = str(error).strip().splitlines()[0]
        raise RequestError(
            f"the student cannot be exported to ONNX: {reason}; leave 'onnx' out of export, or "
            "write its forward without Python control flow that depends on values"
        ) from error


def _open_sizes(rows: Mapping[str, Any]) -> Any:
    """Any number of rows; of texts, any number of tokens too."""
    import torch

    sizes: dict[int, Any] = {0: torch.export.Dim("batch")}
    if "ids" in rows:
        sizes[1] = torch.export.Dim("tokens")
    return (sizes,) * len(rows)


def _describe(facts: ModelFacts, folder: Path) -> None:
    """What stands beside the model: its labels and inputs, and how to use it."""
    reads = facts.blueprint.reads
    write_json(
        folder / "labels.json",
        {
            "task": facts.task,
            "classes": list(facts.classes),
            "form": dict(facts.form),
            "input": INPUTS[reads],
            "output": OUTPUTS[NAMES[body_gives(facts)]],
        },
    )
    task, by_vectors = task_named(facts.task), body_gives(facts) == "embedding"
    shown = "embedding" if by_vectors else task.gives
    write_atomically(folder / "use.py", usage_of(shown, reads, task.several))


def _clean(path: Path, facts: ModelFacts) -> None:
    """Drop stack traces, which name files of this machine; put the labels into the file."""
    import onnx

    model = onnx.load(path)
    for part in (model, *_parts(model.graph), *chain.from_iterable(map(_parts, model.functions))):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    for name, value in {"task": facts.task, "classes": json.dumps(list(facts.classes))}.items():
        model.metadata_props.add(key=name, value=value)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _parts(graph: Any) -> Iterator[Any]:
    """A graph or function of the file, and everything in it that can carry a text."""
    yield graph
    for field, values in graph.ListFields():
        if field.name in ("node", "input", "output", "value_info", "initializer"):
            # The inputs and outputs of a function are names alone.
            yield from (value for value in values if not isinstance(value, str))
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _parts(inner)


def _quiet_exporter() -> Any:
    """The exporter prints progress and warns of its own deprecations; neither concerns a user."""
    import contextlib
    import io
    import logging
    import warnings

    stack = contextlib.ExitStack()
    stack.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore")
    stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
    for name in ("torch.onnx", "onnxscript", "onnx_ir"):
        logger = logging.getLogger(name)
        stack.callback(logger.setLevel, logger.level)
        logger.setLevel(logging.ERROR)
    return stack


class OnnxPredictor:
    """The artefact, loaded by the runtime that the user will use.

    Shapes: raw rows [B, ...], read by its tokenizer where it has one -> logits [B, classes].
    """

    def __init__(
        self, name: str, path: Path, threads: int = 1, reading: Reading | None = None
    ) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self.name = name
        self.path = path
        self.reading = reading
        try:
            self.session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own classes differ from release to release
            raise RequestError(f"'{path}' cannot be loaded by onnxruntime: {error}") from error
        self.gives: str = self.session.get_outputs()[0].name

    @property
    def bytes(self) -> int:
        """Bytes of the model file."""
        return self.path.stat().st_size

    def predict(self, inputs: Mapping[str, Any]) -> Any:
        """The logits of a batch of raw rows, or of what its network takes."""
        arrays = self.reading.arrays(inputs) if self.reading else dict(inputs)
        return self.session.run([self.gives], arrays)[0]


class OnnxReranker:
    """An artefact that reads one text or pair at a time, asked about lists.

    Shapes: rows of a query and K candidates [B] -> scores [B, K].
    """

    def __init__(self, artefact: OnnxPredictor, reading: Lists) -> None:
        self.name = artefact.name
        self.artefact = artefact
        self.reading = reading

    @property
    def bytes(self) -> int:
        """Bytes of the model file."""
        return self.artefact.bytes

    def predict(self, inputs: Mapping[str, Any]) -> Any:
        """The scores of raw rows."""
        lists = self.reading.arrays(inputs)
        outputs = self.artefact.predict(one_by_one(lists))
        return scores_from(outputs, len(lists["ids"]), self.reading.apart)


def load(folder: Path, threads: int = 1) -> OnnxPredictor | OnnxReranker:
    """The artefact in a folder, held to a number of threads."""
    described = json.loads((folder / "labels.json").read_text())
    reading = task_named(described["task"]).reading(folder, described["form"])
    if isinstance(reading, Lists):
        return OnnxReranker(OnnxPredictor(folder.name, folder / MODEL, threads), reading)
    return OnnxPredictor(folder.name, folder / MODEL, threads, reading)


def parity(network: nn.Module, artefact: OnnxPredictor, rows: Mapping[str, Any]) -> float:
    """Hold the artefact against the torch student on real rows, alone and in a batch.

    Returns the largest difference of a logit over the largest logit.
    Raises: RequestError where it is above the tolerance: the artefact is not the student.
    """
    import torch

    with torch.inference_mode():
        wanted = network.eval()(*(torch.from_numpy(value) for value in rows.values())).numpy()
    batch = artefact.predict(rows)
    alone = artefact.predict({name: value[:1] for name, value in rows.items()})
    scale = max(1.0, float(np.abs(wanted).max()))
    worst = (
        max(float(np.abs(batch - wanted).max()), float(np.abs(alone - wanted[:1]).max())) / scale
    )
    if not worst <= TOLERANCE:
        raise RequestError(
            f"the ONNX artefact differs from the student by {worst:.2g} of the largest logit "
            f"(allowed: {TOLERANCE:.0e}); it is not shipped. Please report the student's layers"
        )
    return worst
