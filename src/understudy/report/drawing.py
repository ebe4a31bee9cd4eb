"""The parts of a chart: SVG elements that escape what they are given, axes and marks.

Colours and sizes of letters are the style sheet's; here are only places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from markupsafe import Markup, escape

from understudy.report.placing import Box
from understudy.report.scales import Scale

Tick = Callable[[float, float], str]
"""Writes a value on an axis whose ticks are so far apart."""


@dataclass(frozen=True)
class Axis:
    """What is measured along an axis, and how its ticks are written."""

    title: str
    tick: Tick


def element(tag: str, attributes: Mapping[str, object], *children: str) -> Markup:
    """An element; numbers are rounded, and whatever is not markup yet is escaped."""
    written = "".join(f' {name}="{escape(_short(value))}"' for name, value in attributes.items())
    inside = "".join(map(escape, children))
    return Markup(f"<{tag}{written}>{inside}</{tag}>")


def _short(value: object) -> object:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value


def picture(width: float, height: float, label: str, kind: str, *children: str) -> Markup:
    """A whole chart. Its points can be reached one by one, so it is a group, not an image."""
    attributes = {"viewBox": f"0 0 {width:g} {height:g}", "class": f"chart {kind}"}
    return element("svg", {**attributes, "role": "group", "aria-label": label}, *children)


def words(text: str, x: float, y: float, kind: str, anchor: str = "start") -> Markup:
    """A line of text."""
    return element("text", {"x": x, "y": y, "class": kind, "text-anchor": anchor}, text)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A straight line."""
    return element("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": kind})


def across(axis: Axis, scale: Scale, frame: Box) -> Markup:
    """The horizontal axis: ticks below the frame, its title under them, to the right."""
    ticks = scale.ticks()
    step = scale.step
    marks = (line(scale(tick), frame.top, scale(tick), frame.bottom, "grid") for tick in ticks)
    labels = (
        words(axis.tick(tick, step), scale(tick), frame.bottom + 17, "tick", "middle")
        for tick in ticks
    )
    title = words(axis.title, frame.right, frame.bottom + 35, "axis", "end")
    return Markup("").join([*marks, *labels, title])


def upward(axis: Axis, scale: Scale, frame: Box) -> Markup:
    """The vertical axis: ticks left of the frame, its title above it."""
    ticks = scale.ticks()
    marks = (line(frame.left, scale(tick), frame.right, scale(tick), "grid") for tick in ticks)
    labels = (
        words(axis.tick(tick, scale.step), frame.left - 8, scale(tick) + 4, "tick", "end")
        for tick in ticks
    )
    title = words(axis.title, 0, 13, "axis")
    return Markup("").join([*marks, *labels, title])


def mark(role: str, x: float, y: float, radius: float = 5.5) -> Markup:
    """A model's sign: each role has a shape of its own, so that colour is not needed."""
    r = radius
    shapes = {
        "teacher": f"M{x - r:.1f},{y - r:.1f}h{2 * r:.1f}v{2 * r:.1f}h{-2 * r:.1f}z",
        "artefact": f"M{x:.1f},{y - 1.35 * r:.1f}l{1.35 * r:.1f},{1.35 * r:.1f}"
        f"l{-1.35 * r:.1f},{1.35 * r:.1f}l{-1.35 * r:.1f},{-1.35 * r:.1f}z",
        "rival": f"M{x:.1f},{y - 1.2 * r:.1f}l{1.2 * r:.1f},{2.1 * r:.1f}h{-2.4 * r:.1f}z",
    }
    round_one = (
        f"M{x - r:.1f},{y:.1f}a{r:.1f},{r:.1f} 0 1 0 {2 * r:.1f},0"
        f"a{r:.1f},{r:.1f} 0 1 0 {-2 * r:.1f},0z"
    )
    return element("path", {"d": shapes.get(role, round_one), "class": f"mark {role}"})


def point(label: str, *children: str, says_at: float = 31) -> Markup:
    """Something that can be pointed at, or reached with the keyboard, and then says what it is.

    Whoever sees the chart reads it above the plot, whoever hears it reads the same.
    """
    says = words(label, 0, says_at, "says")
    attributes = {"class": "point", "tabindex": 0, "role": "img", "aria-label": label}
    return element("g", attributes, *children, says)


def sign(role: str) -> Markup:
    """A model's mark as a small picture of its own, to stand beside its name."""
    attributes = {"viewBox": "0 0 16 16", "class": "sign", "aria-hidden": "true"}
    return element("svg", attributes, mark(role, 8.0, 8.0))
