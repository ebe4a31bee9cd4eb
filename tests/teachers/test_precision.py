"""bfloat16 is taken where it is faster and near enough, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from understudy.teachers.precision import ROUNDS, TOLERANCE, Trial, tried

ROWS = np.random.default_rng(0).normal(size=(8, 400)).astype(np.float32)


def turned(cosine: float) -> np.ndarray:
    """The rows, one of them turned so far."""
    found = ROWS.copy()
    row = ROWS[3].astype(np.float64)
    aside = np.random.default_rng(1).normal(size=400)
    aside -= aside @ row / (row @ row) * row
    aside *= np.linalg.norm(row) / np.linalg.norm(aside)
    found[3] = cosine * row + np.sqrt(1 - cosine**2) * aside
    return found


def fake(seconds: float, rounded_seconds: float, rounded: np.ndarray) -> Trial:
    """A trial by a clock that moves as it is told, one slow round among them."""
    now = [0.0]
    asked: list[Any] = []

    def asking(taken: float, answer: np.ndarray) -> Callable[[Any], np.ndarray]:
        def ask(batches: Any) -> np.ndarray:
            asked.append(batches)
            now[0] += 50 if len(asked) <= 2 else taken  # the first ones warm up
            return answer

        return ask

    trial = tried(asking(seconds, ROWS), asking(rounded_seconds, rounded), "rows", lambda: now[0])
    assert asked == ["rows"] * 2 * ROUNDS
    return trial


@pytest.mark.parametrize(
    ("rounded_seconds", "cosine", "taken"),
    [
        (0.4, 0.99995, True),
        (0.4, 0.99985, False),
        (0.79, 0.99995, True),
        (0.85, 0.99995, False),
        (1.5, 1.0, False),
    ],
)
def test_faster_and_near_enough(rounded_seconds: float, cosine: float, taken: bool):
    trial = fake(1.0, rounded_seconds, turned(cosine))
    assert trial.cosine == pytest.approx(cosine, abs=2e-6)
    assert (trial.seconds, trial.seconds_in_fp32) == pytest.approx((rounded_seconds, 1.0))
    assert trial.is_worth_it is taken
    assert TOLERANCE == 0.9999


def test_an_answer_that_is_not_finite_is_not_near():
    for wrong in (np.nan, np.inf):
        odd = ROWS.copy()
        odd[5, 0] = wrong
        assert not fake(1.0, 0.1, odd).is_worth_it


def test_answers_of_nothing_are_near_each_other_alone():
    ask, none = (lambda _: np.zeros((2, 3), np.float32)), (lambda _: np.ones((2, 3), np.float32))
    assert tried(ask, lambda _: np.zeros((2, 3), np.float32), []).cosine == 1
    assert tried(ask, none, []).cosine == -1
