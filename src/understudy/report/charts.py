"""The charts, as SVG drawn by pure functions: numbers in, markup out.

Every chart scales with its place, needs no script, and has its numbers in a table beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from understudy.report import drawing
from understudy.report.drawing import Axis, element, line, mark, picture, words
from understudy.report.placing import LETTER, Box, placed, spread
from understudy.report.scales import Scale, logarithmic, straight

WIDTH, HEIGHT = 420.0, 300.0
FRAME = Box(left=48, top=42, right=408, bottom=256)
MOST_POINTS = 240
"""Of a curve; more than a screen can show are thinned out."""
ROW = 30
"""Height of a model's row."""
LONGEST = 18
"""Letters of a name that a chart has room for."""


@dataclass(frozen=True)
class Point:
    """A model on a chart: its place, the interval around its height, and what it says of itself."""

    name: str
    role: str
    x: float
    y: float
    low: float
    high: float
    says: str


@dataclass(frozen=True)
class Curve:
    """A model's line through points (x, y), and what it says of itself."""

    name: str
    role: str
    points: Sequence[tuple[float, float]]
    says: str


def scatter(points: Sequence[Point], title: str, x: Axis, y: Axis) -> Markup:
    """Models by what they cost, on a logarithmic axis, and how good they are. x is above 0."""
    along = logarithmic([point.x for point in points], FRAME.left, FRAME.right)
    ends = [end for point in points for end in (point.low, point.high)]
    upward = straight(ends, FRAME.bottom, FRAME.top)
    places = [(along(point.x), upward(point.y)) for point in points]
    spans = [
        Box(left - 1, upward(point.high), left + 1, upward(point.low))
        for point, (left, _) in zip(points, places, strict=True)
    ]
    labels = placed([_short(point.name) for point in points], places, FRAME, spans)
    stems = (
        line(span.left + 1, span.top, span.left + 1, span.bottom, f"span {point.role}")
        for point, span in zip(points, spans, strict=True)
    )
    drawn = (
        drawing.point(
            point.says,
            mark(point.role, *place),
            words(label.text, label.x, label.y, f"name {point.role}", label.anchor),
        )
        for point, place, label in zip(points, places, labels, strict=True)
    )
    axes = (drawing.across(x, along, FRAME), drawing.upward(y, upward, FRAME))
    return picture(WIDTH, HEIGHT, title, "scatter", *axes, *stems, *drawn)


def intervals(points: Sequence[Point], title: str, x: Axis) -> Markup:
    """One row for each model: its value, here the height y, with the interval around it."""
    names = [_short(point.name) for point in points]
    left = 24.0 + LETTER * max(map(len, names))
    frame = Box(left, 22, FRAME.right, 22.0 + ROW * len(points))
    ends = [end for point in points for end in (point.low, point.high)]
    along = straight(ends, frame.left, frame.right)
    heights = [frame.top + ROW * (place + 0.5) for place in range(len(points))]
    rows = (
        drawing.point(
            point.says,
            words(name, 0, height + 4, "name"),
            line(along(point.low), height, along(point.high), height, f"span {point.role}"),
            mark(point.role, along(point.y), height),
            says_at=13,
        )
        for point, name, height in zip(points, names, heights, strict=True)
    )
    axis = drawing.across(x, along, frame)
    return picture(WIDTH, frame.bottom + 44, title, "intervals", axis, *rows)


def lines(curves: Sequence[Curve], title: str, x: Axis, y: Axis, log: bool = False) -> Markup:
    """Curves, each with its name where it ends. With `log`, every value is above 0."""
    names = [_short(curve.name) for curve in curves]
    room = 24 + LETTER * max(map(len, names))
    frame = Box(FRAME.left, FRAME.top, FRAME.right - room, FRAME.bottom)
    values = [value for curve in curves for _, value in curve.points]
    steps = [step for curve in curves for step, _ in curve.points]
    along = Scale(min(steps), max(max(steps), min(steps) + 1), frame.left, frame.right)
    upward = (logarithmic if log else straight)(values, frame.bottom, frame.top)
    ends = [(along(curve.points[-1][0]), upward(curve.points[-1][1])) for curve in curves]
    heights = spread([height for _, height in ends], 17, frame.top, frame.bottom)
    drawn = []
    for curve, name, end, height in zip(curves, names, ends, heights, strict=True):
        places = [(along(step), upward(value)) for step, value in thinned(curve.points)]
        path = " ".join(f"{left:.1f},{top:.1f}" for left, top in places)
        drawn.append(
            drawing.point(
                curve.says,
                element("polyline", {"points": path, "class": f"curve {curve.role}"}),
                mark(curve.role, *end, 3.5),
                mark(curve.role, frame.right + 14, height, 4.0),
                words(name, frame.right + 24, height + 4, "name"),
            )
        )
    axes = (drawing.across(x, along, frame), drawing.upward(y, upward, frame))
    return picture(WIDTH, HEIGHT, title, "lines", *axes, *drawn)


def reliability(
    bins: Sequence[tuple[float, float, int]], role: str, title: str, says: str, x: Axis, y: Axis
) -> Markup:
    """What a model promises against what it keeps; on the diagonal it keeps its word.

    Bins are (mean confidence, accuracy, rows). The whole series is one stop of the keyboard.
    """
    frame = Box(FRAME.left, FRAME.top, FRAME.left + 214, FRAME.bottom)
    along = Scale(0.0, 1.0, frame.left, frame.right)
    upward = Scale(0.0, 1.0, frame.bottom, frame.top)
    most = max(rows for _, _, rows in bins)
    dots = (
        element(
            "circle",
            {
                "cx": along(confidence),
                "cy": upward(accuracy),
                "r": 2.0 + 3.5 * (rows / most) ** 0.5,
                "class": f"dot {role}",
            },
            element("title", {}, f"says {confidence:.1%}, is right {accuracy:.1%}, {rows} rows"),
        )
        for confidence, accuracy, rows in bins
    )
    path = " ".join(f"{along(said):.1f},{upward(kept):.1f}" for said, kept, _ in bins)
    series = (element("polyline", {"points": path, "class": f"curve {role}"}), *dots)
    diagonal = line(frame.left, frame.bottom, frame.right, frame.top, "diagonal")
    axes = (drawing.across(x, along, frame), drawing.upward(y, upward, frame), diagonal)
    return picture(
        frame.right + 12, HEIGHT, title, "reliability", *axes, drawing.point(says, *series)
    )


def thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most so many points as a chart can show, the last one among them."""
    step = -(-len(points) // MOST_POINTS)
    return list(points[::-1][::step][::-1])


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
