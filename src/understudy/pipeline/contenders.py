"""The models of a run, ready to be scored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import RequestError
from understudy.evaluation import rivals
from understudy.evaluation.memory import Stored as StoredModel
from understudy.evaluation.networks import TeacherPredictor
from understudy.evaluation.scorecard import Facts
from understudy.export import exporter
from understudy.export.onnx import OnnxReranker
from understudy.pipeline.mining import once
from understudy.pipeline.scoring import Contender, TestRows
from understudy.teachers.recalled import Recalled

if TYPE_CHECKING:
    from understudy.pipeline.distilling import Production
    from understudy.tasks.prepared import Exam


def contenders(
    production: Production, rival_names: Iterable[str], exports: Iterable[str]
) -> dict[str, Contender]:
    """Teacher, control, student, rivals and artefacts, each loaded from where it was saved."""
    names = ("control", "student") if production.has_control else ("student",)
    models = {"teacher": _teacher(production)}
    models |= {name: _network(production, name) for name in names}
    for name in rival_names:
        folder = production.workspace.checkpoint(name)
        rival = rivals.load(folder)
        facts = Facts(rival.parameters, rival.bytes)
        models[name] = Contender(rival, facts, StoredModel(folder, "rival"))
    for name in exports:
        folder = production.folder(f"export-{name}")
        artefact = exporter(name).load(folder, production.recipe.evaluation.threads)
        facts = Facts(production.student.parameters, artefact.bytes)
        again = _once(artefact) if isinstance(artefact, OnnxReranker) else None
        models[name] = Contender(artefact, facts, StoredModel(folder, name), again)
    return models


def test_rows(production: Production) -> TestRows:
    """The test rows that the run set aside."""
    prepared = production.prepared
    rows = prepared.splits["test"]

    def inputs(part: str) -> dict[str, Any]:
        return prepared.inputs(prepared.splits[part], production.task.inputs)

    has_outside = "out_of_scope" in prepared.splits
    return TestRows(
        inputs=inputs("test"),
        outside=inputs("out_of_scope") if has_outside else {},
        validation=inputs("validation") if has_outside else {},
        labels=prepared.labels[rows],
        numbers=prepared.source_rows("test"),
        classes=prepared.facts.classes,
        slices=prepared.facts.slices,
    )


def new_rows(production: Production, data: Any) -> tuple[TestRows, str]:
    """Labelled rows from another source, for the models of this run, and a key for them."""
    from understudy.data import sources
    from understudy.data.labels import has_label
    from understudy.tasks.labelled import labels_of

    settings, task = production.recipe.data, production.task
    rows = sources.read(data)
    known = production.prepared.facts.classes
    numbers, classes = labels_of(rows, settings, known, task.several)
    without = int((~has_label(numbers)).sum())
    if without:
        raise RequestError(f"{rows.origin}: {without} rows have no label")
    inputs = task.rows_of(production.prepared.facts.form, task.given(rows, settings.columns))
    found = TestRows(inputs, numbers, np.arange(len(numbers)), classes)
    return found, rows.fingerprint[:16]


def new_exam(production: Production, data: Any) -> tuple[Exam, str]:
    """The same for a task whose test rows are held against more than labels.

    Raises: RequestError where the task cannot read them.
    """
    from understudy.data import sources
    from understudy.tasks import Reranking, TextEmbedding

    task = production.task
    assert isinstance(task, TextEmbedding | Reranking)
    rows = sources.read(data)
    if not len(rows):
        raise RequestError(f"{rows.origin} holds no rows")
    form = production.prepared.facts.form
    return task.exam(rows, production.recipe.data, form), rows.fingerprint[:16]


def _once(artefact: OnnxReranker) -> Recalled:
    """An artefact that is asked once about each text or pair of several lists."""
    reading, read = artefact.reading, artefact.artefact.predict
    return Recalled(artefact.name, "", reading.tokens, reading.apart, read)


def _teacher(production: Production) -> Contender:
    found = production.teacher
    return Contender(
        TeacherPredictor("teacher", found.teacher, production.task.gives),
        Facts(found.parameters, found.bytes),
        StoredModel(found.folder, "network") if found.folder else None,
        once(found.teacher, production.workspace.cache),
    )


def _network(production: Production, name: str) -> Contender:
    from understudy.tasks.folders import weight_bytes
    from understudy.teachers import NetworkTeacher

    folder = production.folder(name)
    made, gives = production.student, production.task.gives
    student = NetworkTeacher(production.network(name), reading=made.reading, gives=gives)
    return Contender(
        TeacherPredictor(name, student, gives),
        Facts(made.parameters, weight_bytes(folder)),
        StoredModel(folder, "network") if made.blueprint.kind != "module" else None,
        once(student, None, name),
    )
