"""Comparisons, on answers written out by hand."""

import numpy as np
import pytest

from understudy.evaluation.bootstrap import Resampled
from understudy.evaluation.comparison import Scored, against, compare

LABELS = np.array([0] * 10)


def _model(wrong: int, size: int | None = None, latency: float | None = None) -> Scored:
    """Wrong on the first rows, with three draws around its accuracy."""
    accuracy = 1 - wrong / 10
    figure = Resampled(accuracy, np.array([accuracy - 0.1, accuracy, accuracy + 0.1]))
    predictions = (np.arange(10) < wrong).astype(np.int64)
    return Scored(predictions, LABELS, {"accuracy": figure}, figure, size, latency)


SCORED = {
    "teacher": _model(1, 4000, 8.0),
    "control": _model(5, 1000, 2.0),
    "student": _model(3, 1000, 2.0),
    "rival-knn": _model(4),
    "onnx": _model(3, 500, 1.0),
}


def test_the_student_against_the_teacher():
    found = compare("student", SCORED)
    assert found["quality_retained"] == pytest.approx(0.7 / 0.9)
    assert found["recovered_gap"]["value"] == pytest.approx(0.5)
    assert found["recovered_gap"]["reason"] is None
    assert (found["agreement"], found["harmful_flips"], found["helpful_flips"]) == (0.8, 0.2, 0.0)
    assert (found["inherited_errors"], found["inherited_share"]) == (0.1, 1.0)
    assert (found["size_ratio"], found["speedup"]) == (4.0, 4.0)
    assert found["difference"]["value"] == pytest.approx(-0.2)
    assert found["p_value"] == 0.5


def test_each_is_compared_with_what_it_is_not():
    others = {
        name: {"control", "student"} & compare(name, SCORED).keys()
        for name in SCORED
        if name != "teacher"
    }
    assert others == {
        "control": set(),
        "student": {"control"},
        "rival-knn": {"control", "student"},
        "onnx": {"control", "student"},
    }
    difference = compare("rival-knn", SCORED)["student"]["difference"]
    assert difference["value"] == pytest.approx(-0.1)


def test_what_was_not_measured_has_no_ratio():
    found = compare("rival-knn", SCORED)
    assert (found["size_ratio"], found["speedup"]) == (None, None)


def test_without_a_control_the_gap_says_so():
    alone = {name: SCORED[name] for name in ("teacher", "student")}
    found = compare("student", alone)
    gap = {"value": None, "low": None, "high": None, "reason": "no control was trained"}
    assert found["recovered_gap"] == gap
    assert "control" not in found


def test_a_model_is_no_better_than_itself():
    found = against(SCORED["onnx"], SCORED["student"])
    assert found == {"difference": {"value": 0.0, "low": 0.0, "high": 0.0}, "p_value": 1.0}
