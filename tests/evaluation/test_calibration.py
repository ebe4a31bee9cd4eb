"""Calibration, against a plain loop and scikit-learn."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from understudy.evaluation.calibration import brier, expected_calibration_error, reliability

rows = st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=80)


@given(rows)
def test_bins_hold_every_row_once_and_nearly_equally_many(cases):
    confidence = np.array([row[0] for row in cases], np.float32)
    correct = np.array([row[1] for row in cases])
    bins = reliability(confidence, correct)
    sizes = [part.rows for part in bins]
    assert sum(sizes) == len(cases)
    assert max(sizes) - min(sizes) <= 1
    assert len(bins) == min(15, len(cases))
    means = [part.confidence for part in bins]
    assert all(first <= second + 1e-12 for first, second in itertools.pairwise(means))
    right = sum(part.rows * part.accuracy for part in bins)
    assert right == pytest.approx(correct.sum())


@given(rows)
def test_the_error_is_that_of_a_plain_loop_and_at_least_the_overall_one(cases):
    ordered = sorted(cases, key=lambda row: row[0])
    bins = np.array_split(np.arange(len(ordered)), 15)
    expected = 0.0
    for part in bins:
        promised = sum(ordered[row][0] for row in part)
        kept = sum(ordered[row][1] for row in part)
        expected += abs(promised - kept) / len(ordered)
    confidence, correct = (np.array(column) for column in zip(*cases, strict=True))
    confidence = confidence.astype(np.float32)
    error = expected_calibration_error(reliability(confidence, correct))
    assert error == pytest.approx(expected, abs=1e-6)
    assert error >= abs(confidence.mean(dtype=np.float64) - correct.mean()) - 1e-9
    assert error <= 1.0


def test_a_model_that_keeps_its_promises_has_no_error():
    confidence = np.repeat([0.25, 0.5, 1.0], 20).astype(np.float32)
    correct = np.concatenate([[True, False, False, False] * 5, [True, False] * 10, [True] * 20])
    assert expected_calibration_error(reliability(confidence, correct, bins=3)) == 0.0
    assert expected_calibration_error(reliability(confidence, ~correct, bins=3)) > 0.4


def test_the_brier_score_is_that_of_scikit_learn():
    generator = np.random.default_rng(0)
    confidence = generator.random(200).astype(np.float32)
    correct = generator.random(200) < 0.6
    expected = brier_score_loss(correct, confidence)
    assert brier(confidence, correct).mean() == pytest.approx(expected)
    assert brier(np.array([1.0, 0.0], np.float32), np.array([True, False])).tolist() == [0.0, 0.0]
