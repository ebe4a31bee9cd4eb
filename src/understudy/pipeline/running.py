"""What a user can ask of a recipe, and of a run: the functions behind the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import RequestError
from understudy.files import locked
from understudy.pipeline.distilling import Production
from understudy.pipeline.rooting import rooted
from understudy.pipeline.workspace import Emit, Workspace, sweep
from understudy.recipe.schema import Recipe

if TYPE_CHECKING:
    from understudy.pipeline.planning import Plan
    from understudy.pipeline.scoring import Contender, TestRows
    from understudy.tasks.prepared import Exam

JUDGED_LATER = ("export", "require", "evaluation", "rivals")
"""Parts of a recipe that may change in a run folder: nothing that was trained depends on them."""


@dataclass(frozen=True)
class Run:
    """A finished run: one folder with everything that one `distill` made."""

    folder: Path

    @property
    def scorecard(self) -> dict[str, Any]:
        """Every number of the report."""
        path = self.folder / "scorecard.json"
        if not path.is_file():
            raise RequestError(f"'{self.folder}' is no finished run: it has no scorecard.json")
        card: dict[str, Any] = json.loads(path.read_text())
        return card

    @property
    def verdict(self) -> str:
        """Ship or do not ship, and why, in one sentence."""
        sentence: str = self.scorecard["why"]
        return sentence

    @property
    def shipped(self) -> bool:
        """Whether no requirement is broken."""
        return bool(self.scorecard["verdict"] != "do not ship")

    @property
    def report(self) -> Path:
        """The report, one HTML file."""
        return self.folder / "report.html"


def distill(
    recipe: Recipe,
    out: str | Path,
    *,
    root: str | Path = ".",
    allow_code: bool = False,
    emit: Emit | None = None,
) -> Run:
    """Run a recipe from data to report; what is there already is passed over.

    `root` is where relative paths begin, `emit` is called with every event of the run.
    Raises: RequestError where the request is wrong; what was computed until then is kept.
    """
    from understudy.pipeline.planning import plan_of
    from understudy.recipe.writing import write_recipe

    with _production(recipe, out, root, allow_code, emit) as production:
        write_recipe(production.settled, production.workspace.out / "recipe.yaml")
        production.workspace.emit({"event": "plan", **plan_of(production).record()})
        _finish(production)
    return Run(Path(out))


def plan(
    recipe: Recipe,
    out: str | Path,
    *,
    root: str | Path = ".",
    allow_code: bool = False,
    emit: Emit | None = None,
) -> Plan:
    """What `distill` would do, what is there already, and what the rest will take.

    The rows are checked and prepared for it, and kept.
    """
    from understudy.pipeline.planning import plan_of

    with _production(recipe, out, root, allow_code, emit) as production:
        return plan_of(production)


def teach(
    recipe: Recipe,
    out: str | Path,
    *,
    root: str | Path = ".",
    allow_code: bool = False,
    emit: Emit | None = None,
) -> dict[str, Any]:
    """Only ask the teacher; returns where its answers lie and what they take."""
    with _production(recipe, out, root, allow_code, emit) as production:
        store = production.store
        if store is None:
            raise RequestError("knowledge.mode is 'live': there is nothing to store")
        return {"root": store.root, "rows": store.rows, "bytes": store.bytes}


def evaluate(folder: str | Path, *, allow_code: bool = False, emit: Emit | None = None) -> Run:
    """Score a finished run again on its test rows, and write scorecard and report anew."""
    with _of_run(folder, allow_code, emit) as production:
        production.workspace.checkpoint("score.json").unlink(missing_ok=True)
        _finish(production)
    return Run(Path(folder))


def evaluate_on(
    folder: str | Path, data: Any, *, allow_code: bool = False, emit: Emit | None = None
) -> dict[str, Any]:
    """Score the models of a run on new data; written to RUN/evaluations/KEY/.

    Raises: RequestError where classes lack labels, or are none that the run knows; where vectors
    are given neither scored pairs nor a search; and where a query's list has nothing relevant.
    """
    from understudy.evaluation import scorecard
    from understudy.evaluation.predictor import rows_in
    from understudy.pipeline import facts
    from understudy.pipeline.contenders import contenders, new_exam, new_rows
    from understudy.pipeline.scoring import conclude

    with _of_run(folder, allow_code, emit) as production:
        recipe = production.recipe
        new = new_rows if production.task.gives == "logits" else new_exam
        rows, key = new(production, data)
        place = Path(folder) / "evaluations" / key
        place.mkdir(parents=True, exist_ok=True)
        models = contenders(production, production.rivals(), recipe.export)
        told = {
            "rows": rows_in(rows.inputs),
            "source": str(data),
            "findings": facts.told(rows.findings),
        }
        card, _ = _scored(production, models, rows, folder=place, data=told, knowledge={})
        concluded: dict[str, Any] = conclude(card, recipe.require, recipe.export or ("student",))
        scorecard.write(place / "scorecard.json", concluded)
    return concluded


def export(
    folder: str | Path,
    formats: tuple[str, ...],
    *,
    allow_code: bool = False,
    emit: Emit | None = None,
) -> list[Path]:
    """Export the student of a run in the given formats; returns their folders."""
    with _of_run(folder, allow_code, emit) as production:
        for name in formats:
            production.export(name)
    return [Path(folder) / "export" / name for name in formats]


def report(folder: str | Path) -> Path:
    """Draw the report of a run again, from the run folder alone."""
    from understudy.pipeline.showing import material
    from understudy.report import write

    run = Run(Path(folder))
    run.scorecard  # noqa: B018  (raises where there is none)
    write(material(run.folder, run.folder.name), run.report)
    return run.report


@contextmanager
def _production(
    recipe: Recipe, out: str | Path, root: str | Path, allow_code: bool, emit: Emit | None
) -> Iterator[Production]:
    """A run folder that is this recipe's, and held by this process."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise RequestError(
            "a run is the work of one process, and torchrun started several; run it without "
            "torchrun, or train with several processes through understudy.training.loop.train"
        )
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise RequestError(f"'{folder}' cannot be a run folder: {reason}; name another") from error
    with locked(folder / "checkpoints", f"another process is working in '{folder}'; wait for it"):
        sweep(folder)
        production = Production(rooted(recipe, Path(root)), Workspace(folder, emit), allow_code)
        _refuse_other_recipe(production)
        yield production


