"""The steps in order: from a recipe to a student that can be scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.files import content_key
from understudy.pipeline import spaces
from understudy.pipeline.exporting import write_artefact
from understudy.pipeline.features import Features, features_of, refuse_unrecorded, sketch_of
from understudy.pipeline.learning import (
    Candidate,
    candidate,
    labels_alone,
    learn,
    learn_rivals,
    lesson_key,
    starts_from_teacher,
)
from understudy.pipeline.mining import drafted, is_mined, mined_rows, once
from understudy.pipeline.rows import prepare_rows, task_of
from understudy.pipeline.showing import MATERIAL
from understudy.pipeline.teacher import Found, Search
from understudy.recipe.schema import Ensembled, Trained
from understudy.tasks import Prepared, Task, task_named

if TYPE_CHECKING:
    from torch import nn

    from understudy.objectives import Objective
    from understudy.pipeline.workspace import Workspace
    from understudy.recipe.schema import Recipe
    from understudy.store import Store
    from understudy.students.projection import Projection
    from understudy.teachers import Teacher
    from understudy.training.knowledge import Knowledge
    from understudy.training.step import Lesson


PAID_ROWS = 512
"""Rows of a shard of what a service answers."""


@dataclass(frozen=True)
class Production:
    """One recipe on its way: each property is a step, made when it is first asked for.

    A step whose content-keyed output exists is passed over.
    """

    recipe: Recipe
    workspace: Workspace
    allow_code: bool = False

    @cached_property
    def task(self) -> Task:
        """What kind of work this is."""
        return task_named(self.recipe.task or task_of(self.recipe.data))

    @cached_property
    def prepared(self) -> Prepared:
        """The rows: checked, split and stored."""
        if is_mined(self.recipe):
            return mined_rows(self)
        return prepare_rows(self.task, self.recipe.data, self.workspace)

    @cached_property
    def draft(self) -> Production:
        """The same with rows that need no teacher, against which one is loaded."""
        if not is_mined(self.recipe):
            return self
        return replace(self, recipe=drafted(self.recipe))

    @property
    def settled(self) -> Recipe:
        """The recipe with task and objective written out."""
        return replace(self.recipe, task=self.task.name, objective=self.asked_objective)

    # The teacher, and what it says.

    @cached_property
    def teacher(self) -> Found:
        """The teacher: loaded, or trained once."""
        return self.search.find(self.recipe.teacher)

    @cached_property
    def search(self) -> Search:
        """How a teacher is found."""
        return Search(self.task, self.draft.prepared, self.workspace, self.allow_code)

    @cached_property
    def tapped(self) -> Teacher:
        """The teacher, with the hidden features that the objective reads."""
        return self.features.tapped(self.teacher.teacher)

    @property
    def knowledge_key(self) -> str:
        """Equal for equal answers of a teacher, wherever they lie."""
        from understudy.teachers.teaching import knowledge_key

        return knowledge_key(self.tapped, self.prepared, self.recipe.knowledge.codec)

    @property
    def knowledge_root(self) -> str:
        """Where the teacher's answers lie."""
        base = self.recipe.knowledge.store or str(self.workspace.cache / "knowledge")
        return f"{base.rstrip('/')}/{self.knowledge_key}"

    @property
    def asks_live(self) -> bool:
        """Whether the teacher is asked in every step instead of once."""
        settings = self.recipe.knowledge
        if settings.mode != "auto":
            return settings.mode == "live"
        return self.bytes_per_row * len(self.prepared) > settings.budget_bytes

    @cached_property
    def bytes_per_row(self) -> int:
        """What the teacher's answers for one row would take in a store."""
        from understudy.teachers.teaching import bytes_per_row, probe

        numbers, codec = len(self.prepared.facts.classes), self.recipe.knowledge.codec
        if self.task.gives != "logits":
            said = probe(self.teacher.teacher, self.prepared, self.task.inputs)
            numbers = said[self.task.gives].shape[-1]
        return bytes_per_row(numbers, codec, self.features.numbers_per_row)

    @cached_property
    def store(self) -> Store | None:
        """What the teacher said of every row; None where it is asked live."""
        from understudy.teachers.teacher import is_repeatable
        from understudy.teachers.teaching import teach

        if self.asks_live:
            return None
        asked = 0

        def listen(record: Mapping[str, Any]) -> None:
            nonlocal asked
            asked += record.get("rows", 0)
            self.workspace.emit(record)

        def ask() -> Store:
            inputs, root = self.task.inputs, self.knowledge_root
            teacher = once(self.tapped, self.workspace.cache) or self.tapped
            # What was paid for should not be lost with a shard that was not finished.
            rows = None if is_repeatable(teacher) else PAID_ROWS
            codec = self.recipe.knowledge.codec
            return teach(
                teacher, self.prepared, inputs, root, codec, rows_per_shard=rows, emit=listen
            )

        def make() -> dict[str, Any]:
            store = ask()
            store.sweep()
            size = {"rows": store.rows, "bytes": store.bytes}
            return {**size, "rows_asked": asked, "root": store.root}

        self.workspace.step("knowledge", self.knowledge_key, make)
        # What was damaged or lost since is asked again here; a whole store costs a look.
        return ask()

    @cached_property
    def knowledge(self) -> Knowledge:
        """What the loop reads the teacher's answers from."""
        from understudy.teachers.teaching import recorded
        from understudy.training.knowledge import Live, Narrowed, Stored

        names = frozenset(recorded(self.tapped, self.task.gives))
        whole = Stored(self.store, names) if self.store else Live(self.tapped, self.prepared)
        return Narrowed(whole, self.projection) if self.projection else whole

    # The student, and what it minimises.

    @cached_property
    def space(self) -> spaces.Space | None:
        """Where an encoder's vectors lie; None for tasks without vectors."""
        return spaces.space_of(self)

    @cached_property
    def projection(self) -> Projection | None:
        """What brings the teacher's vectors into the student's space; None where it is its own."""
        return spaces.projection_of(self)

    @property
    def student(self) -> Candidate:
        """The student, untrained.

        One that starts from what is still to be trained or asked is a sketch: of the right shape,
        with other weights.
        """
        teacher = self.recipe.teacher
        starts = starts_from_teacher(self.recipe.student, self.task)
        waits = (starts and self.search.untrained(teacher)) or spaces.is_unfitted(self)
        return self.sketch if waits else self._student

    @cached_property
    def _student(self) -> Candidate:
        starts = starts_from_teacher(self.recipe.student, self.task)
        return self._candidate(self.teacher.teacher if starts else None, self.projection)

    @cached_property
    def sketch(self) -> Candidate:
        """A student of the right shape."""
        single = not isinstance(self.recipe.teacher, Ensembled)
        return self._candidate(sketch_of(self) if single else None, spaces.sketched(self.space))

    @cached_property
    def control(self) -> Candidate:
        """The control, untrained: the student's shape, from what its teacher began as.

        A student may begin with weights of its teacher. Where the run trained that teacher, they
        hold what it learnt from the labels, and a control that began with them would be taught too.
        """
        recipe = self.recipe
        if isinstance(recipe.teacher, Trained) and starts_from_teacher(recipe.student, self.task):
            return self._candidate(self.search.untaught(recipe.teacher), None)
        return self.student

    def _candidate(self, teacher: Teacher | None, projection: Projection | None) -> Candidate:
        spec, seed, code = self.recipe.student, self.recipe.training.seed, self.allow_code
        make = partial(candidate, spec, self.task, self.prepared, seed, allow_code=code)
        return make(teacher=teacher, projection=projection)

    @cached_property
    def asked_objective(self) -> Objective:
        """The objective as the recipe has it, 'auto' and all."""
        from understudy.objectives import as_objective

        if self.recipe.objective is None:
            return self.task.objective(len(self.prepared.facts.classes))
        return refuse_unrecorded(as_objective(self.recipe.objective), self.task.gives)

    @cached_property
    def features(self) -> Features:
        """Which hidden features the objective reads, with pairs of places for 'auto'."""
        return features_of(self.asked_objective, self)

    @cached_property
    def objective(self) -> Objective:
        """The objective with a number everywhere, after the self-check and any probes."""
        from understudy.training.probes import from_facts, provisional, settle, to_facts
        from understudy.training.selfcheck import selfcheck

        asked = self.features.objective

        def make() -> dict[str, Any]:
            lesson, emit = self.lesson(asked), self.workspace.emit
            checked = replace(lesson, objective=provisional(asked))
            checks = selfcheck(checked, self._fresh(), spaces.heard(self))
            emit({"event": "self-check", "passed": checks})
            settled = settle(lesson, self._fresh, self.recipe.training, emit)
            return {"objective": to_facts(settled), "checks": list(checks)}

        facts = self.workspace.step("self-check", self._source(asked), make)
        return from_facts(asked, facts["objective"])

    def _fresh(self) -> nn.Module:
        """The untrained student, behind its preprocessing."""
        return self.task.network(self.student.fresh(), self.prepared.facts.form)

    def lesson(self, objective: Objective) -> Lesson:
        """What the student learns with this objective."""
        from understudy.training.step import Lesson

        reading = self.student.reading
        return Lesson(reading.over(self.prepared), reading.columns, self.knowledge, objective)

    def _labels_alone(self) -> Lesson:
        reading = self.student.reading
        return labels_alone(reading.over(self.prepared), reading.columns)

    def _source(self, objective: Objective) -> str:
        """The key of what a student learns from."""
        teacher = self.teacher.teacher.fingerprint if self.asks_live else self.knowledge_key
        made = [self.prepared.key, teacher, repr(objective), self.student.identity]
        # A student in its teacher's own space has the key that it always had.
        return content_key([*made, *spaces.space_key(self)])

    # What is trained, exported and scored: each step with its key and what it leaves.

    def step(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Run `student`, `control`, `rivals`, `export-FORMAT` or `score`, or pass over it."""
        return self.workspace.step(name, self._key(name), make, *self._leaves(name))

    def is_done(self, name: str) -> bool:
        """Whether such a step would be passed over; nothing is made to find out."""
        if name not in ("control", "rivals") and not self._is_settled:
            return False
        return self.workspace.done(name, self._key(name), *self._leaves(name)) is not None

    @property
    def _is_settled(self) -> bool:
        return self.workspace.done("self-check", self._source(self.features.objective)) is not None

    def _key(self, name: str) -> str:
        """The key of all that goes into a step."""
        recipe = self.recipe
        if name == "rivals":
            return content_key([self.prepared.key, recipe.rivals, recipe.training.seed])
        if name == "control":
            return lesson_key(self.control, self.prepared.key, recipe.training)
        student = lesson_key(self.student, self._source(self.objective), recipe.training)
        if name == "student":
            return student
        if name == "score":
            models = [recipe.control, recipe.rivals, recipe.export]
            teacher = self.teacher.teacher.fingerprint
            return content_key([student, teacher, models, repr(recipe.evaluation)])
        return content_key([name, student])

    def _leaves(self, name: str) -> tuple[Path, ...]:
        """What a step leaves behind."""
        if name == "rivals":
            return tuple(self.workspace.checkpoint(rival) for rival in self.rival_names)
        if name == "score":
            out = self.workspace.out
            return (out / "predictions.parquet", self.workspace.checkpoint(MATERIAL))
        return (self.folder(name),)

    def folder(self, name: str) -> Path:
        """Where `student`, `control` or `export-FORMAT` is saved."""
        kind, _, form = name.partition("-")
        return self.workspace.out / kind / form

    def trained(self, name: str) -> dict[str, Any]:
        """Train `student` or `control`; what the step says of itself."""
        taught = name == "student"

        def make() -> dict[str, Any]:
            return learn(
                self.student if taught else self.control,
                self.task,
                self.lesson(self.objective) if taught else self._labels_alone(),
                self.recipe.training,
                key=self._key(name),
                folder=self.folder(name),
                checkpoint=self.workspace.checkpoint(f"{name}.safetensors"),
                emit=lambda record: self.workspace.emit({"model": name, **record}),
            )

        return self.step(name, make)

    @property
    def has_control(self) -> bool:
        """Whether the same student is trained on labels too; without labels it cannot be."""
        return self.recipe.control and self.task.gives == "logits"

    @property
    def rival_names(self) -> tuple[str, ...]:
        """The rivals that the recipe asks for."""
        from understudy.evaluation.rivals import chosen_kinds

        if self.task.gives != "logits":  # those of vectors are part of the scoring
            return ()
        kinds = chosen_kinds(self.recipe.rivals, self.task.inputs)
        return tuple(f"rival-{kind}" for kind in kinds)

    def rivals(self) -> tuple[str, ...]:
        """Train the rivals; their names."""
        wanted, seed = self.recipe.rivals, self.recipe.training.seed

        def make() -> dict[str, Any]:
            return learn_rivals(wanted, self.task, self.prepared, seed, self.workspace.checkpoint)

        if self.rival_names:
            self.step("rivals", make)
        return self.rival_names

    def export(self, form: str) -> Mapping[str, Any]:
        """Export the student in one format, and hold the artefact against it on real rows."""
        from understudy.export import exporter
        from understudy.tasks.folders import read_facts

        exporter(form)  # raises where there is none of that name
        name = f"export-{form}"
        self.trained("student")

        def make() -> dict[str, Any]:
            facts, folder = read_facts(self.folder("student")), self.folder(name)
            network = self.network("student")
            made = write_artefact(form, network, self.student, self.prepared, facts, folder)
            spaces.leave_beside(self.projection, folder)
            return made

        return self.step(name, make)

    def network(self, name: str) -> nn.Module:
        """A trained network of this run, behind its preprocessing."""
        from understudy.tasks.folders import load_network

        own = self.student.fresh() if self.student.is_given else None
        return load_network(self.folder(name), module=own, allow_code=self.allow_code)
