"""Quality by group of rows, counted by hand."""

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score

from understudy.evaluation.slices import SMALL_BELOW, slices

LABELS = np.random.default_rng(0).integers(0, 3, 100)
CHANNEL = ["web"] * 60 + ["shop"] * 30 + ["phone"] * 10


@pytest.fixture
def answers(answering):
    shares = {"teacher": 0.9, "student": 0.7, "onnx": 0.7}
    return {name: answering(LABELS, share, 1) for name, share in shares.items()}


def test_groups_are_shown_largest_first_and_small_ones_marked(answers):
    found = slices({"channel": CHANNEL}, answers, LABELS, 3, "accuracy")
    assert [(row["column"], row["value"], row["rows"], row["small"]) for row in found] == [
        ("channel", "web", 60, False),
        ("channel", "shop", SMALL_BELOW, False),
        ("channel", "phone", 10, True),
    ]
    for row in found:
        members = np.array(CHANNEL) == row["value"]
        for name in ("teacher", "student"):
            right = answers[name].classes[members] == LABELS[members]
            assert row[name] == pytest.approx(right.mean())
        assert row["control"] is None


def test_the_metric_is_the_one_asked_for(answers):
    row = slices({"channel": CHANNEL}, answers, LABELS, 3, "macro_f1")[1]
    members = np.array(CHANNEL) == "shop"
    expected = f1_score(LABELS[members], answers["teacher"].classes[members], average="macro")
    assert row["teacher"] == pytest.approx(expected)


def test_missing_values_are_one_group_and_numbers_stay_numbers(answers):
    ages = np.array([math.nan, 1.0, 2.0, 1.0] * 25)
    found = slices({"age": ages, "kind": [None, "a"] * 50}, answers, LABELS, 3, "accuracy")
    assert [(row["value"], row["rows"]) for row in found] == [
        (1.0, 50),
        (None, 25),
        (2.0, 25),
        (None, 50),
        ("a", 50),
    ]
