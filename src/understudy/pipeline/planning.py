"""Plan before work: what will run, what is there already, and what the rest will take."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from understudy.pipeline.learning import Candidate, labels_alone
from understudy.pipeline.mining import are_there, is_mined
from understudy.pipeline.spaces import is_fitted, is_unfitted, refuse_live, rows_to_fit

if TYPE_CHECKING:
    from understudy.pipeline.distilling import Production
    from understudy.teachers import Teacher
    from understudy.training.settings import Training

PROBED = 5
"""Batches behind an estimate, after one that is not counted."""


@dataclass(frozen=True)
class Step:
    """One step of a run: rows it goes over, bytes it leaves, seconds it will take from here."""

    name: str
    kept: bool
    rows: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    """None where there is nothing to base an estimate on."""


@dataclass(frozen=True)
class Plan:
    """The steps of a run in order."""

    steps: tuple[Step, ...]

    @property
    def seconds(self) -> float:
        """What is left to do, as far as it can be estimated."""
        return sum(step.seconds or 0.0 for step in self.steps)

    def record(self) -> dict[str, Any]:
        """The plan as an event of the log."""
        return {"steps": [asdict(step) for step in self.steps], "seconds": round(self.seconds, 1)}


@dataclass(frozen=True)
class Rehearsal:
    """Stands in for stored embeddings or scores, so many numbers a row, while steps are timed."""

    gives: str
    numbers: int

    def of(self, rows: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Shapes: B rows -> [B, numbers]."""
        import torch

        return {self.gives: torch.ones(len(rows), self.numbers)}

    def announce(self, rows: Any) -> None:
        """Nothing to fetch."""


def plan_of(production: Production) -> Plan:
    """Look at what is there, and time a few batches of what is not; nothing is trained or asked."""
    return Plan(tuple(_steps(production)))


def _steps(production: Production) -> Iterator[Step]:
    prepared, recipe = production.draft.prepared, production.recipe
    yield Step("rows", True, len(prepared), prepared.store.bytes, 0.0)
    if is_mined(recipe) and not are_there(production):
        yield Step("candidates", False, len(prepared))
        production = production.draft  # as many rows, of the same form
    open_teachers = production.search.untrained(recipe.teacher)
    for spec, made in open_teachers:
        seconds = _training_seconds(production, made, spec.training)
        yield Step("teacher", False, len(prepared.splits["train"]), 4 * made.parameters, seconds)
    if not open_teachers:
        found = production.teacher
        yield Step("teacher", True, None, found.bytes, 0.0)
    yield _knowledge(production, [made for _, made in open_teachers])
    yield from _projection(production)
    yield from _students(production, teacher_is_there=not open_teachers)


def _knowledge(production: Production, apprentices: list[Candidate]) -> Step:
    from understudy.store import open_store, store_exists

    rows = len(production.prepared)
    # Looks up every place that is read inside the networks, before a teacher is trained.
    size = rows * production.bytes_per_row
    if production.asks_live:
        return Step("knowledge (live)", True, rows, 0, 0.0)
    left = rows
    if not apprentices and store_exists(production.knowledge_root):
        store = open_store(production.knowledge_root)
        left = sum(len(store.span(shard)) for shard in store.missing())
    if not left:
        return Step("knowledge", True, rows, size, 0.0)
    return Step("knowledge", False, left, size, _asking_seconds(production, apprentices, left))


def _projection(production: Production) -> Iterator[Step]:
    """Fitting principal components, where the student learns along them."""
    if is_fitted(production):
        refuse_live(production)
        yield Step("projection", not is_unfitted(production), len(rows_to_fit(production.prepared)))


def _students(production: Production, *, teacher_is_there: bool) -> Iterator[Step]:
    recipe, made = production.recipe, production.student
    rows = len(production.prepared.splits["train"])
    seconds = None
    for name in ("student", "control") if production.has_control else ("student",):
        if teacher_is_there and production.is_done(name):
            yield Step(name, True, rows, 4 * made.parameters, 0.0)
            continue
        seconds = seconds or _training_seconds(production, made, recipe.training)
        yield Step(name, False, rows, 4 * made.parameters, seconds)
    if production.rival_names:
        yield Step("rivals", production.is_done("rivals"), rows)
    for name in recipe.export:
        kept = teacher_is_there and production.is_done(f"export-{name}")
        yield Step(f"export {name}", kept, None, 4 * made.parameters)
    kept = teacher_is_there and production.is_done("score")
    yield Step("score", kept, len(production.prepared.splits["test"]))


def _training_seconds(production: Production, made: Candidate, training: Training) -> float:
    """A few real steps on the labels, times the number of steps."""
    import torch

    from understudy.training.loop import probe_seconds

    with torch.random.fork_rng(devices=[]):
        network = production.task.network(made.fresh(), production.prepared.facts.form)
        lesson = labels_alone(made.reading.over(production.prepared), made.reading.columns)
        gives, form = production.task.gives, production.prepared.facts.form
        if gives != "logits":
            stand_in = Rehearsal(gives, form.get("candidates", made.blueprint.classes))
            objective = production.features.objective
            lesson = replace(lesson, knowledge=stand_in, objective=objective)
        steps = training.epochs * -(-len(lesson.rows()) // training.batch_size)
        return steps * probe_seconds(network, lesson, training, PROBED)


def _asking_seconds(production: Production, apprentices: list[Candidate], rows: int) -> float:
    """A few batches through the teacher, or through the network that will become it."""
    from understudy.teachers import NetworkTeacher
    from understudy.teachers.teaching import BATCH, probe

    form = production.prepared.facts.form
    teachers: list[Teacher] = [
        NetworkTeacher(production.task.network(made.fresh(), form), reading=made.reading)
        for made in apprentices
    ] or [production.teacher.teacher]
    # A list is as much work as the texts in it.
    size = min(max(1, BATCH // (1 + 4 * form.get("candidates", 0))), len(production.prepared))
    seconds = 0.0
    for teacher in teachers:
        times = []
        for _ in range(3):
            began = time.perf_counter()
            probe(teacher, production.prepared, production.task.inputs, size)
            times.append(time.perf_counter() - began)
        seconds += min(times) * rows / size
    return seconds
