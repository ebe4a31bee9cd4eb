"""The learning rate at the points that define its curve."""

from __future__ import annotations

import math

import pytest

from understudy.training.schedule import rate
from understudy.training.settings import Training

COSINE = Training(schedule="cosine", warmup=0.1)
LINEAR = Training(schedule="linear", warmup=0.1)
CONSTANT = Training(schedule="constant", warmup=0.1)


@pytest.mark.parametrize(
    ("training", "step", "wanted"),
    [
        (COSINE, 0, 1 / 11),
        (COSINE, 4, 5 / 11),
        (COSINE, 9, 10 / 11),
        (COSINE, 10, 1.0),
        (COSINE, 55, 0.5),
        (COSINE, 32.5, 0.5 + math.sqrt(0.125)),
        (COSINE, 99, 0.5 * (1 - math.cos(math.pi / 90))),
        (LINEAR, 9, 10 / 11),
        (LINEAR, 10, 1.0),
        (LINEAR, 55, 0.5),
        (LINEAR, 99, 1 / 90),
        (CONSTANT, 0, 1 / 11),
        (CONSTANT, 10, 1.0),
        (CONSTANT, 99, 1.0),
        (Training(schedule="cosine", warmup=0.0), 0, 1.0),
    ],
)
def test_the_rate_at_its_corners(training: Training, step: int, wanted: float):
    assert rate(step, 100, training) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.5, 0.99])
@pytest.mark.parametrize("steps", [1, 2, 7, 100])
def test_the_rate_rises_once_falls_once_and_never_reaches_zero(
    schedule: str, warmup: float, steps: int
):
    shares = [
        rate(step, steps, Training(schedule=schedule, warmup=warmup)) for step in range(steps)
    ]
    assert all(0 < share <= 1 for share in shares)
    top = shares.index(max(shares))
    assert shares[: top + 1] == sorted(shares[: top + 1])
    assert shares[top:] == sorted(shares[top:], reverse=True)
