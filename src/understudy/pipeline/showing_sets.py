"""What the report shows of a run whose rows may have several classes, beyond the scorecard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.evaluation.label_sets import (
    SetAnswers,
    exact_match,
    probabilities_of,
    sure_of_named,
)
from understudy.evaluation.predictions import LEADING
from understudy.pipeline.showing import dots, doubts, flips, keep

if TYPE_CHECKING:
    from understudy.pipeline.distilling import Production
    from understudy.pipeline.scoring import TestRows

NONE = "(none)"
"""What an empty set of classes is called."""


def keep_sets(
    production: Production,
    rows: TestRows,
    answers: Mapping[str, SetAnswers],
    curves: Mapping[str, Any],
) -> None:
    """Write `checkpoints/material.json`: curves, reliability, and rows to look at."""
    names, truth = rows.classes, rows.labels > 0
    shown = {name: answers[name] for name in LEADING if name in answers}
    named = {name: said.named for name, said in shown.items()}
    right = {name: exact_match(marks, truth) for name, marks in named.items()}
    alike = exact_match(named["student"], named["teacher"])

    def told(row: int) -> dict[str, list[Any]]:
        return {name: [_said(marks[row], names), None] for name, marks in named.items()}

    known = production.prepared.labels
    examples = (
        *flips(production, rows, right, alike, told, lambda row: _said(truth[row], names)),
        *doubts(
            production,
            lambda row, _: _said(_taught(production, row), names),
            lambda row: _said(known[row] > 0, names),
        ),
    )
    reliability = {name: dots(*sure_of_named(said, truth)) for name, said in shown.items()}
    keep(production, curves, examples, names, reliability)


def _taught(production: Production, row: int) -> Any:
    """Which classes the teacher names for one row: [C]."""
    assert production.store is not None
    logits = np.asarray(production.store.read("logits", row, row + 1))
    return SetAnswers(probabilities_of(logits)).named[0]


def _said(marks: Any, classes: tuple[str, ...]) -> str:
    """A set of classes in words."""
    return ", ".join(classes[number] for number in np.flatnonzero(marks)) or NONE
