"""Which classes are taken for which: a shaded table, and the mistakes made most often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from understudy.report.figures import number

MOST_CLASSES = 20
"""More do not fit into a table that can be read."""
TOP = 8
SHADES = 9


@dataclass(frozen=True)
class Count:
    """Rows of one label that got one answer; `shade` from 0 to 9 by their share of the label."""

    rows: int
    shade: int
    right: bool


@dataclass(frozen=True)
class Mistake:
    """One label taken for another class, and what part of the label's rows that is."""

    label: str
    answer: str
    rows: int
    share: float


@dataclass(frozen=True)
class Confusion:
    """A model's confusion; `table` is empty where there are too many classes for one."""

    model: str
    classes: tuple[str, ...]
    table: tuple[tuple[Count, ...], ...]
    mistakes: tuple[Mistake, ...]
    wrong: int


def confusion(
    model: str, counts: Sequence[Sequence[object]], names: Sequence[str] = ()
) -> Confusion:
    """The confusion of one model. Shape: counts [C][C], a row for each label."""
    rows = [[int(number(count) or 0) for count in row] for row in counts]
    width = max(map(len, rows), default=0)
    classes = [
        str(names[index]) if index < len(names) else str(index)
        for index in range(max(len(rows), width))
    ]
    sums = [sum(row) for row in rows]
    found = [
        Mistake(classes[label], classes[answer], count, count / sums[label])
        for label, row in enumerate(rows)
        for answer, count in enumerate(row)
        if count and label != answer
    ]
    found.sort(key=lambda mistake: -mistake.rows)
    table = [
        tuple(_count(count, sums[label], label == answer) for answer, count in enumerate(row))
        for label, row in enumerate(rows)
    ]
    return Confusion(
        model,
        tuple(classes),
        tuple(table) if len(classes) <= MOST_CLASSES else (),
        tuple(found[:TOP]),
        sum(mistake.rows for mistake in found),
    )


def _count(rows: int, of: int, right: bool) -> Count:
    """Mistakes are shaded five times as strongly, since a tenth of a label is a lot of them."""
    strength = rows / of * (1 if right else 5) if of else 0.0
    return Count(rows, min(SHADES, -int(-strength * SHADES // 1)), right)
