"""Rows of several classes in the report: what is shown is what it is said to be."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from understudy.evaluation.label_sets import SetAnswers
from understudy.pipeline import showing
from understudy.pipeline.scoring import TestRows as Rows
from understudy.pipeline.showing_sets import NONE, keep_sets

CLASSES = ("a", "b", "c")
TRUTH = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]], dtype=np.int8)


def saying(marks: Any) -> SetAnswers:
    return SetAnswers(np.where(np.array(marks) > 0, 0.8, 0.1).astype(np.float32))


@pytest.fixture
def material(tmp_path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Row 0 is broken, row 1 mended, row 2 copied wrong, row 3 right in both."""
    wrong = 1 - TRUTH
    teacher, student = TRUTH.copy(), TRUTH.copy()
    teacher[1], student[0] = wrong[1], [1, 0, 0]
    teacher[2] = student[2] = [0, 0, 0]
    answers = {"teacher": saying(teacher), "student": saying(student)}
    task = SimpleNamespace(
        inputs=("text",),
        picture=lambda inputs, row: None,
        text=lambda inputs, row: str(inputs["text"][row]),
    )
    production = SimpleNamespace(
        task=task,
        workspace=SimpleNamespace(checkpoint=lambda name: tmp_path / name),
        recipe=SimpleNamespace(evaluation=SimpleNamespace(threads=1)),
        prepared=SimpleNamespace(
            labels=TRUTH, inputs=lambda rows, names: {"text": [f"row {row}" for row in rows]}
        ),
        store=SimpleNamespace(read=lambda name, start, stop: np.array([[-5.0, 5.0, 5.0]])),
    )
    monkeypatch.setattr(showing, "suspect_rows", lambda production: [(3, 1, 0.99)])
    texts = np.array([f"text {row}" for row in range(4)], dtype=object)
    rows = Rows({"text": texts}, TRUTH, np.arange(10, 14), CLASSES)
    keep_sets(production, rows, answers, {})
    return json.loads((tmp_path / "material.json").read_text())


def test_rows_are_what_they_are_said_to_be(material: dict[str, Any]):
    found = {example["kind"]: example for example in material["examples"]}
    assert {kind: example["row"] for kind, example in found.items()} == {
        "harmful flip": 10,
        "helpful flip": 11,
        "inherited error": 12,
        "suspect label": 3,
    }
    assert found["harmful flip"]["label"] == "a, b"
    assert found["harmful flip"]["answers"] == {"teacher": ["a, b", None], "student": ["a", None]}
    assert found["inherited error"]["answers"]["student"] == [NONE, None]
    assert found["harmful flip"]["text"] == "text 0"


def test_a_suspect_label_is_shown_beside_what_the_teacher_names(material: dict[str, Any]):
    (suspect,) = (each for each in material["examples"] if each["kind"] == "suspect label")
    assert suspect["label"] == NONE
    assert suspect["answers"] == {"teacher": ["b, c", 0.99]}
    assert suspect["text"] == "row 3"


def test_confidence_is_shown_of_the_classes_that_are_named(material: dict[str, Any]):
    rows = sum(point[2] for point in material["reliability"]["teacher"])
    assert rows == 2 + 2 + 0 + 0
    assert material["reliability"]["teacher"][0][0] == pytest.approx(0.8)
    assert material["confusion"] == {}
