"""Export to ONNX in 8 bits: several ways are tried, measured against the student, and one ships."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import RequestError
from understudy.export import onnx, quantising
from understudy.export.choosing import Candidate, Choice, choose, is_small
from understudy.export.closeness import (
    MOST_DIVERGENCE,
    MOST_LOST,
    SEVERAL,
    Closeness,
    closeness,
    measure_of,
    within_tolerance,
)
from understudy.export.onnx import MODEL, OnnxPredictor, OnnxReranker
from understudy.files import replace_atomically, write_atomically, write_json
from understudy.tasks import task_named
from understudy.tasks.folders import ModelFacts

if TYPE_CHECKING:
    from torch import nn

    from understudy.export.quantising import Rows, Way

BATCH = 32
SEARCHED = 20
"""Trials to find the nodes that suffer most; a larger graph is searched in groups of nodes."""
SEARCHED_ON = 100
"""Rows of such a trial: they rank nodes, and decide nothing else."""
ROUNDS, LEAST_ROUNDS, SECONDS = 50, 5, 3.0
"""Timed rounds of all candidates: the most, the fewest, and when to stop between them."""


def write(
    network: nn.Module,
    facts: ModelFacts,
    rows: Rows,
    folder: Path,
    calibration: Rows | None = None,
) -> dict[str, Any]:
    """Write the fp32 artefact's files with an INT8 `model.onnx`, and `candidates.json`.

    `calibration` are rows, 200 to 500, on which ranges are found and candidates are compared; by
    default those of the parity check.
    Raises: RequestError where the student cannot be exported, or no way of quantising works.
    """
    (folder / MODEL).unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="understudy-int8-") as scratch:
        whole = Path(scratch) / "whole"
        onnx.write(network, facts, rows, whole)
        several = task_named(facts.task).several
        some = rows if calibration is None else calibration
        bench = _bench(network, whole / MODEL, some, several)
        candidates, failed = _candidates(bench, whole.parent)
        choice = choose(candidates, bench.whole_bytes)
        chosen = choice.candidate
        for path in sorted(whole.iterdir()):
            if path.name != MODEL:
                write_atomically(folder / path.name, path.read_bytes())
        made = (whole.parent / f"{chosen.name}.onnx").read_bytes()
        replace_atomically(folder / MODEL, lambda path: path.write_bytes(made))
    told = _told(candidates, failed, choice, bench)
    write_json(folder / "candidates.json", told)
    parity = _parity(network, OnnxPredictor(folder.name, folder / MODEL), rows)
    return {"parity": parity, "bytes": chosen.bytes, **told}


def load(folder: Path, threads: int = 1) -> OnnxPredictor | OnnxReranker:
    """The artefact in a folder, held to a number of threads."""
    return onnx.load(folder, threads)


@dataclass(frozen=True)
class _Bench:
    """What every candidate is held against."""

    source: Path
    """The fp32 file that they are made from."""
    rows: Rows
    wanted: Any
    """What the student says of these rows in torch. Shapes: [B, C]."""
    output: str
    """What it is called, or SEVERAL where a row may have several classes."""

    @property
    def whole_bytes(self) -> int:
        return self.source.stat().st_size


def _bench(network: nn.Module, source: Path, rows: Rows, several: bool) -> _Bench:
    name = OnnxPredictor("fp32", source).session.get_outputs()[0].name
    output = SEVERAL if several else name
    return _Bench(source, rows, _said_in_torch(network, rows), output)


def _candidates(bench: _Bench, folder: Path) -> tuple[list[Candidate], dict[str, str]]:
    """All that can be made, fp32 first and timed side by side; and why others cannot be."""
    whole = Candidate(
        "fp32", False, bench.whole_bytes, 0.0, _closeness(bench.source, bench), within=True
    )
    made, failed, ways = [whole], {}, {}
    (folder / "fp32.onnx").hardlink_to(bench.source)
    for way in quantising.ways_for(bench.source):
        try:
            made.append(_made(way, bench, folder / f"{way.name}.onnx"))
            ways[way.name] = way
        except Exception as error:  # the tools raise whatever they meet
            failed[way.name] = _reason(error)
    quantised = [candidate for candidate in made if candidate.int8]
    if not quantised:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        raise RequestError(
            f"the student cannot be quantised ({reasons}); write 'onnx' under export instead of "
            "'onnx-int8'"
        )
    small = [one for one in quantised if is_small(one.bytes, bench.whole_bytes)]
    if not any(candidate.within for candidate in small or quantised):
        start = min(small or quantised, key=lambda one: one.closeness.divergence)
        try:
            made.extend(_with_nodes_left_out(ways[start.name], start, bench, folder))
        except Exception as error:
            failed[f"{start.name}-in-part"] = _reason(error)
    seconds = _seconds([folder / f"{one.name}.onnx" for one in made], bench.rows)
    return [replace(one, seconds=time) for one, time in zip(made, seconds, strict=True)], failed


def _made(way: Way, bench: _Bench, target: Path, left_out: Sequence[str] = ()) -> Candidate:
    quantising.make(way, bench.source, target, bench.rows, left_out)
    found = _closeness(target, bench)
    return Candidate(
        name=target.stem,
        int8=way.int8,
        bytes=target.stat().st_size,
        seconds=0.0,
        closeness=found,
        within=within_tolerance(found, bench.output),
        left_out=tuple(left_out),
    )


def _with_nodes_left_out(
    way: Way, start: Candidate, bench: _Bench, folder: Path
) -> Iterator[Candidate]:
    """The same way with the nodes that suffer most kept in fp32, as few as bring it within
    tolerance; none where that takes so many that it is no longer small.
    """
    must_be_small = is_small(start.bytes, bench.whole_bytes)
    target = folder / f"{way.name}-in-part.onnx"
    left_out: list[str] = []
    for group in _most_sensitive_first(way, bench, target):
        left_out += group
        trial = _made(way, bench, target, left_out)
        if must_be_small and not is_small(trial.bytes, bench.whole_bytes):
            return
        if trial.within:
            yield trial
            return


def _most_sensitive_first(way: Way, bench: _Bench, target: Path) -> list[list[str]]:
    """Groups of nodes, first those without whose quantising the divergence is least."""
    nodes = quantising.weighted_nodes(bench.source)
    count = min(SEARCHED, len(nodes))
    groups = [list(map(str, group)) for group in np.array_split(nodes, max(1, count))]
    few = replace(
        bench,
        rows={name: values[:SEARCHED_ON] for name, values in bench.rows.items()},
        wanted=bench.wanted[:SEARCHED_ON],
    )
    trials = [(_made(way, few, target, group).closeness.divergence, group) for group in groups]
    return [group for _, group in sorted(trials)]


def _closeness(path: Path, bench: _Bench) -> Closeness:
    found = _said(OnnxPredictor(path.stem, path), bench.rows)
    if not np.isfinite(found).all():
        raise ValueError("it answers with numbers that are not finite")
    return closeness(bench.wanted, found, bench.output)


def _said_in_torch(network: nn.Module, rows: Rows) -> Any:
    import torch

    network.eval()
    with torch.inference_mode():
        answers = [
            network(*(torch.from_numpy(np.ascontiguousarray(value)) for value in batch.values()))
            for batch in _batches(rows)
        ]
    return torch.cat(answers).numpy()


def _said(artefact: OnnxPredictor, rows: Rows) -> Any:
    """What an artefact says, of rows in batches: how INT8 rounds can depend on the neighbours."""
    return np.concatenate([artefact.session.run(None, dict(part))[0] for part in _batches(rows)])


def _batches(rows: Rows) -> Iterator[dict[str, Any]]:
    for first in range(0, len(next(iter(rows.values()))), BATCH):
        yield {name: value[first : first + BATCH] for name, value in rows.items()}


def _seconds(paths: Sequence[Path], rows: Rows) -> list[float]:
    """The least seconds of one batch of each artefact; they take turns, on one thread each.

    The least and not the middle: a busy machine only ever adds.
    """
    sessions = [OnnxPredictor(path.stem, path).session for path in paths]
    batch = next(_batches(rows))
    for session in sessions:
        session.run(None, batch)
    least = [float("inf")] * len(sessions)
    began = perf_counter()
    for turn in range(ROUNDS):
        if turn >= LEAST_ROUNDS and perf_counter() - began > SECONDS:
            break
        for place in np.roll(np.arange(len(sessions)), turn):
            started = perf_counter()
            sessions[place].run(None, batch)
            least[place] = min(least[place], perf_counter() - started)
    return least


def _parity(network: nn.Module, artefact: OnnxPredictor, rows: Rows) -> float:
    """The largest difference of an output over the largest output, alone and in batches."""
    wanted = _said_in_torch(network, rows)
    alone = _said(artefact, {name: value[:1] for name, value in rows.items()})
    apart = max(np.abs(_said(artefact, rows) - wanted).max(), np.abs(alone - wanted[:1]).max())
    return float(apart / max(1.0, np.abs(wanted).max()))


def _told(
    candidates: Sequence[Candidate], failed: Mapping[str, str], choice: Choice, bench: _Bench
) -> dict[str, Any]:
    """What `candidates.json` says."""
    measure = measure_of(bench.output)
    entries: list[dict[str, Any]] = []
    for one in candidates:
        entry = asdict(one)
        figures = entry.pop("closeness")
        entry["left_out"] = list(one.left_out)
        entry |= {measure: figures.pop("divergence"), **figures}
        entries.append({**entry, "chosen": one is choice.candidate})
    return {
        "chosen": choice.candidate.name,
        "why": choice.why,
        "within_tolerance": choice.candidate.within,
        "tolerance": {
            measure: MOST_DIVERGENCE.get(bench.output, MOST_DIVERGENCE["logits"]),
            "lost": MOST_LOST,
        },
        "rows": len(bench.wanted),
        "batch": min(BATCH, len(bench.wanted)),
        "candidates": entries,
        "failed": dict(failed),
    }


def _reason(error: Exception) -> str:
    """The first line of what a tool said, without the folders of this machine."""
    line = (str(error).strip().splitlines() or [""])[0][:300]
    return re.sub(r"(?:/[^\s/'\":]+)+/", "", f"{type(error).__name__}: {line}")
