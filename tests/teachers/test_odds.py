"""Probabilities as logits, and back again."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from understudy.teachers.odds import FLOOR, log_odds, logarithms


def test_logarithms_give_the_probabilities_back():
    table = np.random.default_rng(0).dirichlet(np.ones(5), 20)
    np.testing.assert_allclose(softmax(logarithms(table), axis=1), table, rtol=1e-5)


def test_log_odds_give_each_probability_back():
    table = np.random.default_rng(1).uniform(0.001, 0.999, (20, 5))
    np.testing.assert_allclose(expit(log_odds(table)), table, rtol=1e-9)


def test_certainty_is_bounded():
    assert np.isfinite(log_odds(np.array([[0.0, 1.0]]))).all()
    np.testing.assert_allclose(logarithms(np.array([[0.0, 1.0]])), [[np.log(FLOOR), 0.0]])
    low, high = log_odds(np.array([0.0, 1.0]))
    assert low == pytest.approx(-high)
