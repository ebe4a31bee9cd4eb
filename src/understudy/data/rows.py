"""Named columns of equal length: what every source becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.data.cells import Column, take
from understudy.data.fingerprint import of_parts
from understudy.errors import RequestError


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
        chosen = np.asarray(indices, dtype=np.int64)
        return replace(
            self,
            columns={name: take(column, chosen) for name, column in self.columns.items()},
            fingerprint=of_parts(self.fingerprint, chosen.tobytes()),
        )
