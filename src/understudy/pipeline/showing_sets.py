"""What the report shows of a run whose rows may have several classes, beyond the scorecard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.evaluation import calibration
from understudy.evaluation.label_sets import SetAnswers, probabilities_of, sure_of_named
from understudy.pipeline.showing import EXAMPLES_EACH, example, keep
from understudy.pipeline.suspects import suspect_rows

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
    truth = rows.labels > 0
    shown = [name for name in ("teacher", "control", "student") if name in answers]
    reliability = {}
    for name in shown:
        bins = calibration.reliability(*sure_of_named(answers[name], truth))
        reliability[name] = [[part.confidence, part.accuracy, part.rows] for part in bins]
    keep(production, curves, _examples(production, rows, answers, shown), rows.classes, reliability)


def _examples(
    production: Production,
    rows: TestRows,
    answers: Mapping[str, SetAnswers],
    shown: list[str],
) -> Iterator[dict[str, Any]]:
    """What the student broke, mended and copied, row by row; doubtful labels."""
    truth = rows.labels > 0
    teacher, student = answers["teacher"].named, answers["student"].named
    taught, learnt = ((said == truth).all(axis=1) for said in (teacher, student))
    kinds = {
        "harmful flip": taught & ~learnt,
        "helpful flip": ~taught & learnt,
        "inherited error": ~taught & (teacher == student).all(axis=1),
    }
    for kind, chosen in kinds.items():
        for row in np.flatnonzero(chosen)[:EXAMPLES_EACH]:
            said = {name: [_said(answers[name].named[row], rows.classes), None] for name in shown}
            number, label = int(rows.numbers[row]), _said(truth[row], rows.classes)
            yield example(production, kind, number, label, said, rows.inputs, int(row))
    prepared = production.prepared
    for row, _, confidence in suspect_rows(production)[:EXAMPLES_EACH]:
        inputs = prepared.inputs(np.asarray([row]), production.task.inputs)
        label = _said(prepared.labels[row] > 0, rows.classes)
        told = {"teacher": [_said(_taught(production, row), rows.classes), confidence]}
        yield example(production, "suspect label", int(row), label, told, inputs, 0)


def _taught(production: Production, row: int) -> Any:
    """Which classes the teacher names for one row: [C]."""
    assert production.store is not None
    logits = np.asarray(production.store.read("logits", row, row + 1))
    return SetAnswers(probabilities_of(logits)).named[0]


def _said(marks: Any, classes: tuple[str, ...]) -> str:
    """A set of classes in words."""
    return ", ".join(classes[number] for number in np.flatnonzero(marks)) or NONE
