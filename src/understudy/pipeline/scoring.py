"""Ask every model on the test rows, time them side by side, and write down what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.evaluation import predictions, scorecard
from understudy.evaluation.label_sets import SetEvidence, ask_sets, build_sets, write_sets
from understudy.evaluation.memory import Stored as StoredModel
from understudy.evaluation.memory import peak_memory, storable
from understudy.evaluation.out_of_scope import out_of_scope
from understudy.evaluation.predictor import Predictor, ask, rows_between
from understudy.evaluation.scorecard import Evidence, Facts, plain
from understudy.evaluation.speed import measure
from understudy.pipeline.machine import processor
from understudy.requirements import judge, parse, records

if TYPE_CHECKING:
    from understudy.evaluation.predictor import Answers, Inputs
    from understudy.recipe.schema import Evaluation
    from understudy.tasks import Task
    from understudy.tasks.prepared import IntArray

LOADERS = {
    "network": "understudy.evaluation.networks:load",
    "rival": "understudy.evaluation.rivals:load",
    "onnx": "understudy.export.onnx:load",
    "onnx-int8": "understudy.export.onnx_int8:load",
}
MEMORY_ROWS = 128
"""Rows in the one batch that peak memory is measured on."""
TIMED_ROWS = 2048
"""Rows that speed is measured on, at most."""


@dataclass(frozen=True)
class Contender:
    """A model that is scored: how it answers, how large it is, and where it lies, if on disk."""

    predictor: Predictor
    facts: Facts
    stored: StoredModel | None = None
    answering: Predictor | None = None
    """The same model, asked once about what several test rows share; never timed."""


@dataclass(frozen=True)
class TestRows:
    """Labelled rows to score on.

    Shapes: inputs [N, ...] by column, labels [N] or [N, C], numbers [N].
    """

    inputs: Inputs
    labels: IntArray
    numbers: IntArray
    """The number of each row in its source."""
    classes: tuple[str, ...]
    slices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    outside: Inputs = field(default_factory=dict)
    """Rows of no class, for telling whether confidence tells them apart."""
    validation: Inputs = field(default_factory=dict)
    """Rows in scope, on which a threshold is set."""
    findings: tuple[Mapping[str, Any], ...] = ()
    """What was found while they were read."""


@dataclass(frozen=True)
class Manner:
    """How classes are asked for, scored and written: one a row, or several."""

    ask: Callable[..., Any]
    evidence: Callable[..., Any]
    build: Callable[[Any], dict[str, Any]]
    write: Callable[..., None]


ONE = Manner(ask, Evidence, scorecard.build, predictions.write)
SEVERAL = Manner(ask_sets, SetEvidence, build_sets, write_sets)


def score(
    models: Mapping[str, Contender],
    task: Task,
    rows: TestRows,
    settings: Evaluation,
    *,
    folder: Path,
    data: Mapping[str, Any],
    knowledge: Mapping[str, Any],
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Ask and time all models; writes `predictions.parquet`.

    Returns the scorecard, still without a verdict, and every model's answers.
    """
    classes, manner = len(rows.classes), SEVERAL if task.several else ONE
    answers = {
        name: manner.ask(model.predictor, rows.inputs, classes=classes)
        for name, model in models.items()
    }
    speeds = measure(
        {name: model.predictor for name, model in models.items()},
        rows_between(rows.inputs, 0, TIMED_ROWS),
        settings.seconds,
        settings.threads,
    )
    card = manner.build(
        manner.evidence(
            task=task.name,
            classes=rows.classes,
            labels=rows.labels,
            answers=answers,
            facts={name: model.facts for name, model in models.items()},
            metric=task.metric,
            speeds=speeds,
            memories=memories(models, rows.inputs, folder),
            slices=rows.slices,
            data=data,
            knowledge=knowledge,
            price_per_hour=settings.price_per_hour,
            resamples=settings.resamples,
        )
    )
    if rows.outside:
        for name, model in models.items():
            card["models"][name]["out_of_scope"] = _outside(model.predictor, answers[name], rows)
    card["conditions"] = conditions(settings, len(rows.labels))
    path = folder / "predictions.parquet"
    manner.write(path, rows.numbers, rows.labels, rows.classes, answers)
    return card, answers


def _outside(predictor: Predictor, inside: Answers, rows: TestRows) -> dict[str, Any]:
    """Whether a model's confidence tells rows of no class from the test rows."""
    others = (
        ask(predictor, inputs, classes=len(rows.classes)).confidence
        for inputs in (rows.outside, rows.validation)
    )
    found: dict[str, Any] = plain(out_of_scope(inside.confidence, *others))
    return found


def conclude(card: Mapping[str, Any], rules: Sequence[str], shipped: Sequence[str]) -> Any:
    """The scorecard with its requirements, judged on the models that ship, and its verdict."""
    results = judge([parse(rule) for rule in rules], card, shipped)
    return scorecard.conclude(card, records(results))


def conditions(settings: Evaluation, rows: int) -> dict[str, Any]:
    """Under which conditions speed and memory were measured, on so many test rows."""
    return {
        "processor": processor(),
        "threads": settings.threads,
        "timed_rows": min(rows, TIMED_ROWS),
        "memory_batch": min(rows, MEMORY_ROWS),
    }


def memories(
    models: Mapping[str, Contender], inputs: Inputs, folder: Path
) -> dict[str, float | None]:
    """Peak memory of answering a batch, in MB, by model; None where it cannot be measured."""
    from safetensors.numpy import save_file

    rows = folder / ".memory.safetensors"
    save_file(storable(rows_between(inputs, 0, MEMORY_ROWS)), rows)
    stored = {name: model.stored for name, model in models.items() if model.stored is not None}
    try:
        return peak_memory(stored, rows, MEMORY_ROWS, LOADERS)
    finally:
        rows.unlink()
