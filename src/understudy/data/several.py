"""Several labels a row: a table with 1 for each class that a row has, and -1 all over without any.

A label set that is empty says that the row is of no class; a missing one says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.data import labels
from understudy.data.cells import Column
from understudy.errors import RequestError

Table = NDArray[np.int8]
"""Shape [N, C] of 0, 1 and -1."""


def encode_sets(
    cells: Column, classes: Sequence[str] | None = None, separator: str = "|"
) -> tuple[Table, tuple[str, ...]]:
    """The labels of each row, and the names of the classes in the order of the columns.

    A cell is a list of labels, a text with `separator` between them, or one label. None, NaN and
    blank text are no label set; `[]` is the empty one. An array [N, C] of 0 and 1 is taken as it
    is, its columns named by `classes`, or by their numbers. Classes are ordered as those of single
    labels are.

    Shapes: [N] or [N, C] -> int8 [N, C].
    Raises: RequestError for labels outside `classes`, and fewer than two classes.
    """
    if isinstance(cells, np.ndarray) and cells.ndim == 2:
        return _marked(cells, classes)
    sets = [_set(cell, separator) for cell in cells]
    flat = [label for some in sets if some is not None for label in some]
    numbers, names = labels.encode(flat, classes)
    table = np.zeros((len(sets), len(names)), dtype=np.int8)
    counts = [0 if some is None else len(some) for some in sets]
    rows = np.repeat(np.arange(len(sets)), counts)
    if (numbers < 0).any():
        row = int(rows[np.flatnonzero(numbers < 0)[0]])
        raise RequestError(f"row {row} has a label that is empty; take it out of the list")
    table[rows, numbers] = 1
    table[[some is None for some in sets]] = labels.UNLABELLED
    return table, names


def encode_marks(columns: dict[str, Column]) -> tuple[Table, tuple[str, ...]]:
    """The same of one column a class, each holding 0 or 1, False or True, or nothing.

    A row that lacks one of them is without labels.
    Raises: RequestError where a cell is anything else.
    """
    marks = []
    for name, column in columns.items():
        try:
            values = np.asarray([np.nan if cell is None else cell for cell in column], dtype=float)
        except (TypeError, ValueError) as error:
            raise RequestError(_no_mark(name, error)) from error
        marks.append(values)
    return _marked(np.stack(marks, axis=1), tuple(columns))


def _marked(given: NDArray[Any], classes: Sequence[str] | None) -> tuple[Table, tuple[str, ...]]:
    """A table of 0 and 1 as it stands."""
    names = tuple(map(str, range(given.shape[1]))) if classes is None else tuple(classes)
    if len(names) != given.shape[1] or len(names) < 2:
        raise RequestError(
            f"the labels have {given.shape[1]} columns, one a class, and data.classes names "
            f"{len(names)}; there must be as many, two or more"
        )
    missing = np.isnan(given) if given.dtype.kind == "f" else np.zeros(given.shape, dtype=bool)
    odd = ~missing & ~np.isin(given, (labels.UNLABELLED, 0, 1))
    if odd.any():
        row, column = (int(place[0]) for place in np.nonzero(odd))
        raise RequestError(_no_mark(names[column], f"row {row} has {given[row, column]}"))
    table = np.where(missing, labels.UNLABELLED, given).astype(np.int8)
    table[(table < 0).any(axis=1)] = labels.UNLABELLED
    return table, names


def _no_mark(name: str, reason: object) -> str:
    return f"the label column '{name}' must hold 0 or 1 for each row: {reason}"


def _set(cell: Any, separator: str) -> list[Any] | None:
    """The labels in one cell; None where nothing is said."""
    if cell is None or (isinstance(cell, float | np.floating) and np.isnan(cell)):
        return None
    if isinstance(cell, str):
        parts = cell.split(separator if separator.strip() else None)  # any run of blanks is one
        return [part.strip() for part in parts] if cell.strip() else None
    if isinstance(cell, list | tuple | set | frozenset | np.ndarray):
        return sorted(cell, key=str) if isinstance(cell, set | frozenset) else list(cell)
    return [cell]


def strata(given: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """One number a row to split by: its class, or, of several, the rarest that it has.

    C where it has none of them, -1 where nothing is known.
    Shapes: class numbers [N], which stay as they are, or marks [N, C] -> [N].
    """
    if given.ndim == 1:
        return given.astype(np.int64, copy=False)
    common = (given > 0).sum(axis=0)
    rarity = np.where(given > 0, common, len(given) + 1)
    rarest = np.where((given > 0).any(axis=1), rarity.argmin(axis=1), given.shape[1])
    return np.where(labels.has_label(given), rarest, labels.UNLABELLED).astype(np.int64)
