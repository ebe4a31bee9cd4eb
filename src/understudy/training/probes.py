"""Choose what is 'auto' in an objective, by short trainings on the same stored knowledge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import nn

from understudy.objectives import HardLabels, Objective, SoftLabels, Weighted, recipe_name
from understudy.training.loop import train
from understudy.training.settings import Training
from understudy.training.step import Emit, Lesson

TEMPERATURES = (1.0, 2.0, 4.0, 8.0)
SOFT_WEIGHTS = (0.5, 0.9, 1.0)
SHARE = 0.2
"""Share of the full schedule that a probe runs."""


def settle(
    lesson: Lesson, fresh: Callable[[], nn.Module], training: Training, emit: Emit
) -> Objective:
    """The objective with a number for every 'auto': temperatures first, then weights.

    `fresh` gives the same untrained student each time. A probe is judged by its best validation
    accuracy, and between equals by its cross-entropy on the validation labels.
    """
    short = replace(training, epochs=max(1, round(SHARE * training.epochs)), patience=None)

    def merit(candidate: Objective) -> tuple[float, float]:
        # Weights that are still open are tried at 0.9 and 0.1 while temperatures are chosen.
        settled = provisional(candidate)
        figures = _probe(replace(lesson, objective=settled), fresh, short)
        emit({"event": "probe", "objective": describe(settled), **figures})
        return figures["validation"], -figures["validation_loss"]

    objective = lesson.objective
    for options in (_temperatures, _weights):
        candidates = options(objective)
        objective = max(candidates, key=merit) if len(candidates) > 1 else candidates[0]
    return objective


def provisional(objective: Objective) -> Objective:
    """The objective with usual numbers, temperature 4 and weights 0.9 and 0.1, for 'auto'."""
    for options in (_temperatures, _weights):
        candidates = options(objective)
        objective = candidates[len(candidates) // 2]
    return objective


def to_facts(objective: Objective) -> list[dict[str, Any]]:
    """The numbers of a settled objective, term by term, for a file."""
    return [
        {"weight": part.weight, "temperature": getattr(part.term, "temperature", None)}
        for part in objective.terms
    ]


def from_facts(asked: Objective, facts: list[dict[str, Any]]) -> Objective:
    """The objective that was asked for, with the numbers that were chosen."""
    parts = []
    for part, chosen in zip(asked.terms, facts, strict=True):
        is_open = getattr(part.term, "temperature", None) == "auto"
        term = SoftLabels(chosen["temperature"]) if is_open else part.term
        parts.append(Weighted(term, chosen["weight"]))
    return Objective(tuple(parts))


def describe(objective: Objective) -> str:
    """The objective in one line, such as '0.9 soft_labels(temperature=4) + 0.1 hard_labels'."""
    parts = []
    for part in objective.terms:
        temperature = getattr(part.term, "temperature", None)
        knobs = f"(temperature={temperature:g})" if isinstance(temperature, float | int) else ""
        weight = f"{part.weight:g}" if part.weight != "auto" else "auto"
        parts.append(f"{weight} {recipe_name(type(part.term))}{knobs}")
    return " + ".join(parts)


def _temperatures(objective: Objective) -> list[Objective]:
    """The objective at each temperature to try, or alone where none is 'auto'."""
    if all(getattr(part.term, "temperature", 0) != "auto" for part in objective.terms):
        return [objective]
    return [
        Objective(
            tuple(
                replace(part, term=SoftLabels(temperature))
                if getattr(part.term, "temperature", 0) == "auto"
                else part
                for part in objective.terms
            )
        )
        for temperature in TEMPERATURES
    ]


def _weights(objective: Objective) -> list[Objective]:
    """The objective with each share of what the teacher said to try; labels get the rest."""
    if all(part.weight != "auto" for part in objective.terms):
        return [objective]
    found = []
    for soft in SOFT_WEIGHTS:
        terms = tuple(
            replace(part, weight=soft if part.term.reads else 1 - soft)
            if part.weight == "auto" or isinstance(part.term, HardLabels)
            else part
            for part in objective.terms
        )
        found.append(Objective(terms))
    return found


def _probe(
    lesson: Lesson, fresh: Callable[[], nn.Module], training: Training
) -> Mapping[str, float]:
    with TemporaryDirectory() as folder:
        outcome = train(fresh(), lesson, training, key="probe", path=Path(folder) / "probe")
    return outcome.curve[outcome.best]
