"""The steps in order: from a recipe to a shipped student and its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from understudy.files import content_key
from understudy.pipeline.learning import Candidate, candidate, learn, lesson_key
from understudy.pipeline.rows import prepare_rows
from understudy.pipeline.teacher import Found, Search
from understudy.tasks import Prepared, Task, task_named

if TYPE_CHECKING:
    from torch import nn

    from understudy.objectives import Objective
    from understudy.pipeline.workspace import Workspace
    from understudy.recipe.schema import Recipe
    from understudy.store import Store
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

    @cached_property
    def teacher(self) -> Found:
        """The teacher: loaded, or trained once."""
        return self.search.find(self.recipe.teacher)

    @property
    def search(self) -> Search:
        """How a teacher is found."""
        return Search(self.task, self.prepared, self.workspace, self.allow_code)

    @property
    def knowledge_root(self) -> str:
        """Where the teacher's answers lie."""
        from understudy.teachers.teaching import knowledge_key

        key = knowledge_key(self.teacher.teacher, self.prepared, self.recipe.knowledge.codec)
        base = self.recipe.knowledge.store or str(self.workspace.cache / "knowledge")
        return f"{base.rstrip('/')}/{key}"

    @property
    def asks_live(self) -> bool:
        """Whether the teacher is asked in every step instead of once."""
        settings = self.recipe.knowledge
        if settings.mode != "auto":
            return settings.mode == "live"
        from understudy.teachers.teaching import bytes_per_row

        row = bytes_per_row(len(self.prepared.facts.classes), settings.codec)
        return row * len(self.prepared) > settings.budget_bytes

    @cached_property
    def store(self) -> Store | None:
        """What the teacher said of every row; None where it is asked live."""
        from understudy.teachers.teaching import teach

        if self.asks_live:
            return None
        root = self.knowledge_root
        asked = 0

        def listen(record: Mapping[str, Any]) -> None:
            nonlocal asked
            asked += record.get("rows", 0)
            self.workspace.emit(record)

        def ask() -> Store:
            codec = self.recipe.knowledge.codec
            teacher, inputs = self.teacher.teacher, self.task.inputs
            return teach(teacher, self.prepared, inputs, root, codec, emit=listen)

        def make() -> dict[str, Any]:
            store = ask()
            return {"rows": store.rows, "bytes": store.bytes, "rows_asked": asked}

        self.workspace.step("knowledge", content_key(root), make)
        # A shard that was damaged since is asked again here; a whole store costs a look.
        return ask()

    @cached_property
    def knowledge(self) -> Knowledge:
        """What the loop reads the teacher's answers from."""
        from understudy.training.knowledge import Live, Stored

        if self.store is None:
            return Live(self.teacher.teacher)
        return Stored(self.store, frozenset({"logits"}))

    @cached_property
    def student(self) -> Candidate:
        """The student, untrained."""
        return self._candidate()

    def _candidate(self) -> Candidate:
        return candidate(
            self.recipe.student,
            self.task,
            self.prepared,
            self.recipe.training.seed,
            allow_code=self.allow_code,
        )

    @cached_property
    def asked_objective(self) -> Objective:
        """The objective as the recipe has it, 'auto' and all."""
        from understudy.objectives import as_objective

        if self.recipe.objective is None:
            return self.task.objective(len(self.prepared.facts.classes))
        return as_objective(self.recipe.objective)

    @cached_property
    def objective(self) -> Objective:
        """The objective with a number everywhere, after the self-check and any probes."""
        from understudy.training.probes import from_facts, provisional, settle, to_facts
        from understudy.training.selfcheck import selfcheck

        asked = self.asked_objective

        def make() -> dict[str, Any]:
            network = self.task.network(self.student.fresh(), self.prepared.facts.form)
            lesson = self._lesson(provisional(asked))
            checks = selfcheck(lesson, network, self.teacher.teacher)
            self.workspace.emit({"event": "self-check", "passed": checks})
            settled = settle(
                self._lesson(asked),
                lambda: self.task.network(self.student.fresh(), self.prepared.facts.form),
                self.recipe.training,
                self.workspace.emit,
            )
            return {"objective": to_facts(settled), "checks": list(checks)}

        facts = self.workspace.step("self-check", self._source(repr(asked)), make)
        return from_facts(asked, facts["objective"])

    def _lesson(self, objective: Objective) -> Lesson:
        from understudy.training.step import Lesson

        return Lesson(self.prepared, self.task.inputs, self.knowledge, objective)

    def _source(self, objective: str) -> str:
        """The key of what a student learns from."""
        teacher = self.teacher.teacher.fingerprint if self.asks_live else self.knowledge_root
        return content_key([self.prepared.key, teacher, objective, self.student.identity])

    def trained(self, name: str) -> dict[str, Any]:
        """Train `student` or `control`; what the step says of itself."""
        lesson, source = self._taught(name)

        def make() -> dict[str, Any]:
            return learn(
                self.student,
                self.task,
                lesson,
                self.recipe.training,
                source=source,
                folder=self.workspace.out / name,
                checkpoint=self.workspace.checkpoint(f"{name}.safetensors"),
                emit=lambda record: self.workspace.emit({"model": name, **record}),
            )

        return self.workspace.step(name, self._key(source), make)

    def is_trained(self, name: str) -> bool:
        """Whether `student` or `control` is there; settles nothing that is still open."""
        checked = self.workspace.done("self-check", self._source(repr(self.asked_objective)))
        if checked is None:
            return False
        return self.workspace.done(name, self._key(self._taught(name)[1])) is not None

    def is_exported(self, name: str) -> bool:
        """Whether an artefact of this very student is there."""
        return self.is_trained("student") and bool(
            self.workspace.done(f"export-{name}", self._export_key(name))
        )

    def _taught(self, name: str) -> tuple[Lesson, str]:
        """What `student` or `control` learns, and the key of what that is made from."""
        from understudy.objectives import HardLabels, as_objective
        from understudy.training.knowledge import Nothing

        if name == "student":
            return self._lesson(self.objective), self._source(repr(self.objective))
        labels_alone = as_objective(HardLabels())
        return replace(self._lesson(labels_alone), knowledge=Nothing()), self.prepared.key

    def _key(self, source: str) -> str:
        return lesson_key(self.student, source, self.recipe.training)

    def _export_key(self, name: str) -> str:
        return content_key([name, self._key(self._taught("student")[1])])

    def network(self, name: str) -> nn.Module:
        """A trained network of this run, behind its preprocessing."""
        from understudy.tasks.folders import load_network

        own = self.student.fresh() if self.student.is_given else None
        return load_network(self.workspace.out / name, module=own, allow_code=self.allow_code)

    def rivals(self) -> tuple[str, ...]:
        """Train the rivals; their names."""
        from understudy.evaluation import rivals

        wanted = self.recipe.rivals
        names = rivals.chosen_kinds(wanted)
        key = content_key([self.prepared.key, names, self.recipe.training.seed])

        def make() -> dict[str, Any]:
            rows = self.prepared.splits["train"]
            labels = self.prepared.labels[rows]
            chosen = rows[rivals.stratified(labels, rivals.ROWS_CAP, self.recipe.training.seed)]
            made = rivals.train_rivals(
                names,
                self.prepared.inputs(chosen, self.task.inputs),
                self.prepared.labels[chosen],
                len(self.prepared.facts.classes),
                self.recipe.training.seed,
            )
            for name, rival in made.items():
                rivals.save(rival, self.workspace.checkpoint(name))
            return {"rivals": {name: rival.rows_used for name, rival in made.items()}}

        return tuple(self.workspace.step("rivals", key, make)["rivals"]) if names else ()

    def export(self, name: str) -> Mapping[str, Any]:
        """Export the student in one format, and hold the artefact against it on real rows."""
        from understudy.export import exporter
        from understudy.tasks.folders import read_facts

        self.trained("student")

        def make() -> dict[str, Any]:
            rows = self.prepared.splits["test"][:64]
            made: dict[str, Any] = exporter(name).write(
                self.network("student"),
                read_facts(self.workspace.out / "student"),
                self.prepared.inputs(rows, self.task.inputs),
                self.workspace.out / "export" / name,
            )
            return made

        return self.workspace.step(f"export-{name}", self._export_key(name), make)

    def curves(self) -> dict[str, Any]:
        """The training curves of teacher (where the run trained it), student and control."""
        names = ("student", "control") if self.recipe.control else ("student",)
        found = {name: self.trained(name)["curve"] for name in names}
        return ({"teacher": list(self.teacher.curve)} if self.teacher.curve else {}) | found

    def score_key(self) -> str:
        """The key of everything that is scored."""
        recipe = self.recipe
        models = [recipe.control, recipe.rivals, recipe.export, self.teacher.teacher.fingerprint]
        return content_key([self._key(self._taught("student")[1]), *models])

    def data_facts(self) -> dict[str, Any]:
        """What the scorecard says of the rows."""
        from understudy.pipeline.showing import suspect_rows

        facts, splits = self.prepared.facts, self.prepared.splits
        counts = {finding["kind"]: finding["count"] for finding in facts.findings}
        suspects = len(suspect_rows(self))
        return {
            "rows": len(self.prepared),
            **{f"{name}_rows": len(rows) for name, rows in splits.items()},
            "unlabelled": int((self.prepared.labels < 0).sum()),
            "classes": len(facts.classes),
            "duplicates": counts.get("duplicates", 0),
            "leaked_test_rows": counts.get("leaked_test_rows", 0),
            "suspect_labels": suspects,
            "findings": [
                {"kind": finding["kind"], "count": finding["count"], "text": finding["text"]}
                for finding in facts.findings
            ],
        }

    def knowledge_facts(self) -> dict[str, Any]:
        """What the scorecard says of the teacher's answers."""
        if self.store is None:
            return {"mode": "live"}
        step = self.workspace.done("knowledge", content_key(self.knowledge_root)) or {}
        return {
            "mode": "stored",
            "rows": self.store.rows,
            "views": 1,
            "bytes": self.store.bytes,
            "bytes_per_row": self.store.bytes / self.store.rows,
            "codec": self.recipe.knowledge.codec,
            "teach_seconds": step.get("seconds"),
            "reused": step.get("rows_asked") == 0,
        }
