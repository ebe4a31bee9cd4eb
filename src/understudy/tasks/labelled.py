"""What every task of labelled rows does with them: encode labels, split, refuse, slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.data import labels, splits
from understudy.data.columns import choose_columns
from understudy.errors import RequestError
from understudy.tasks.prepared import ROLES, UNLABELLED, IntArray

if TYPE_CHECKING:
    from understudy.data.rows import Rows
    from understudy.data.settings import Data


def encode_labels(
    rows: Mapping[str, Rows], columns: Mapping[str, Mapping[str, str]], data: Data
) -> tuple[dict[str, IntArray], tuple[str, ...]]:
    """The label numbers of each role, and the names of the classes as `train` has them."""
    encoded = {}
    classes = data.classes or rows["train"].classes
    for role in columns:  # `train` first, which settles the classes
        if role in UNLABELLED:
            encoded[role] = np.full(len(rows[role]), -1, dtype=np.int64)
            continue
        with about(role):
            given = rows[role].columns[columns[role]["label"]]
            encoded[role], classes = labels.encode(given, classes)
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
    groups, numbers = hashes[own["train"]], encoded["train"]
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

    Shapes: numbers [N], the label of every row.
    """
    for part in ("validation", "test"):
        if not len(parts[part]):
            raise RequestError(
                f"the {part} part is empty; give more rows, a larger data.{part}_share, "
                f"or a source of its own as data.{part}"
            )
        without = int((numbers[parts[part]] < 0).sum())
        if without:
            raise RequestError(
                f"{without} of the {len(parts[part])} {part} rows have no label; "
                "they cannot be scored: label them, or move them to data.unlabelled"
            )
    present = np.unique(numbers[parts["train"]])
    if (present >= 0).sum() < 2:
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
