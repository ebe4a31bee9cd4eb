"""Labelled rows whose label the teacher contradicts with confidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.evaluation.label_sets import probabilities_of
from understudy.evaluation.predictor import answers_from

if TYPE_CHECKING:
    from understudy.pipeline.distilling import Production

ROWS_AT_ONCE = 65_536
"""Rows of knowledge looked at together, so that memory does not grow with the transfer set."""
SUSPECT_ABOVE = 0.9
"""Confidence from which a teacher's contradiction makes a label suspect."""

Suspect = tuple[int, int, float]
"""A row, the class that the teacher says (or denies) against the label, and how sure it is."""


def suspect_rows(production: Production) -> list[Suspect]:
    """The labelled rows with a doubtful label, those where the teacher is surest first.

    Where a row may have several classes, the one of which it is surest stands for all. None where
    the teacher is asked live, since that would ask it once more.
    """
    if production.store is None or production.task.gives != "logits":
        return []
    labels, found = production.prepared.labels, []
    doubtful = _of_sets if production.task.several else _of_classes
    for start in range(0, len(labels), ROWS_AT_ONCE):
        known = labels[start : start + ROWS_AT_ONCE]
        logits = np.asarray(production.store.read("logits", start, start + len(known)))
        found += [(start + row, said, sure) for row, said, sure in doubtful(logits, known)]
    return sorted(found, key=lambda entry: -entry[2])


def _of_classes(logits: Any, labels: Any) -> Iterator[Suspect]:
    said = answers_from(logits)
    against = (labels >= 0) & (said.classes != labels) & (said.confidence >= SUSPECT_ABOVE)
    for row in np.flatnonzero(against):
        yield int(row), int(said.classes[row]), float(said.confidence[row])


def _of_sets(logits: Any, labels: Any) -> Iterator[Suspect]:
    yes = probabilities_of(logits)
    against = np.where(labels > 0, 1 - yes, yes) * (labels >= 0)
    worst = against.argmax(axis=1)
    sure = against[np.arange(len(labels)), worst]
    for row in np.flatnonzero(sure >= SUSPECT_ABOVE):
        yield int(row), int(worst[row]), float(sure[row])
