"""What a column is made of: an array of numbers, or objects that are read when they are needed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Column: TypeAlias = "NDArray[Any] | Sequence[Any]"
"""Numbers as an array [N, ...]; texts, file paths, bytes or PIL images as objects, read lazily."""


class Chosen(Sequence[Any]):
    """Some cells of a lazy column; `indices` are their row numbers in the source."""

    def __init__(self, column: Column, indices: NDArray[np.int64]) -> None:
        self.column = column
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Chosen(self.column, self.indices[index])
        return self.column[int(self.indices[index])]

    def __iter__(self) -> Iterator[Any]:
        return (self.column[int(index)] for index in self.indices)


def source_row(column: Column, row: int) -> int:
    """The number in its source of a row of this column."""
    return int(column.indices[row]) if isinstance(column, Chosen) else row


def take(column: Column, indices: NDArray[np.int64]) -> Column:
    """Some cells of a column, in the order given; objects are not touched yet."""
    if isinstance(column, Chosen):
        return Chosen(column.column, column.indices[indices])
    if isinstance(column, np.ndarray) and column.dtype != object:
        return np.asarray(column[indices])
    return Chosen(column, indices)


def objects(values: Sequence[Any]) -> NDArray[np.object_]:
    """A list as a column of objects, whatever the objects are."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def as_column(value: Any) -> Column:
    """Numbers as an array, copied off the accelerator; anything else as objects."""
    if is_tensor(value):
        return np.asarray(value.detach().cpu().numpy())
    if isinstance(value, np.ndarray):
        return value if value.dtype.kind in "biuf" else objects(value.tolist())
    if isinstance(value, Sequence) and not isinstance(value, list | tuple | str | bytes):
        return value
    items = [item.detach().cpu().numpy() if is_tensor(item) else item for item in value]
    numbers = all(isinstance(item, np.ndarray | np.generic | int | float) for item in items)
    if items and numbers and len({np.shape(item) for item in items}) == 1:
        return np.asarray(items)
    return objects(items)


def is_tensor(value: object) -> bool:
    """Whether a value is a torch tensor; torch is not imported for that."""
    torch = sys.modules.get("torch")  # a tensor cannot exist where torch was never imported
    return torch is not None and isinstance(value, torch.Tensor)
