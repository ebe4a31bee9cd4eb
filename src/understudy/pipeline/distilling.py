"""The steps in order: from a recipe to a student that can be scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.files import content_key
from understudy.pipeline.features import Features, features_of, refuse_unrecorded
from understudy.pipeline.learning import Candidate, candidate, labels_alone, learn, lesson_key
from understudy.pipeline.rows import prepare_rows
from understudy.pipeline.showing import MATERIAL
from understudy.pipeline.teacher import Found, Search
from understudy.tasks import Prepared, Task, task_named

if TYPE_CHECKING:
    from torch import nn

    from understudy.objectives import Objective
    from understudy.pipeline.workspace import Workspace
    from understudy.recipe.schema import Recipe
    from understudy.store import Store
    from understudy.teachers import Teacher
    from understudy.training.knowledge import Knowledge
    from understudy.training.step import Lesson

DEFAULT_TASK = "image-classification"


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
        return task_named(self.recipe.task or DEFAULT_TASK)

    @cached_property
    def prepared(self) -> Prepared:
        """The rows: checked, split and stored."""
        return prepare_rows(self.task, self.recipe.data, self.workspace)

    @property
    def settled(self) -> Recipe:
        """The recipe with task and objective written out."""
        return replace(self.recipe, task=self.task.name, objective=self.asked_objective)

    # The teacher, and what it says.

    @cached_property
    def teacher(self) -> Found:
        """The teacher: loaded, or trained once."""
        return self.search.find(self.recipe.teacher)

    @property
    def search(self) -> Search:
        """How a teacher is found."""
        return Search(self.task, self.prepared, self.workspace, self.allow_code)

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

    @property
    def bytes_per_row(self) -> int:
        """What the teacher's answers for one row would take in a store."""
        from understudy.teachers.teaching import bytes_per_row

        classes, codec = len(self.prepared.facts.classes), self.recipe.knowledge.codec
        return bytes_per_row(classes, codec, self.features.numbers_per_row)

    @cached_property
    def store(self) -> Store | None:
        """What the teacher said of every row; None where it is asked live."""
        from understudy.teachers.teaching import teach

        if self.asks_live:
            return None
        asked = 0

        def listen(record: Mapping[str, Any]) -> None:
            nonlocal asked
            asked += record.get("rows", 0)
            self.workspace.emit(record)

        def ask() -> Store:
            teacher, inputs, root = self.tapped, self.task.inputs, self.knowledge_root
            return teach(
                teacher, self.prepared, inputs, root, self.recipe.knowledge.codec, emit=listen
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
        from understudy.training.knowledge import Live, Stored

        if self.store is None:
            return Live(self.tapped)
        return Stored(self.store, frozenset(recorded(self.tapped)))

    # The student, and what it minimises.

    @cached_property
    def student(self) -> Candidate:
        """The student, untrained."""
        spec, seed = self.recipe.student, self.recipe.training.seed
        return candidate(spec, self.task, self.prepared, seed, allow_code=self.allow_code)

    @cached_property
    def asked_objective(self) -> Objective:
        """The objective as the recipe has it, 'auto' and all."""
        from understudy.objectives import as_objective

        if self.recipe.objective is None:
            return self.task.objective(len(self.prepared.facts.classes))
        return refuse_unrecorded(as_objective(self.recipe.objective))

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
            lesson, emit = self._lesson(asked), self.workspace.emit
            checked = replace(lesson, objective=provisional(asked))
            checks = selfcheck(checked, self._fresh(), self.tapped)
            emit({"event": "self-check", "passed": checks})
            settled = settle(lesson, self._fresh, self.recipe.training, emit)
            return {"objective": to_facts(settled), "checks": list(checks)}

        facts = self.workspace.step("self-check", self._source(asked), make)
        return from_facts(asked, facts["objective"])

    def _fresh(self) -> nn.Module:
        """The untrained student, behind its preprocessing."""
        return self.task.network(self.student.fresh(), self.prepared.facts.form)

    def _lesson(self, objective: Objective) -> Lesson:
        from understudy.training.step import Lesson

        return Lesson(self.prepared, self.task.inputs, self.knowledge, objective)

    def _source(self, objective: Objective) -> str:
        """The key of what a student learns from."""
        teacher = self.teacher.teacher.fingerprint if self.asks_live else self.knowledge_key
        return content_key([self.prepared.key, teacher, repr(objective), self.student.identity])

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
            return lesson_key(self.student, self.prepared.key, recipe.training)
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

        def make() -> dict[str, Any]:
            return learn(
                self.student,
                self.task,
                self._lesson(self.objective)
                if name == "student"
                else labels_alone(self.prepared, self.task.inputs),
                self.recipe.training,
                key=self._key(name),
                folder=self.folder(name),
                checkpoint=self.workspace.checkpoint(f"{name}.safetensors"),
                emit=lambda record: self.workspace.emit({"model": name, **record}),
            )

        return self.step(name, make)

    @property
    def rival_names(self) -> tuple[str, ...]:
        """The rivals that the recipe asks for."""
        from understudy.evaluation.rivals import chosen_kinds

        return tuple(f"rival-{kind}" for kind in chosen_kinds(self.recipe.rivals))

    def rivals(self) -> tuple[str, ...]:
        """Train the rivals; their names."""
        from understudy.evaluation import rivals

        def make() -> dict[str, Any]:
            rows, seed = self.prepared.splits["train"], self.recipe.training.seed
            labels, classes = self.prepared.labels, len(self.prepared.facts.classes)
            chosen = rows[rivals.stratified(labels[rows], rivals.ROWS_CAP, seed)]
            inputs = self.prepared.inputs(chosen, self.task.inputs)
            wanted = self.recipe.rivals
            made = rivals.train_rivals(wanted, inputs, labels[chosen], classes, seed)
            for name, rival in made.items():
                rivals.save(rival, self.workspace.checkpoint(name))
            return {"rows": {name: rival.rows_used for name, rival in made.items()}}

        if self.rival_names:
            self.step("rivals", make)
        return self.rival_names

    def export(self, form: str) -> Mapping[str, Any]:
        """Export the student in one format, and hold the artefact against it on real rows."""
        from understudy.export import exporter
        from understudy.tasks.folders import read_facts

        kind, name = exporter(form), f"export-{form}"
        self.trained("student")

        def make() -> dict[str, Any]:
            rows = self.prepared.splits["test"][:64]
            inputs = self.prepared.inputs(rows, self.task.inputs)
            facts = read_facts(self.folder("student"))
            network, folder = self.network("student"), self.folder(name)
            made: dict[str, Any] = kind.write(network, facts, inputs, folder)
            return made

        return self.step(name, make)

    def network(self, name: str) -> nn.Module:
        """A trained network of this run, behind its preprocessing."""
        from understudy.tasks.folders import load_network

        own = self.student.fresh() if self.student.is_given else None
        return load_network(self.folder(name), module=own, allow_code=self.allow_code)
