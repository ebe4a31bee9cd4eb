"""What a model did to its users' trust: which answers it broke, mended, or copied wrong.

The formulas give one number a row; averaging is left to the scorecard.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from understudy.evaluation.bootstrap import Interval, Resampled

Classes = NDArray[np.int64]
Rows = NDArray[np.bool_]

EXACT_BELOW = 25
"""Fewer discordant rows than this are tested exactly."""


def agreement(model: Classes, teacher: Classes) -> Rows:
    """Whether both give the same answer. Shapes: [N], [N] -> [N]. Symmetric."""
    return np.asarray(model == teacher)


def harmful_flips(model: Classes, teacher: Classes, labels: Classes) -> Rows:
    """Whether the teacher is right and the model wrong. Shapes: [N], [N], [N] -> [N].

    Limits: accuracy(model) - accuracy(teacher) = mean(helpful flips) - mean(harmful flips).
    Source: Yan et al. 2021, arXiv:2011.09161, "negative flips".
    """
    return np.asarray((teacher == labels) & (model != labels))


def helpful_flips(model: Classes, teacher: Classes, labels: Classes) -> Rows:
    """Whether the model is right and the teacher wrong. Shapes: [N], [N], [N] -> [N]."""
    return np.asarray((teacher != labels) & (model == labels))


def inherited_errors(model: Classes, teacher: Classes, labels: Classes) -> Rows:
    """Whether the teacher is wrong and the model gives the same wrong answer.

    Shapes: [N], [N], [N] -> [N].
    Limits: read it beside the control's, which never saw the teacher and shares some errors anyway.
    """
    return np.asarray((teacher != labels) & (model == teacher))


def inherited_share(model: Classes, teacher: Classes, labels: Classes) -> float | None:
    """P(same wrong answer | teacher wrong); None where the teacher is never wrong."""
    wrong = teacher != labels
    return float(np.mean(model[wrong] == teacher[wrong])) if wrong.any() else None


def kl(teacher: NDArray[np.float32], model: NDArray[np.float32]) -> NDArray[np.float32]:
    """KL(teacher || model) between log-probabilities, in nats, one number a row.

    Shapes: teacher [N, C], model [N, C] -> [N].
    Zero:   when, and only when, both rows give the same probabilities; rounding below it is cut.
    """
    said, shown = teacher.astype(np.float64), model.astype(np.float64)
    divergence = (np.exp(said) * (said - shown)).sum(axis=1)
    return np.asarray(np.maximum(divergence, 0.0), dtype=np.float32)


def mcnemar(first: Rows, second: Rows) -> float:
    """The two-sided p-value of McNemar's test that two models are right equally often.

    Shapes: first [N], second [N], whether each is right -> one number in [0, 1]. Symmetric.
    Limits: 1 where they are right on the same rows. Exact binomial below 25 discordant rows, else
            chi-square with one degree of freedom and a continuity correction.
    Source: McNemar 1947, Psychometrika 12; Edwards 1948 for the correction.
    """
    only_first = int(np.sum(first & ~second))
    only_second = int(np.sum(second & ~first))
    discordant = only_first + only_second
    if discordant < EXACT_BELOW:
        fewer = min(only_first, only_second)
        ways = sum(math.comb(discordant, k) for k in range(fewer + 1))
        return min(1.0, math.ldexp(2.0 * ways, -discordant))
    gap = max(0, abs(only_first - only_second) - 1)
    return math.erfc(math.sqrt(gap * gap / discordant / 2.0))


@dataclass(frozen=True)
class Gap:
    """How much of the gap between control and teacher a model closed; or why that has no answer."""

    interval: Interval | None
    reason: str | None = None


def recovered_gap(model: Resampled, control: Resampled | None, teacher: Resampled) -> Gap:
    """(model - control) / (teacher - control) with its paired interval.

    Limits: 0 for the control, 1 for the teacher; above 1 or below 0 is possible. Not defined where
            the interval of teacher - control is not wholly above 0: there is no gap to recover.
            Draws without a gap, at most one in forty then, are left out.
    """
    if control is None:
        return Gap(None, "no control was trained")
    gap = teacher - control
    bounds = gap.interval()
    spelled = f"{bounds.value:+.4f}, interval {bounds.low:+.4f} to {bounds.high:+.4f}"
    if bounds.holds_zero:
        return Gap(None, f"the teacher is not measurably better than the control ({spelled})")
    if bounds.value < 0:
        return Gap(None, f"the teacher is worse than the control ({spelled})")
    return Gap((model - control).over(gap).interval())
