"""From values to places on a chart, along a straight or a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MOST_TICKS = 6


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high`, drawn from `start` to `end`. With `log`, `low` is above 0."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Where a value is drawn; values outside the axis are drawn at its end."""
        inside = min(max(value, self.low), self.high)
        if self.log:
            way = math.log(inside / self.low) / math.log(self.high / self.low)
        else:
            way = (inside - self.low) / (self.high - self.low)
        return self.start + way * (self.end - self.start)

    @property
    def step(self) -> float:
        """The distance of ticks on a straight axis: 1, 2 or 5 times a power of ten."""
        rough = (self.high - self.low) / MOST_TICKS
        power = float(10.0 ** math.floor(math.log10(rough)))
        fits = (power * leading for leading in (1, 2, 5, 10) if power * leading >= rough * 0.999)
        return next(fits)

    def ticks(self) -> list[float]:
        """Round values inside the axis, at most seven."""
        if self.log:
            return self._log_ticks()
        first = math.ceil(self.low / self.step - 1e-9)
        last = math.floor(self.high / self.step + 1e-9)
        return [index * self.step for index in range(first, last + 1)]

    def _log_ticks(self) -> list[float]:
        """Powers of ten, with 2 and 5 between them where there is room."""
        low, high = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        found: list[float] = []
        for leading in ((1, 2, 5), (1, 3), (1,)):
            values = (first * 10.0**power for power in range(low, high + 1) for first in leading)
            found = [value for value in values if self.low <= value <= self.high]
            if len(found) <= MOST_TICKS:
                return found
        return found[:: math.ceil(len(found) / MOST_TICKS)]


def straight(values: Sequence[float], start: float, end: float, room: float = 0.06) -> Scale:
    """A straight axis that holds all values, with some room at both ends."""
    low, high = min(values), max(values)
    margin = (high - low) * room or abs(high) * 0.05 or 1.0
    return Scale(low - margin, high + margin, start, end)


def logarithmic(values: Sequence[float], start: float, end: float) -> Scale:
    """A logarithmic axis that holds all values, which are above 0, with room at both ends."""
    room = max(2.0, (max(values) / min(values)) ** 0.15)
    return Scale(min(values) / room, max(values) * room, start, end, log=True)
