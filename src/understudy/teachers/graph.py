"""An ONNX file as teacher: a network over images, one over tokens, or a pipeline over strings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from understudy.data.texts import SEPARATOR
from understudy.errors import RequestError
from understudy.tasks.reading import Reading, Tokenised
from understudy.teachers.described import class_names, weight_files
from understudy.teachers.odds import log_odds, logarithms
from understudy.teachers.teacher import digest_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(string)": np.object_,
}
TOKEN_INPUTS = {
    "ids": "ids",
    "input_ids": "ids",
    "mask": "mask",
    "attention_mask": "mask",
    "token_type_ids": "parts",
}
"""What inputs over tokens are called, and which of ours they take."""
EXACT = 5e-3
"""How far the sum of a row may be from 1 where a table holds probabilities, in half precision."""


class Graph:
    """An `.onnx` file with one output [B, C]: logits, or probabilities, which become logits.

    Where a row may have `several` classes, a table within 0 and 1 holds probabilities of each.
    Images are handed over as they are stored, or behind `pixels` ([B, H, W, C] -> planes), as rows
    of pixels or as planes, whichever fits the graph. Graphs over tokens need `tokenizer.json`
    beside them; parts of a text are told apart by the separator. Names of classes come from
    `labels.json` or `config.json` beside the file, or from its metadata.
    Raises: RequestError where the file cannot be loaded, or has other inputs and outputs.
    """

    def __init__(
        self,
        path: Path,
        *,
        pixels: nn.Module | None = None,
        most: int | None = None,
        threads: int | None = None,
        several: bool = False,
    ) -> None:
        self.path = path
        self.several = several
        self.pixels = pixels
        self._session = _session(path, threads or torch.get_num_threads())
        self._inputs = list(self._session.get_inputs())
        self._output = self._table()
        self.classes = class_names(path, self._session.get_modelmeta().custom_metadata_map)
        width = self._output.shape[1]
        if self.classes and isinstance(width, int) and width != len(self.classes):
            raise RequestError(
                f"teacher: '{path}' answers {width} classes, but {len(self.classes)} are named "
                "for it; mend its labels.json"
            )
        self.reading: Reading | None = self._tokenizer(most)
        self._are_probabilities: bool | None = None
        parts = [_file_digest(part) for part in weight_files(path)]
        parts.append(self.reading.fingerprint if self.reading else "")
        if several:
            parts.append("several")
        if pixels is not None:
            parts.append(digest_of(pixels.state_dict(), repr(pixels)))
        self.fingerprint = hashlib.sha256(" ".join(parts).encode()).hexdigest()

    def answer(self, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
        """Shapes: raw rows [B, ...], or ids and mask [B, T] -> logits [B, C].

        Raises: RequestError where the graph does not take the rows, or answers no [B, C].
        """
        if self.reading:
            feed = self._tokens(np.asarray(inputs["ids"]), np.asarray(inputs["mask"]))
        elif "text" in inputs:
            feed = self._strings(inputs["text"])
        else:
            feed = self._image(next(iter(inputs.values())))
        table = self._run(feed)
        rows = len(next(iter(feed.values())))
        if table.ndim != 2 or len(table) != rows:
            raise self._misfit(f"answered {list(table.shape)} for {rows} rows")
        if self._are_probabilities is None:  # once: a single row of logits might look like some
            self._are_probabilities = _are_probabilities(table, self.several)
        if self._are_probabilities:
            table = log_odds(table) if self.several else logarithms(table)
        return {"logits": torch.from_numpy(table.astype(np.float32, copy=False))}

    def _run(self, feed: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        try:
            if self._inputs[0].shape[:1] != [1]:
                return np.asarray(self._session.run([self._output.name], dict(feed))[0])
            single = [
                {name: a[row : row + 1] for name, a in feed.items()}
                for row in range(len(next(iter(feed.values()))))
            ]
            return np.concatenate(
                [self._session.run([self._output.name], one)[0] for one in single]
            )
        except Exception as error:  # onnxruntime's own classes differ from release to release
            raise self._misfit(f"failed on these rows: {_line(error)}") from error

    def _tokenizer(self, most: int | None) -> Reading | None:
        names = {each.name for each in self._inputs}
        if not names <= set(TOKEN_INPUTS):
            return None
        if not {"ids", "mask"} <= {TOKEN_INPUTS[name] for name in names}:
            raise self._misfit("has no mask, without which padding would change its answers")
        from understudy.students.tokens import read_tokens

        if not (self.path.parent / "tokenizer.json").is_file():
            raise RequestError(
                f"teacher: '{self.path}' reads tokens, and no tokenizer.json lies beside it; put "
                "the one there with which it was trained"
            )
        limits = [each.shape[1] for each in self._inputs if isinstance(each.shape[1], int)]
        limits += [] if most is None else [most]
        return Tokenised(read_tokens(self.path.parent, min(limits, default=None)))

    def _tokens(self, ids: NDArray[Any], mask: NDArray[Any]) -> dict[str, NDArray[Any]]:
        assert isinstance(self.reading, Tokenised)
        between = self.reading.tokens.separator
        ends = np.cumsum(ids == between, axis=1) if between is not None else np.zeros_like(ids)
        ours = {"ids": ids, "mask": mask, "parts": ((ends - (ids == between)) > 0) * mask}
        feed = {}
        for each in self._inputs:
            values = ours[TOKEN_INPUTS[each.name]]
            if isinstance(each.shape[1], int):  # exported for texts of one length
                values = np.pad(values, ((0, 0), (0, max(0, each.shape[1] - values.shape[1]))))
            feed[each.name] = values.astype(KINDS.get(each.type, np.int64))
        return feed

    def _strings(self, texts: Any) -> dict[str, NDArray[Any]]:
        if [each.type for each in self._inputs] != ["tensor(string)"]:
            raise self._misfit("does not read texts")
        (only,) = self._inputs
        plain = np.array([str(text).replace(SEPARATOR, " ") for text in texts], dtype=object)
        return {only.name: plain.reshape(-1, 1) if len(only.shape) == 2 else plain}

    def _image(self, image: Any) -> dict[str, NDArray[Any]]:
        if len(self._inputs) != 1 or len(self._inputs[0].shape) != 4:
            raise self._misfit("does not read images")
        (only,) = self._inputs
        tensor = torch.as_tensor(image)
        with torch.no_grad():
            planes = tensor.permute(0, 3, 1, 2) if self.pixels is None else self.pixels(tensor)
        as_rows, as_planes = (
            _fits(only.shape, shape) for shape in (planes.permute(0, 2, 3, 1).shape, planes.shape)
        )
        if not (as_rows or as_planes):
            raise self._misfit(f"does not fit images of {list(tensor.shape[1:])}")
        # Where both fit, bytes are as a camera gives them, and floats as networks take them.
        if as_rows and (not as_planes or only.type == "tensor(uint8)"):
            planes = planes.permute(0, 2, 3, 1)
        kind = KINDS.get(only.type)
        if kind is np.uint8 and planes.dtype != torch.uint8:
            raise self._misfit("reads bytes, and these images hold floats")
        return {only.name: np.ascontiguousarray(planes.numpy(), dtype=kind)}

    def _table(self) -> Any:
        """The output with one number for each row and class.

        Of several, the one that is called logits or probabilities.
        """
        tables = [
            each
            for each in self._session.get_outputs()
            if each.type in ("tensor(float)", "tensor(double)", "tensor(float16)")
            and len(each.shape) == 2
        ]
        named = [each for each in tables if "logits" in each.name or "prob" in each.name]
        for found in (tables, named):
            if len(found) == 1:
                return found[0]
        raise self._misfit("has no output, or several, of floats [rows, classes]")

    def _misfit(self, why: str) -> RequestError:
        ends = (self._session.get_inputs(), self._session.get_outputs())
        inputs, outputs = (", ".join(f"{e.name} {e.type} {e.shape}" for e in end) for end in ends)
        hint = "; convert it with options={'zipmap': False}" if "seq(map" in outputs else ""
        return RequestError(
            f"teacher: '{self.path}' {why}; inputs: {inputs}; outputs: {outputs}{hint}"
        )


def _session(path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what goes wrong is told by an error, not on the way
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes differ from release to release
        raise RequestError(
            f"teacher: '{path}' cannot be loaded by onnxruntime: {_line(error)}"
        ) from error


def _fits(wanted: list[Any], shape: Any) -> bool:
    """Whether images of a shape are what a graph takes, whose open sizes are names."""
    return all(
        not isinstance(size, int) or size == given
        for size, given in zip(wanted[1:], shape[1:], strict=True)
    )


def _are_probabilities(table: NDArray[Any], several: bool) -> bool:
    """Whether a table holds those of one class a row, or of `several`, and not logits."""
    if several:
        return bool(((table >= 0) & (table <= 1)).all())
    return bool((table >= 0).all() and (np.abs(table.sum(axis=1) - 1) < EXACT).all())


def _line(error: Exception) -> str:
    """What onnxruntime says over several lines, in one of a readable length."""
    return " ".join(str(error).split())[:400]


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
