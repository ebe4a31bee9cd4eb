"""Accuracy and macro-F1, against scikit-learn, on the rows and on resamples of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from understudy.errors import RequestError
from understudy.evaluation.bootstrap import LEVEL
from understudy.evaluation.quality import (
    METRICS,
    accuracy,
    macro_f1,
    margins,
    marks,
    quality,
    resampled,
)

pairs = st.integers(1, 6).flatmap(
    lambda classes: st.tuples(
        st.just(classes),
        st.lists(
            st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1)),
            min_size=1,
            max_size=40,
        ),
    )
)


@given(pairs)
def test_metrics_are_those_of_scikit_learn(case):
    classes, rows = case
    predictions, labels = np.array(rows).T
    counts = margins(predictions, labels, classes)
    assert accuracy(counts) == pytest.approx(accuracy_score(labels, predictions))
    expected = f1_score(labels, predictions, average="macro", zero_division=0)
    assert macro_f1(counts) == pytest.approx(expected)


@given(pairs)
def test_margins_are_the_sum_of_the_marks(case):
    classes, rows = case
    predictions, labels = np.array(rows).T
    summed = np.asarray(marks(predictions, labels, classes).sum(axis=0)).reshape(3, classes)
    assert np.array_equal(summed, margins(predictions, labels, classes))


@pytest.mark.parametrize("name", METRICS)
def test_draws_are_the_metric_on_resampled_rows(answering, name):
    labels = np.random.default_rng(1).integers(0, 3, 40)
    answers = answering(labels, 0.7, seed=2)
    drawn = np.random.default_rng(9).integers(0, 40, size=(25, 40), dtype=np.int32)
    scores = {
        "accuracy": accuracy_score,
        "macro_f1": lambda y, p: f1_score(y, p, average="macro", zero_division=0),
    }
    expected = [scores[name](labels[rows], answers.classes[rows]) for rows in drawn]
    figure = resampled(answers, labels, 3, resamples=25, seed=9)[name]
    np.testing.assert_allclose(figure.draws, expected, rtol=1e-6)
    interval = quality(answers, labels, 3, resamples=25, seed=9)[name]
    tail = (1 - LEVEL) / 2
    assert (interval.low, interval.high) == pytest.approx(np.quantile(expected, [tail, 1 - tail]))
    assert interval.value == pytest.approx(scores[name](labels, answers.classes))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_the_order_of_rows_does_not_change_the_value(seed):
    generator = np.random.default_rng(seed)
    labels, predictions = generator.integers(0, 4, 30), generator.integers(0, 4, 30)
    order = generator.permutation(30)
    for metric in METRICS.values():
        assert metric(margins(predictions, labels, 4)) == metric(
            margins(predictions[order], labels[order], 4)
        )


@pytest.mark.parametrize("label", [-1, 3])
def test_rows_without_a_class_are_refused(answering, label):
    labels = np.zeros(5, dtype=np.int64)
    answers = answering(labels, 1.0, seed=0)
    labels[4] = label
    with pytest.raises(RequestError, match=f"test row 4 has the label {label}; .* from 0 to 2"):
        quality(answers, labels, 3)


def test_answers_that_are_no_class_are_refused(answering):
    labels = np.zeros(5, dtype=np.int64)
    with pytest.raises(RequestError, match="has the answer 1; test rows need one from 0 to 0"):
        quality(answering(labels, 0.0, seed=0), labels, 1)
