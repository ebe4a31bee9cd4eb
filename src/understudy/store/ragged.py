"""Columns whose rows differ in length: flat values, and where each row starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths, one after another.

    Shapes: values [elements, *shape], offsets [rows + 1] int64; row i is
            values[offsets[i] : offsets[i + 1]].
    """

    values: Array
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def row(self, number: int) -> Array:
        """The elements of one row: [length, *shape]."""
        return self.values[self.offsets[number] : self.offsets[number + 1]]

    @staticmethod
    def of(rows: Sequence[Array]) -> Ragged:
        """Put rows ([length, *shape] each, at least one) behind each other."""
        return Ragged(np.concatenate(rows), offsets_of(np.array([len(row) for row in rows])))


Values = Array | Ragged


def offsets_of(lengths: Array) -> npt.NDArray[np.int64]:
    """Where rows of these lengths start, and where the last one ends: [rows] -> [rows + 1]."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def elements_of(starts: Array, lengths: Array) -> npt.NDArray[np.int64]:
    """The numbers of all elements of some rows: starts, lengths [rows] -> [lengths.sum()]."""
    before = offsets_of(lengths)
    shift = np.repeat(starts - before[:-1], lengths)
    return shift + np.arange(before[-1], dtype=np.int64)
