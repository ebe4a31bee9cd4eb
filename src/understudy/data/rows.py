"""Named columns of equal length: what every source becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from understudy.errors import RequestError

Column: TypeAlias = "NDArray[Any] | Sequence[Any]"
"""Numbers as an array [N, ...]; texts, file paths, bytes or PIL images as objects, read lazily."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one source.

    `origin` names the source in messages; `fingerprint` is the SHA-256 of its content, wherever it
    lies. `classes` are the names of the label column's classes in the order that the source gives
    them, where it gives one. `skipped` counts by reason what was there and is no row.

    Raises: RequestError where the columns differ in length, or there are none.
    """

    columns: Mapping[str, Column]
    origin: str
    fingerprint: str
    classes: tuple[str, ...] | None = None
    skipped: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {name: len(column) for name, column in self.columns.items()}
        if not lengths:
            raise RequestError(f"{self.origin} holds no columns")
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            raise RequestError(
                f"the columns of {self.origin} differ in length: {told} rows; "
                "every row needs a value in every column"
            )

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def select(self, indices: NDArray[np.integer[Any]] | Sequence[int]) -> Rows:
        """Some of the rows, in the order given; lazy columns stay lazy.

        The fingerprint follows from that of all rows and the choice.
        """
        from understudy.data.fingerprint import of_parts

        chosen = np.asarray(indices, dtype=np.int64)
        return replace(
            self,
            columns={name: _take(column, chosen) for name, column in self.columns.items()},
            fingerprint=of_parts(self.fingerprint, chosen.tobytes()),
        )


class Chosen(Sequence[Any]):
    """Some cells of a lazy column; `indices` are their row numbers in the source."""

    def __init__(self, column: Sequence[Any], indices: NDArray[np.int64]) -> None:
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


def _take(column: Column, indices: NDArray[np.int64]) -> Column:
    if isinstance(column, Chosen):
        return Chosen(column.column, column.indices[indices])
    if isinstance(column, np.ndarray) and column.dtype != object:
        return np.asarray(column[indices])
    return Chosen(column, indices)
