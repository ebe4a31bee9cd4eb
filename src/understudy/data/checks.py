"""What a user should know of rows before trusting a figure: counted, kept and told of.

Every check gives a list of findings, empty where there is nothing to tell. Nothing is dropped.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.data.cells import Column
from understudy.data.labels import has_label

IntArray = NDArray[np.int64]
Hashes = NDArray[np.uint64]

SHOWN = 50
"""Rows that a finding lists."""
IMBALANCE = 20.0
"""Times as many rows in the largest class as in the smallest, from where it is worth telling."""


@dataclass(frozen=True)
class Finding:
    """One thing found: how many rows (or classes) it concerns, the first of them, one sentence.

    `rows` are positions in what the check was given.
    """

    kind: str
    count: int
    rows: tuple[int, ...]
    text: str

    def renumbered(self, numbers: IntArray) -> Finding:
        """The same finding where position i is row `numbers[i]` of something larger."""
        return replace(self, rows=tuple(int(numbers[row]) for row in self.rows))


def finding(kind: str, rows: IntArray, text: str) -> list[Finding]:
    """One finding over these rows, or none where there are no rows."""
    if not len(rows):
        return []
    return [Finding(kind, len(rows), tuple(map(int, rows[:SHOWN])), text)]


def row_hashes(column: Column) -> Hashes:
    """64 bits of the content of each row, equal for equal rows of one shape and dtype.

    Two of a million different rows are hashed alike with a chance of 3 in 100 million.
    Shapes: [N, ...], or N texts or bytes -> [N].
    """
    cells: Any
    if isinstance(column, np.ndarray) and column.dtype != object:
        width = math.prod(column.shape[1:])
        cells = np.ascontiguousarray(column).reshape(len(column), width)
    else:
        cells = (cell if isinstance(cell, bytes) else str(cell).encode() for cell in column)
    digests = b"".join(hashlib.blake2b(cell, digest_size=8).digest() for cell in cells)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def find_duplicates(hashes: Hashes) -> list[Finding]:
    """Rows that repeat an earlier one."""
    repeats = np.ones(len(hashes), dtype=bool)
    repeats[np.unique(hashes, return_index=True)[1]] = False
    rows = np.flatnonzero(repeats)
    text = f"{_many(len(rows), 'row repeats', 'rows repeat')} an earlier one of {len(hashes)}"
    return finding("duplicates", rows, text)


def find_leaks(train: Hashes, test: Hashes) -> list[Finding]:
    """Test rows that the student has seen in training; `rows` are positions in test."""
    rows = np.flatnonzero(np.isin(test, train))
    text = (
        f"{len(rows)} of {len(test)} test rows are in train too: "
        "the quality on them is not that on new rows"
    )
    return finding("leaked_test_rows", rows, text)


def conflicting_labels(hashes: Hashes, labels: NDArray[Any]) -> list[Finding]:
    """Equal rows with different labels, or sets of them: at most one is right.

    Shapes: hashes [N], labels [N] or [N, C].
    """
    labelled = np.flatnonzero(has_label(labels))
    if labels.ndim == 2:
        labels = np.unique(labels, axis=0, return_inverse=True)[1].reshape(-1)
    group = np.unique(hashes[labelled], return_inverse=True)[1].reshape(-1)
    pairs = np.unique(np.stack([group, labels[labelled]], axis=1), axis=0)
    conflicts = np.bincount(pairs[:, 0], minlength=int(group.max(initial=0)) + 1) > 1
    rows = labelled[conflicts[group]]
    text = (
        f"{len(rows)} rows are equal to another with a different label "
        f"({int(conflicts.sum())} groups)"
    )
    return finding("conflicting_labels", rows, text)


def class_counts(labels: NDArray[Any], classes: Sequence[str]) -> dict[str, int]:
    """How many rows each class has. Shapes: labels [N] or [N, C]."""
    if labels.ndim == 2:
        counts = (labels > 0).sum(axis=0)
    else:
        counts = np.bincount(labels[labels >= 0], minlength=len(classes))
    return {name: int(count) for name, count in zip(classes, counts, strict=True)}


def label_findings(
    labels: NDArray[Any], classes: Sequence[str], part: str = "train"
) -> list[Finding]:
    """Rows without a label, classes without rows, and classes of very different size in a part.

    For the latter two `count` is a number of classes, and `rows` stays empty.
    Shapes: labels [N] or [N, C].
    """
    unlabelled = np.flatnonzero(~has_label(labels))
    text = f"{len(unlabelled)} of {len(labels)} {part} rows have no label"
    found = finding("unlabelled", unlabelled, text)
    counts = class_counts(labels, classes)
    absent = [name for name, count in counts.items() if not count]
    if absent:
        text = f"{len(absent)} of {len(classes)} classes have no {part} row: {_listed(absent)}"
        found.append(Finding("missing_classes", len(absent), (), text))
    present = {name: count for name, count in counts.items() if count}
    if present:
        largest = max(present, key=present.__getitem__)
        rare = [name for name in present if present[largest] > IMBALANCE * present[name]]
        if rare:
            least = min(rare, key=present.__getitem__)
            text = (
                f"class '{largest}' has {present[largest]} {part} rows, '{least}' has "
                f"{present[least]}: {present[largest] / present[least]:.0f} times as many"
            )
            found.append(Finding("imbalance", len(rare), (), text))
    return found


def suspect_labels(
    log_probabilities: NDArray[np.floating[Any]],
    labels: IntArray,
    threshold: float = 0.9,
    classes: Sequence[str] | None = None,
) -> list[Finding]:
    """Rows where the teacher is confident in another class than the label, surest first.

    Shapes: log_probabilities [N, C], labels [N].
    Source: the idea of Northcutt, Jiang, Chuang 2021, arXiv:1911.00068 (confident learning), with
    one threshold for all classes.
    """
    said = log_probabilities.argmax(axis=1)
    confidence = np.exp(log_probabilities.max(axis=1).astype(np.float64))
    rows = np.flatnonzero((labels >= 0) & (said != labels) & (confidence >= threshold))
    rows = rows[np.argsort(-confidence[rows], kind="stable")]
    if not len(rows):
        return []
    first = rows[0]
    label, other = (
        f"'{classes[number]}'" if classes else f"class {number}"
        for number in (labels[first], said[first])
    )
    text = (
        f"{len(rows)} of {len(labels)} labels are suspect: the teacher gives another class "
        f"{threshold:.0%} or more, as for row {first}, labelled {label}, where it says {other}"
    )
    return finding("suspect_labels", rows, text)


def _many(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _listed(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
