import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from understudy.evaluation.predictor import Answers, answers_from
from understudy.evaluation.scorecard import write
from understudy.pipeline.contenders import test_rows as rows_set_aside
from understudy.pipeline.distilling import Production
from understudy.pipeline.facts import curves
from understudy.pipeline.showing import (
    EXAMPLES_EACH,
    MATERIAL,
    keep_material,
    material,
    suspect_rows,
)
from understudy.report import Material


def saying(classes: np.ndarray) -> Answers:
    return answers_from(3.0 * np.eye(10, dtype=np.float32)[classes])


@pytest.fixture(scope="module")
def told(production: Production) -> tuple[Material, dict[str, Answers]]:
    """Material of answers whose flips are known: rows 0 harmful, 1 helpful, 2 inherited."""
    rows = rows_set_aside(production)
    labels = rows.labels
    other = (labels + 1) % 10
    place = np.arange(len(labels))
    answers = {
        "teacher": saying(np.where((place == 1) | (place == 2), other, labels)),
        "control": saying(labels),
        "student": saying(np.where((place == 0) | (place == 2), other, labels)),
        "rival-linear": saying(labels),
    }
    keep_material(production, rows, answers, curves(production))
    out = production.workspace.out
    write(out / "scorecard.json", {"schema": 1})
    (out / "recipe.yaml").write_text("student: mlp-8\n")
    return material(out, "digits"), answers


def test_examples_are_the_rows_that_they_are_said_to_be(told: tuple, production: Production):
    shown, _ = told
    rows = rows_set_aside(production)
    found = {example.kind: example for example in shown.examples if example.kind != "suspect label"}
    assert {kind: example.row for kind, example in found.items()} == {
        kind: rows.numbers[place]
        for place, kind in enumerate(("harmful flip", "helpful flip", "inherited error"))
    }
    harmful = found["harmful flip"]
    assert harmful.label == rows.classes[rows.labels[0]]
    assert harmful.answers["teacher"][0] == harmful.label
    assert harmful.answers["student"][0] != harmful.label
    assert set(harmful.answers) == {"teacher", "control", "student"}
    assert all(0 < confidence <= 1 for _, confidence in harmful.answers.values())


def test_pictures_are_the_rows_themselves(told: tuple, production: Production):
    import io

    from PIL import Image

    shown, _ = told
    rows = rows_set_aside(production)
    picture = np.asarray(Image.open(io.BytesIO(shown.examples[0].picture)), dtype=np.float32)
    wanted = rows.inputs["image"][0, ..., 0].astype(np.float32)
    assert picture.shape == wanted.shape
    assert np.corrcoef(picture.ravel(), wanted.ravel())[0, 1] > 0.999


def test_confusion_counts_every_test_row(told: tuple, production: Production):
    shown, answers = told
    labels = rows_set_aside(production).labels
    for name, table in shown.confusion.items():
        counts = np.asarray(table)
        assert counts.sum() == len(labels)
        assert np.trace(counts) == (answers[name].classes == labels).sum()
        np.testing.assert_array_equal(counts.sum(axis=1), np.bincount(labels, minlength=10))


def test_reliability_covers_every_row(told: tuple, production: Production):
    shown, _ = told
    for points in shown.reliability.values():
        assert sum(rows for _, _, rows in points) == len(rows_set_aside(production).labels)


def test_the_rest_of_the_material_is_what_the_run_holds(told: tuple):
    shown, _ = told
    assert set(shown.curves) == {"teacher", "student", "control"}
    assert shown.recipe == "student: mlp-8\n"
    assert "understudy.load" in shown.usage
    assert shown.environment["threads while timing"] == "1"
    assert shown.title == "digits"


def test_no_kind_of_example_floods_the_report(production: Production, tmp_path, heard):
    rows = rows_set_aside(production)
    wrong = saying((rows.labels + 1) % 10)
    keep_material(
        production, rows, {"teacher": saying(rows.labels), "student": wrong}, curves(production)
    )
    stored = json.loads(production.workspace.checkpoint(MATERIAL).read_text())
    flips = [example for example in stored["examples"] if example["kind"] == "harmful flip"]
    assert len(flips) == EXAMPLES_EACH
    assert "control" not in stored["confusion"]


def test_suspect_labels_are_sure_contradictions_surest_first(producing: Callable):
    import torch

    class Doubter:
        """Says class 3 of every row, with a confidence that depends on the row's first pixels."""

        fingerprint, classes = "doubter", None

        def answer(self, inputs: dict) -> dict:
            logits = torch.zeros(len(inputs["image"]), 10)
            logits[:, 3] = inputs["image"].float().sum(dim=(1, 2, 3)) / 40
            return {"logits": logits}

    made = producing(teacher=Doubter())
    found = suspect_rows(made)
    assert found
    labels = made.prepared.labels
    confidences = [confidence for _, _, confidence in found]
    assert confidences == sorted(confidences, reverse=True)
    assert min(confidences) >= 0.9
    assert all(said == 3 and labels[row] != 3 for row, said, _ in found)
    logits = made.store.read("logits", 0, 300)
    sure = answers_from(logits).confidence >= 0.9
    assert len(found) == int((sure & (labels != 3)).sum())


def test_a_live_teacher_doubts_nothing(production: Production):
    from understudy.recipe.schema import Knowledge

    live = replace(production, recipe=replace(production.recipe, knowledge=Knowledge(mode="live")))
    assert suspect_rows(live) == []
