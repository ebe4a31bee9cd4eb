"""The student as a file that ships: which rows prove it, and which a quantiser learns from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from understudy.tasks.prepared import spread

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from understudy.pipeline.learning import Candidate
    from understudy.tasks import Prepared
    from understudy.tasks.folders import ModelFacts

PARITY_ROWS = 64
"""Test rows on which an artefact is held against the student."""
CALIBRATION_ROWS = 400
"""Training rows that show a quantiser what to expect."""


def write_artefact(
    form: str,
    network: nn.Module,
    student: Candidate,
    prepared: Prepared,
    facts: ModelFacts,
    folder: Path,
) -> dict[str, Any]:
    """Export a trained student in one format, and hold the artefact against it on real rows.

    Returns what the exporter says of it.
    Raises: RequestError where it cannot be exported, or differs from the student.
    """
    from understudy.export import exporter
    from understudy.students.score_arrays import one_by_one
    from understudy.students.scoring import body_of
    from understudy.tasks import task_named

    reading = student.reading
    rows = reading.over(prepared)
    parts = (rows.splits["test"][:PARITY_ROWS], spread(rows.splits["train"], CALIBRATION_ROWS))
    inputs, calibration = (rows.inputs(part, reading.columns) for part in parts)
    if task_named(facts.task).gives == "scores":  # what is exported reads one text or pair a row
        network, inputs = body_of(network), one_by_one(inputs, PARITY_ROWS)
        calibration = one_by_one(calibration, CALIBRATION_ROWS)
    folder.mkdir(parents=True, exist_ok=True)
    reading.save(folder)
    made: dict[str, Any] = exporter(form).write(network, facts, inputs, folder, calibration)
    return made
