"""What a user would otherwise pick: simple models of images, trained in seconds without a teacher.

A kind is two pure functions: `train` gives named arrays, `answer` gives logits from them. So every
rival is saved as arrays and a line of JSON, and loads without running any stored code.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.errors import DamagedError, RequestError, did_you_mean
from understudy.evaluation.linear import answer_linear, train_linear
from understudy.evaluation.neighbours import answer_neighbours, train_neighbours
from understudy.evaluation.predictor import Inputs
from understudy.files import replace_atomically, write_json

Arrays = Mapping[str, NDArray[Any]]
Features = NDArray[np.float32]

LARGEST_SIDE = 32
"""Pixels; larger images are brought below it by averaging whole blocks."""


ROWS_CAP = 10_000
"""Rows that a rival learns from, at most, so that it is trained in seconds."""


@dataclass(frozen=True)
class Kind:
    """How one kind of rival learns and answers."""

    train: Callable[[Features, NDArray[np.int64], int, int], Arrays]
    answer: Callable[[Arrays, Features], NDArray[np.float32]]


KINDS: Mapping[str, Kind] = {
    "linear": Kind(train_linear, answer_linear),
    "knn": Kind(train_neighbours, answer_neighbours),
}


@dataclass(frozen=True)
class Rival:
    """A trained rival; a Predictor named `rival-KIND`."""

    kind: str
    arrays: Arrays
    rows_used: int
    seconds: float
    """What training took."""

    @property
    def name(self) -> str:
        return f"rival-{self.kind}"

    @property
    def parameters(self) -> int:
        """How many numbers it keeps; for neighbours these are rows, not weights."""
        return sum(array.size for array in self.arrays.values())

    @property
    def bytes(self) -> int:
        return sum(array.nbytes for array in self.arrays.values())

    def predict(self, inputs: Inputs) -> NDArray[np.float32]:
        """Shapes: {"image": [B, height, width, channels]} -> logits [B, C]."""
        return KINDS[self.kind].answer(self.arrays, pixels(inputs["image"]))


def train_rivals(
    names: str | Sequence[str],
    inputs: Inputs,
    labels: NDArray[np.int64],
    classes: int,
    seed: int = 0,
    rows_cap: int = ROWS_CAP,
) -> dict[str, Rival]:
    """Train the rivals asked for ("auto" is all, "none" is none) on labelled rows.

    At most `rows_cap` rows are used, with every class in its share; `rows_used` says how many were.
    Raises RequestError for an unknown name, or where the labels hold fewer than two classes.
    """
    chosen = chosen_kinds(names)
    rows = stratified(labels, rows_cap, seed)
    if chosen and len(np.unique(labels[rows])) < 2:
        raise RequestError("rivals need training rows of at least two classes")
    rivals = {}
    for kind in chosen:
        started = time.perf_counter()
        arrays = KINDS[kind].train(pixels(inputs["image"][rows]), labels[rows], classes, seed)
        rival = Rival(kind, arrays, len(rows), time.perf_counter() - started)
        rivals[rival.name] = rival
    return rivals


def chosen_kinds(names: str | Sequence[str]) -> tuple[str, ...]:
    """The kinds that `rivals:` of a recipe asks for. Raises RequestError for an unknown one."""
    if names in ("auto", "none"):
        return tuple(KINDS) if names == "auto" else ()
    asked = (names,) if isinstance(names, str) else tuple(names)
    for name in asked:
        if name not in KINDS:
            hint = did_you_mean(name, [*KINDS, "auto", "none"])
            raise RequestError(f"rivals: there is no rival '{name}' for images; {hint}")
    return tuple(dict.fromkeys(asked))


def stratified(labels: NDArray[np.int64], cap: int, seed: int) -> NDArray[np.int64]:
    """At most `cap` labelled rows, in order, every class in its share to within one row.

    Shapes: labels [N], -1 for none -> at most [cap] row numbers.
    """
    rows = np.flatnonzero(labels >= 0)
    shuffled = np.random.default_rng(seed).permutation(rows)
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    kept = min(cap, len(rows))
    return np.sort(by_class[np.arange(kept) * len(rows) // max(kept, 1)])


def pixels(images: NDArray[np.generic]) -> Features:
    """Images as rows of numbers. Shapes: [B, height, width, channels] -> [B, F].

    Limits: a side above 32 pixels is averaged in whole blocks; what does not fill one is cut.
    """
    rows, height, width, channels = images.shape
    block = -(-max(height, width) // LARGEST_SIDE)
    if block > 1:
        high, wide = max(height // block, 1), max(width // block, 1)
        cut = images[:, : high * block, : wide * block].astype(np.float32)
        blocks = cut.reshape(rows, high, cut.shape[1] // high, wide, cut.shape[2] // wide, channels)
        images = blocks.mean(axis=(2, 4))
    return images.reshape(rows, -1).astype(np.float32)


def save(rival: Rival, folder: Path) -> None:
    """Write a rival as `weights.safetensors` and then `rival.json`, which makes it whole."""
    from safetensors.numpy import save_file

    arrays = {name: np.ascontiguousarray(array) for name, array in rival.arrays.items()}
    replace_atomically(folder / "weights.safetensors", lambda path: save_file(arrays, path))
    facts = {"kind": rival.kind, "rows_used": rival.rows_used, "seconds": rival.seconds}
    write_json(folder / "rival.json", facts)


def load(folder: Path) -> Rival:
    """Read a saved rival. Raises DamagedError where the folder does not hold one."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        facts = json.loads((folder / "rival.json").read_text())
        arrays = load_file(folder / "weights.safetensors")
        return Rival(facts["kind"], arrays, facts["rows_used"], facts["seconds"])
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise DamagedError(f"{folder} does not hold a saved rival: {error}") from error
