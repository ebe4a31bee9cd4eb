"""Quality by group of rows: who lost when the model became small."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluation.predictions import LEADING
from understudy.evaluation.predictor import Answers
from understudy.evaluation.quality import METRICS, margins

SMALL_BELOW = 30
"""Slices of fewer rows are shown and marked as small: their figures say little."""


def slices(
    columns: Mapping[str, Sequence[Any]],
    answers: Mapping[str, Answers],
    labels: NDArray[np.int64],
    classes: int,
    metric: str,
) -> list[dict[str, Any]]:
    """The metric of teacher, control and student for each value of each column, largest first.

    Shapes: every column [N], labels [N]. A missing value is a group of its own, None.
    """

    def figure(name: str, rows: NDArray[np.int64]) -> float:
        counts = margins(answers[name].classes[rows], labels[rows], classes)
        return float(METRICS[metric](counts))

    return grouped(columns, answers.keys(), figure)


def grouped(
    columns: Mapping[str, Sequence[Any]],
    names: Collection[str],
    figure: Callable[[str, NDArray[np.int64]], float],
) -> list[dict[str, Any]]:
    """The same of any figure: it gets the name of a model and the numbers of some rows."""
    found = []
    for column, values in columns.items():
        groups = _members(values)
        for value, rows in sorted(groups.items(), key=lambda group: -len(group[1])):
            figures = {name: figure(name, rows) for name in LEADING if name in names}
            found.append(entry(column, value, len(rows), figures))
    return found


def entry(column: str, value: Any, rows: int, figures: Mapping[str, float]) -> dict[str, Any]:
    """One group of rows, as the scorecard keeps it; a model that is missing has None."""
    head = {"column": column, "value": value, "rows": rows}
    return {**head, **dict.fromkeys(LEADING), **figures, "small": rows < SMALL_BELOW}


def _members(values: Sequence[Any]) -> dict[Any, NDArray[np.int64]]:
    """The rows of each value, in order of first appearance."""
    groups: dict[Any, list[int]] = {}
    for row, value in enumerate(np.asarray(values, dtype=object).tolist()):
        plain = value.item() if isinstance(value, np.generic) else value
        missing = isinstance(plain, float) and math.isnan(plain)
        groups.setdefault(None if missing else plain, []).append(row)
    return {value: np.asarray(rows) for value, rows in groups.items()}
