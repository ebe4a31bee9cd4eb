"""Intervals by resampling rows: one primitive, and every figure is a function of it.

The same rows and the same seed always draw the same resamples, so figures of two models are
paired: their difference, draw by draw, is the difference on the same resampled test set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
CELLS_AT_ONCE = 4_000_000
"""Resamples are drawn in blocks of about this many counts, so that memory stays flat."""


@dataclass(frozen=True)
class Interval:
    """A figure and its 95% interval; low <= high."""

    value: float
    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        return self.low <= 0.0 <= self.high


@dataclass(frozen=True)
class Resampled:
    """A figure on the test rows, and on each resample of them. Shapes: draws [R] float64."""

    value: float
    draws: NDArray[np.float64]

    def __sub__(self, other: Resampled) -> Resampled:
        return Resampled(self.value - other.value, self.draws - other.draws)

    def over(self, other: Resampled) -> Resampled:
        """The ratio; draws whose denominator is not above 0 have none and are left out."""
        kept = other.draws > 0
        value = self.value / other.value if other.value else np.nan
        return Resampled(value, self.draws[kept] / other.draws[kept])

    def interval(self) -> Interval:
        """The percentile interval; a figure that is the same in every draw has no width."""
        if len(self.draws) == 0:
            return Interval(self.value, self.value, self.value)
        tail = (1.0 - LEVEL) / 2.0
        # Differences of equal means leave a trace of rounding, which would read as "-0.0".
        value, low, high = np.round([self.value, *np.quantile(self.draws, [tail, 1 - tail])], 12)
        return Interval(float(value + 0.0), float(low + 0.0), float(high + 0.0))


def intervals(figures: Mapping[str, Resampled]) -> dict[str, dict[str, float]]:
    """Figures by name, as the scorecard keeps them: {value, low, high}."""
    return {name: asdict(figure.interval()) for name, figure in figures.items()}


def resampled_means(table: Any, resamples: int, seed: int) -> NDArray[np.float64]:
    """The mean of every column of a table, on each resample of its rows.

    Shapes: table [N, K], an array or a scipy sparse array -> [resamples, K].
    Limits: a column that is constant has that mean in every resample.
    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """
    rows = table.shape[0]
    generator = np.random.default_rng(seed)
    block = max(1, CELLS_AT_ONCE // rows)
    means = []
    for first in range(0, resamples, block):
        width = min(block, resamples - first)
        drawn = generator.integers(0, rows, size=(width, rows), dtype=np.int32)
        cells = drawn.astype(np.int64) * width + np.arange(width)[:, None]
        counts = np.bincount(cells.ravel(), minlength=rows * width).reshape(rows, width)
        sums = np.asarray(table.T @ counts.astype(np.float32)).T
        means.append(sums.astype(np.float64) / rows)
    return np.concatenate(means)
