"""Where the name of a point goes, so that names cover neither each other nor the points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

LETTER = 7.4
"""Width of a letter at the largest size a chart's names have, in units of the chart."""
LINE = 15.0
MARK = 7.0


@dataclass(frozen=True)
class Box:
    """A rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Box) -> float:
        """The area that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)

    def outside(self, frame: Box) -> float:
        """How far it reaches out of a frame."""
        across = max(0.0, frame.left - self.left) + max(0.0, self.right - frame.right)
        return across + max(0.0, frame.top - self.top) + max(0.0, self.bottom - frame.bottom)


@dataclass(frozen=True)
class Label:
    """A name at its place; `x` is its start, middle or end, `y` its baseline."""

    text: str
    x: float
    y: float
    anchor: str

    @property
    def box(self) -> Box:
        """What it covers."""
        width = len(self.text) * LETTER
        left = self.x - {"start": 0.0, "middle": width / 2, "end": width}[self.anchor]
        return Box(left, self.y - LINE * 0.8, left + width, self.y + LINE * 0.2)


def placed(
    names: Sequence[str],
    points: Sequence[tuple[float, float]],
    frame: Box,
    lines: Sequence[Box] = (),
) -> list[Label]:
    """A label for every point: each takes the first of its places that is least in the way.

    It keeps off other points, other labels and, where that costs little, off `lines`.
    """
    marks = [Box(x - MARK, y - MARK, x + MARK, y + MARK) for x, y in points]
    found: list[Label] = []
    for name, (x, y) in zip(names, points, strict=True):
        taken = [*marks, *lines, *(label.box for label in found)]
        found.append(min(_places(name, x, y), key=lambda label: _cost(label, taken, frame)))
    return found


def _places(name: str, x: float, y: float) -> list[Label]:
    """Beside the point first, then above and below, then further away."""
    sides = [(11.0, "start"), (-11.0, "end"), (0.0, "middle")]
    heights = (4.0, -11.0, 20.0, -26.0, 35.0, -41.0, 50.0)
    return [
        Label(name, x + dx, y + dy, anchor)
        for dy, (dx, anchor) in product(heights, sides)
        if dx or dy != heights[0]
    ]


def _cost(label: Label, taken: Sequence[Box], frame: Box) -> float:
    overlaps = sum(label.box.overlap(box) for box in taken)
    return 100.0 * label.box.outside(frame) + overlaps


def spread(heights: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """The heights, moved apart until neighbours are `gap` away, inside [low, high] if they fit."""
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    moved = list(heights)
    floor = low
    for index in order:
        moved[index] = max(moved[index], floor)
        floor = moved[index] + gap
    ceiling = high
    for index in reversed(order):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - gap
    return moved
