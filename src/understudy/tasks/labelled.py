"""What every task of labelled rows does with them: encode labels, split, refuse, slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.data import labels, splits
from understudy.data.checks import class_counts
from understudy.data.columns import choose_columns
from understudy.data.labels import has_label
from understudy.data.several import encode_marks, encode_sets, strata
from understudy.errors import RequestError
from understudy.tasks.prepared import ROLES, UNLABELLED, IntArray

if TYPE_CHECKING:
    from understudy.data.rows import Rows
    from understudy.data.settings import Data


def labels_of(
    rows: Rows, data: Data, classes: Sequence[str] | None, several: bool = False
) -> tuple[Any, tuple[str, ...]]:
    """The class number of each row [N], or its marks [N, C], and the names of the classes.

    Raises: RequestError where a column is missing, or a cell is no label of these classes.
    """
    if several and data.label_columns:
        own = {name: name for name in data.label_columns}
        named = choose_columns(rows, data.label_columns, own)
        return encode_marks({name: rows.columns[named[name]] for name in own})
    cells = rows.columns[choose_columns(rows, ("label",), data.columns)["label"]]
    if several:
        return encode_sets(cells, classes, data.label_separator)
    return labels.encode(cells, classes)


def encode_labels(
    rows: Mapping[str, Rows], given: Sequence[str], data: Data, several: bool = False
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The labels of each role, as `labels_of` has them, and the names of the classes of `train`."""
    encoded: dict[str, Any] = {}
    classes = data.classes or rows["train"].classes
    for role in given:  # `train` first, which settles the classes
        if role in UNLABELLED:
            known = encoded["train"]
            encoded[role] = np.full((len(rows[role]), *known.shape[1:]), -1, dtype=known.dtype)
            continue
        with about(role):
            encoded[role], classes = labels_of(rows[role], data, classes, several)
    assert classes is not None
    return encoded, classes


@contextmanager
def about(role: str) -> Iterator[None]:
    """Say of which source an error tells."""
    try:
        yield
    except RequestError as error:
        raise RequestError(f"data.{role}: {error}") from error


def within(rows: Mapping[str, Rows], span: range) -> Iterator[tuple[str, int, int]]:
    """(role, start, stop) of the parts of each role that fall into a span of all rows."""
    begin = 0
    for role in ROLES:
        if role not in rows:
            continue
        start = max(span.start - begin, 0)
        stop = min(span.stop - begin, len(rows[role]))
        if start < stop:
            yield role, start, stop
        begin += len(rows[role])


def parts_of(
    given: list[str], encoded: Mapping[str, IntArray], hashes: Any, data: Data
) -> dict[str, IntArray]:
    """The row numbers of each part; validation and test are split off train where missing."""
    begin, own = 0, {}
    for role in given:
        own[role] = np.arange(begin, begin + len(encoded[role]))
        begin += len(encoded[role])
    shares = {"test": data.test_share, "validation": data.validation_share}
    wanted = {part: share for part, share in shares.items() if part not in own}
    groups, numbers = hashes[own["train"]], strata(encoded["train"])
    # Copies stay together, and an unlabelled one cannot be scored: such a group trains.
    movable = ~np.isin(groups, groups[numbers < 0])
    parts = splits.split(
        np.where(movable, numbers, -1),
        {"train": 1 - sum(wanted.values()), **wanted},
        data.split_seed,
        groups=groups,
    )
    for role in ("validation", "test"):
        if role in own:
            parts[role] = own[role]
    if "unlabelled" in own:
        parts["train"] = np.concatenate([parts["train"], own["unlabelled"]])
    if "out_of_scope" in own:
        parts["out_of_scope"] = own["out_of_scope"]
    return parts


def refuse_bad_parts(
    parts: Mapping[str, IntArray], numbers: IntArray, classes: tuple[str, ...]
) -> None:
    """Raise RequestError where a part is empty, cannot be scored, or shows fewer than two classes.

    Shapes: numbers [N] or [N, C], the labels of every row.
    """
    labelled = has_label(numbers)
    for part in ("validation", "test"):
        if not len(parts[part]):
            raise RequestError(
                f"the {part} part is empty; give more rows, a larger data.{part}_share, "
                f"or a source of its own as data.{part}"
            )
        without = int((~labelled[parts[part]]).sum())
        if without:
            raise RequestError(
                f"{without} of the {len(parts[part])} {part} rows have no label; "
                "they cannot be scored: label them, or move them to data.unlabelled"
            )
    counts = class_counts(numbers[parts["train"]], classes)
    if sum(count > 0 for count in counts.values()) < 2:
        raise RequestError(
            f"the training rows hold fewer than two of the classes ({', '.join(classes)}); "
            "there is nothing to tell apart"
        )


def slice_values(
    rows: Mapping[str, Rows], data: Data, parts: Mapping[str, IntArray], given: list[str]
) -> dict[str, tuple[str | None, ...]]:
    """The value of each slicing column for each test row."""
    source = rows["test"] if "test" in rows else rows["train"]
    begin = sum(len(rows[role]) for role in given[: given.index("test")]) if "test" in rows else 0
    wanted = choose_columns(source, data.slices, {name: name for name in data.slices})
    return {
        name: tuple(_slice_name(source.columns[column][row - begin]) for row in parts["test"])
        for name, column in wanted.items()
    }


def _slice_name(value: Any) -> str | None:
    """A value of a slicing column as text; None where it is missing (None or NaN)."""
    return None if value is None or value != value else str(value)
