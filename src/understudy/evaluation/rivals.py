"""What a user would otherwise pick: simple models, trained in seconds without a teacher.

A kind is two pure functions: `train` gives named arrays, `answering` a function that answers from
them. So every rival is saved as arrays, terms and a line of JSON, and loads without running any
stored code.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.data.several import strata
from understudy.errors import DamagedError, RequestError, did_you_mean
from understudy.evaluation import tfidf
from understudy.evaluation.linear import answer_linear, train_linear
from understudy.evaluation.neighbours import answer_neighbours, train_neighbours
from understudy.evaluation.predictor import Inputs
from understudy.files import replace_atomically, write_atomically, write_json

Arrays = Mapping[str, NDArray[Any]]
"""Numbers, and terms: arrays of str."""
Features = NDArray[Any]
Answer = Callable[[Features], NDArray[np.float32]]

LARGEST_SIDE = 32
"""Pixels; larger images are brought below it by averaging whole blocks."""

ROWS_CAP = 10_000
"""Images that a rival learns from, at most, so that it is trained in seconds."""
TEXTS_CAP = 50_000
"""Texts likewise: a short one has some dozens of terms, where an image has thousands of pixels."""


@dataclass(frozen=True)
class Kind:
    """What one kind of rival reads, and how it learns and answers."""

    reads: str
    """The column of raw rows."""
    train: Callable[[Features, NDArray[np.int64], int, int], Arrays]
    answering: Callable[[Arrays], Answer]


KINDS: Mapping[str, Kind] = {
    "linear": Kind("image", train_linear, lambda arrays: partial(answer_linear, arrays)),
    "knn": Kind("image", train_neighbours, lambda arrays: partial(answer_neighbours, arrays)),
    "tfidf-svm": Kind("text", tfidf.train_svm, tfidf.answering),
    "tfidf-linear": Kind("text", tfidf.train_logistic, tfidf.answering),
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
        return sum(array.size for array in _numbers(self.arrays).values())

    @property
    def bytes(self) -> int:
        """Of its numbers and terms as they are stored, without the heads of the files."""
        terms = _terms(self.arrays)
        numbers = sum(array.nbytes for array in _numbers(self.arrays).values())
        return numbers + (len(_spelled(terms)) if terms else 0)

    @cached_property
    def answer(self) -> Answer:
        """Features in, logits out; made ready once."""
        return KINDS[self.kind].answering(self.arrays)

    def predict(self, inputs: Inputs) -> NDArray[np.float32]:
        """Shapes: {"image": [B, height, width, channels]} or {"text": [B]} -> logits [B, C]."""
        return self.answer(_features(self.kind, inputs))


def train_rivals(
    names: str | Sequence[str],
    inputs: Inputs,
    labels: NDArray[np.int64],
    classes: int,
    seed: int = 0,
    rows_cap: int | None = None,
) -> dict[str, Rival]:
    """Train the rivals asked for ("auto" is all, "none" is none) on labelled rows.

    At most `rows_cap` rows are used, with every class in its share; `rows_used` says how many were.
    Of long texts there are fewer, so that they fit into memory.
    Raises RequestError for a name unknown for such rows, or where the labels hold fewer than two
    classes.
    """
    chosen = chosen_kinds(names, tuple(inputs))
    cap = most_rows(tuple(inputs)) if rows_cap is None else rows_cap
    if "text" in inputs:
        cap = min(cap, tfidf.rows_within_reach(inputs["text"]))
    rows = stratified(labels, cap, seed)
    if chosen and _classes_in(labels[rows]) < 2:
        raise RequestError("rivals need training rows of at least two classes")
    used = {column: values[rows] for column, values in inputs.items()} if chosen else {}
    rivals = {}
    for kind in chosen:
        started = time.perf_counter()
        arrays = KINDS[kind].train(_features(kind, used), labels[rows], classes, seed)
        rival = Rival(kind, arrays, len(rows), time.perf_counter() - started)
        rivals[rival.name] = rival
    return rivals


def _classes_in(labels: NDArray[np.int64]) -> int:
    """How many classes some rows have. Shapes: labels [N] or [N, C]."""
    return int(labels.any(axis=0).sum()) if labels.ndim == 2 else len(np.unique(labels))


def chosen_kinds(
    names: str | Sequence[str], inputs: Collection[str] = ("image",)
) -> tuple[str, ...]:
    """The kinds that `rivals:` of a recipe asks for, for rows of these columns.

    Raises RequestError for one that does not exist, or not for such rows.
    """
    known = [name for name, kind in KINDS.items() if kind.reads in inputs]
    if names in ("auto", "none"):
        return tuple(known) if names == "auto" else ()
    asked = (names,) if isinstance(names, str) else tuple(names)
    for name in asked:
        if name not in known:
            hint = did_you_mean(name, [*known, "auto", "none"])
            held = " or ".join(f"{column}s" for column in inputs)
            raise RequestError(f"rivals: there is no rival '{name}' for {held}; {hint}")
    return tuple(dict.fromkeys(asked))


def most_rows(inputs: Collection[str]) -> int:
    """How many rows of these columns a rival learns from, at most."""
    return TEXTS_CAP if "text" in inputs else ROWS_CAP


def stratified(labels: NDArray[np.int64], cap: int, seed: int) -> NDArray[np.int64]:
    """At most `cap` labelled rows, in order, every class in its share to within one row.

    Where a row may have several, its rarest one counts.
    Shapes: labels [N] or [N, C], -1 for none -> at most [cap] row numbers.
    """
    labels = strata(labels)
    rows = np.flatnonzero(labels >= 0)
    shuffled = np.random.default_rng(seed).permutation(rows)
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    kept = min(cap, len(rows))
    return np.sort(by_class[np.arange(kept) * len(rows) // max(kept, 1)])


def pixels(images: NDArray[np.generic]) -> NDArray[np.float32]:
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
    """Write a rival: `weights.safetensors`, `vocabulary.json` where it has terms, `rival.json`.

    The last one makes it whole.
    """
    from safetensors.numpy import save_file

    arrays = {name: np.ascontiguousarray(array) for name, array in _numbers(rival.arrays).items()}
    replace_atomically(folder / "weights.safetensors", lambda path: save_file(arrays, path))
    if terms := _terms(rival.arrays):
        write_atomically(folder / "vocabulary.json", _spelled(terms))
    facts = {"kind": rival.kind, "rows_used": rival.rows_used, "seconds": rival.seconds}
    write_json(folder / "rival.json", facts)


def load(folder: Path) -> Rival:
    """Read a saved rival. Raises DamagedError where the folder does not hold one."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        facts = json.loads((folder / "rival.json").read_text())
        arrays = load_file(folder / "weights.safetensors")
        if KINDS[facts["kind"]].reads == "text":
            terms = json.loads((folder / "vocabulary.json").read_text())
            arrays |= {part: np.array(listed, dtype=object) for part, listed in terms.items()}
        rival = Rival(facts["kind"], arrays, facts["rows_used"], facts["seconds"])
        _ = rival.answer  # made ready now, so that arrays that do not fit show here
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise DamagedError(f"{folder} does not hold a saved rival: {error}") from error
    return rival


def _features(kind: str, inputs: Inputs) -> Features:
    """What a kind of rival reads of raw rows."""
    column = KINDS[kind].reads
    return pixels(inputs["image"]) if column == "image" else inputs[column]


def _numbers(arrays: Arrays) -> dict[str, NDArray[Any]]:
    return {name: array for name, array in arrays.items() if array.dtype != object}


def _terms(arrays: Arrays) -> dict[str, list[str]]:
    return {name: array.tolist() for name, array in arrays.items() if array.dtype == object}


def _spelled(terms: Mapping[str, list[str]]) -> bytes:
    return json.dumps(terms, ensure_ascii=False, separators=(",", ":")).encode()