@contextmanager
def _of_run(folder: str | Path, allow_code: bool, emit: Emit | None) -> Iterator[Production]:
    from understudy.recipe.reading import read_recipe

    path = Path(folder) / "recipe.yaml"
    if not path.is_file():
        raise RequestError(f"'{folder}' is no run: it has no recipe.yaml")
    with _production(read_recipe(path), folder, folder, allow_code, emit) as production:
        yield production


def _refuse_other_recipe(production: Production) -> None:
    """Refuse a folder where a student was trained, in part or wholly, that is not this recipe's."""
    from understudy.recipe import documents
    from understudy.recipe.writing import as_mapping, changed

    workspace = production.workspace
    path = workspace.out / "recipe.yaml"
    begun = (workspace.checkpoint(f"student.{kind}") for kind in ("safetensors", "json"))
    if path.is_file() and any(trace.exists() for trace in begun):
        before, _ = documents.parse(path.read_text(), path.name)
        different = changed(before, as_mapping(production.settled), JUDGED_LATER)
        if different:
            raise RequestError(
                f"'{workspace.out}' belongs to another recipe: {'; '.join(different[:3])}; "
                "name another folder with --out, or delete this one"
            )


def _finish(production: Production) -> None:
    """Every step from the teacher to the report; each is passed over where it was done before."""
    workspace, recipe = production.workspace, production.recipe
    _warn_of_size(production)
    mode = "live" if production.store is None else "stored"
    workspace.emit({"event": "knowledge", "mode": mode})
    production.trained("student")
    if production.has_control:
        production.trained("control")
    production.rivals()
    for form in recipe.export:
        production.export(form)
    card = _score(production)
    workspace.emit({"event": "verdict", "verdict": card["verdict"], "why": card["why"]})
    workspace.emit({"event": "report", "path": str(report(workspace.out))})


