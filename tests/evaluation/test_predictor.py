"""Answers from logits, against scipy; and what a model may not answer."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import log_softmax

from understudy.errors import RequestError
from understudy.evaluation.predictor import answers_from, ask


@dataclass(frozen=True)
class Table:
    """Answers row i with row i of a table."""

    table: np.ndarray
    name: str = "table"

    def predict(self, inputs):
        return self.table[inputs["row"]]


LOGITS = np.random.default_rng(0).normal(scale=5, size=(50, 4)).astype(np.float32)


def test_answers_are_those_of_scipy():
    answers = answers_from(LOGITS)
    expected = log_softmax(LOGITS.astype(np.float64), axis=1)
    np.testing.assert_allclose(answers.log_probabilities, expected, rtol=1e-6)
    assert np.array_equal(answers.classes, LOGITS.argmax(axis=1))
    np.testing.assert_allclose(answers.confidence, np.exp(expected).max(axis=1), rtol=1e-6)
    assert (answers.classes.dtype, answers.confidence.dtype) == (np.int64, np.float32)
    assert answers.log_probabilities.dtype == np.float32


def test_log_probabilities_and_huge_logits_pass():
    again = answers_from(answers_from(LOGITS).log_probabilities)
    np.testing.assert_allclose(
        again.log_probabilities, answers_from(LOGITS).log_probabilities, atol=1e-6
    )
    assert np.isfinite(answers_from(np.array([[3e38, -3e38]], np.float32)).log_probabilities).all()


def test_the_input_is_left_alone():
    table = LOGITS.astype(np.float64)
    kept = table.copy()
    answers_from(table)
    assert np.array_equal(table, kept)


@pytest.mark.parametrize("batch", [1, 7, 50, 256])
def test_batches_do_not_change_answers(batch):
    answers = ask(Table(LOGITS), {"row": np.arange(50)}, batch=batch, classes=4)
    assert np.array_equal(answers.log_probabilities, answers_from(LOGITS).log_probabilities)


def test_no_rows_are_refused():
    with pytest.raises(RequestError, match="table: there is no row to answer"):
        ask(Table(LOGITS), {"row": np.arange(0)})


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused_with_their_row(odd):
    table = LOGITS.copy()
    table[33, 2] = odd
    with pytest.raises(RequestError, match="table answered row 33 with a number that is not fin"):
        ask(Table(table), {"row": np.arange(50)}, batch=20)


def test_a_wrong_width_is_refused():
    with pytest.raises(RequestError, match=r"shape \[50, 4\] .* must be \[50, 3\]"):
        ask(Table(LOGITS), {"row": np.arange(50)}, classes=3)


@pytest.mark.parametrize("table", [LOGITS[:, 0], LOGITS[:, :, None]])
def test_a_wrong_rank_is_refused(table):
    with pytest.raises(RequestError, match=r"must be \[50, classes\]"):
        ask(Table(table), {"row": np.arange(50)})


def test_a_width_that_changes_between_batches_is_refused():
    class Changing:
        name = "changing"

        def predict(self, inputs):
            return np.zeros((len(inputs["row"]), 2 + int(inputs["row"][0] > 0)))

    with pytest.raises(RequestError, match=r"rows 20 to 39; it must be \[20, 2\]"):
        ask(Changing(), {"row": np.arange(50)}, batch=20)
