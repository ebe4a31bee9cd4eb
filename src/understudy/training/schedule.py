"""The learning rate of each step, as a share of its peak."""

from __future__ import annotations

import math

from understudy.training.settings import Training


def rate(step: int, steps: int, training: Training) -> float:
    """The share of the peak learning rate that step 0 <= step < steps gets, in (0, 1].

    A straight rise over the warm-up share, then the schedule: half a cosine or a straight line
    down to almost 0, or constant.
    """
    warm = int(training.warmup * steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    if training.schedule == "constant":
        return 1.0
    left = 1 - (step - warm) / max(1, steps - warm)
    return left if training.schedule == "linear" else 0.5 * (1 - math.cos(math.pi * left))