def _warn_of_size(production: Production) -> None:
    teacher, student = production.teacher.parameters, production.student.parameters
    if teacher is not None and student >= teacher:
        text = f"the student is not smaller than its teacher: {student:,} against {teacher:,}"
        production.workspace.emit({"event": "warning", "text": f"{text} parameters"})


def _score(production: Production) -> dict[str, Any]:
    """Score every model, and judge what ships; the scorecard as it is written."""
    from understudy.evaluation import scorecard
    from understudy.pipeline import facts
    from understudy.pipeline.contenders import contenders, test_rows
    from understudy.pipeline.scoring import conclude
    from understudy.pipeline.showing import keep_material, keep_rankings, keep_vectors
    from understudy.pipeline.showing_sets import keep_sets
    from understudy.report.card import write_card

    workspace, recipe = production.workspace, production.recipe

    def make() -> dict[str, Any]:
        models = contenders(production, production.rival_names, recipe.export)
        given: dict[str, Any] = {
            "folder": workspace.out,
            "data": facts.data_facts(production),
            "knowledge": facts.knowledge_facts(production),
        }
        task, curves = production.task, facts.curves(production)
        if task.gives == "logits":
            rows = test_rows(production)
            card, answers = _scored(production, models, rows, **given)
            keep = keep_sets if task.several else keep_material
            keep(production, rows, answers, curves)
        else:
            exam = production.prepared.exam(task.inputs)
            card, found = _scored(production, models, exam, **given)
            kept = {"embedding": keep_vectors, "scores": keep_rankings}[task.gives]
            kept(production, found, curves)
        return {"card": card}

    card = production.step("score", make)["card"]
    shipped = recipe.export or ("student",)
    concluded: dict[str, Any] = conclude(
        {**card, "timings": workspace.timings}, recipe.require, shipped
    )
    scorecard.write(workspace.out / "scorecard.json", concluded)
    classes = production.prepared.facts.classes
    write_card(workspace.out / "student" / "README.md", workspace.out.name, concluded, classes)
    return concluded


def _scored(
    production: Production,
    models: Mapping[str, Contender],
    rows: TestRows | Exam,
    *,
    folder: Path,
    data: Mapping[str, Any],
    knowledge: Mapping[str, Any],
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Hold models against rows of labels, or against an exam, in the way of their task."""
    from understudy.pipeline import facts
    from understudy.pipeline.scoring import TestRows, score
    from understudy.pipeline.scoring_rankings import score_rankings
    from understudy.pipeline.scoring_vectors import score_vectors

    task, settings = production.task, production.recipe.evaluation
    given: dict[str, Any] = {"folder": folder, "data": data, "knowledge": knowledge}
    if isinstance(rows, TestRows):
        return score(models, task, rows, settings, **given)
    scored = {"embedding": score_vectors, "scores": score_rankings}[task.gives]
    given |= {"rivals": production.recipe.rivals != "none", **facts.space_given(production)}
    card, found = scored(models, task, rows, settings, **given)
    return card | facts.space_facts(production), found


def compare(folders: list[Path]) -> list[Mapping[str, Any]]:
    """The student of each run in one row, as its scorecard has it."""
    rows: list[Mapping[str, Any]] = []
    for folder in folders:
        card = Run(folder).scorecard
        student, versus = card["models"]["student"], card["comparison"]["student"]
        rows.append(
            {
                "run": str(folder),
                "metric": card["metric"],
                "quality": student["quality"][card["metric"]],
                "quality_retained": versus["quality_retained"],
                "recovered_gap": versus["recovered_gap"],
                "harmful_flips": versus["harmful_flips"],
                "bytes": student["bytes"],
                "latency_ms": student["latency_ms"],
                "verdict": card["verdict"],
            }
        )
    return rows
