"""The charts of a report with their captions, and the tables of their numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from understudy.report import charts, figures
from understudy.report.charts import Curve, Point
from understudy.report.drawing import Axis
from understudy.report.figures import Metric, Write, at, number, share, significant, span, trimmed
from understudy.report.naming import LEADING, model_names, role
from understudy.report.tables import Row, Table, texts

VALIDATED = {
    "text-embedding": "cosine to the teacher on validation rows",
    "text-multilabel": "F1 of a row's classes on validation rows",
    "reranking": "pairs in the teacher's order on validation rows",
}
"""What is watched after each epoch of a task where it is not the main metric itself."""

LISTED_EPOCHS = 20
"""Rows in the table of a curve; the run's log holds every epoch."""


@dataclass(frozen=True)
class Exhibit:
    """A chart, what to see in it, and its numbers."""

    title: str
    note: str
    chart: Markup
    table: Table


@dataclass(frozen=True)
class Cost:
    """Something that a model costs, to be held against its quality."""

    title: str
    axis: str
    column: str
    of: Callable[[object], object]
    """Finds it in the model's part of the scorecard."""
    write: Write


COSTS = (
    Cost(
        "Quality against size",
        "size, on a logarithmic axis",
        "Size",
        lambda model: at(model, "bytes"),
        figures.size,
    ),
    Cost(
        "Quality against speed",
        "median latency of a row, on a logarithmic axis",
        "Latency p50",
        lambda model: at(model, "latency_ms", "p50"),
        figures.milliseconds,
    ),
)


def standings(card: Mapping[str, Any]) -> list[Exhibit]:
    """Every model's quality against its size and against its speed, where measured."""
    found = (_against(card, cost) for cost in COSTS)
    return [exhibit for exhibit in found if exhibit is not None]


def ranking(card: Mapping[str, Any]) -> Exhibit | None:
    """Every model's quality with its interval; None where none was measured."""
    metric = Metric.of(card)
    points = list(_points(card))
    if not points:
        return None
    title = f"{metric.heading} of every model"
    better = "Higher" if metric.higher_is_better else "Lower"
    note = f"{better} is better. Lines are 95% intervals."
    chart = charts.intervals(points, title, Axis(metric.words, metric.tick))
    return Exhibit(title, note, chart, _table(title, metric, points))


def _against(card: Mapping[str, Any], cost: Cost) -> Exhibit | None:
    metric = Metric.of(card)
    points = list(_points(card, cost))
    if not points:
        return None
    chart = charts.scatter(
        points,
        cost.title,
        Axis(cost.axis, lambda value, step: trimmed(cost.write(value))),
        Axis(metric.words, metric.tick),
    )
    corner = "upper" if metric.higher_is_better else "lower"
    note = f"The best place is the {corner} left corner. Lines are 95% intervals."
    return Exhibit(cost.title, note, chart, _table(cost.title, metric, points, cost))


def _points(card: Mapping[str, Any], cost: Cost | None = None) -> Iterator[Point]:
    """The models whose quality and cost are known."""
    metric = Metric.of(card)
    for name in model_names(card):
        model = at(card, "models", name)
        quality = at(model, "quality", metric.name)
        value, low, high = (number(at(quality, key)) for key in ("value", "low", "high"))
        x = number(cost.of(model)) if cost else 1.0
        if value is None or x is None or x <= 0:
            continue
        low, high = (value if end is None else end for end in (low, high))
        ends = span(low, high, metric.value)
        price = f", {cost.write(x)}" if cost else ""
        says = f"{name}: {metric.value(value)} ({ends}){price}"
        yield Point(name, role(name), x, value, min(low, value), max(high, value), says)


def _table(title: str, metric: Metric, points: Sequence[Point], cost: Cost | None = None) -> Table:
    rows = (
        Row(
            point.name,
            texts(
                metric.value(point.y),
                span(point.low, point.high, metric.value),
                *([cost.write(point.x)] if cost else []),
            ),
            role=point.role,
        )
        for point in points
    )
    columns = ("Model", metric.heading, "95% interval")
    return Table(title, (*columns, cost.column) if cost else columns, tuple(rows))


def training(curves: Mapping[str, Any], metric: Metric, task: str = "") -> list[Exhibit]:
    """How quality on validation rows and loss went, epoch by epoch, for whoever was trained."""
    # Without labels, what is watched is how near the teacher a student is.
    judged = VALIDATED.get(task, f"validation {metric.words}")
    found = (
        _progress(
            "Quality on validation rows",
            "These rows are not trained on. A line that still rises at its end asks for more "
            "epochs.",
            _series(curves, "validation"),
            Axis(judged, metric.tick),
            metric.value,
        ),
        _progress(
            "Training loss",
            "Student and control minimise different losses: compare their shapes, not their "
            "heights.",
            _series(curves, "loss"),
            Axis("training loss", lambda value, step: f"{value:g}"),
            significant,
            falls=True,
        ),
    )
    return [exhibit for exhibit in found if exhibit is not None]


def _series(curves: Mapping[str, Any], key: str) -> dict[str, list[tuple[float, float]]]:
    """By model: (epoch, value); an epoch without a number of its own has that of its place."""
    found = {}
    for name in sorted(map(str, curves), key=lambda name: (*LEADING, name).index(name)):
        points = []
        for place, record in enumerate(curves[name] or (), start=1):
            value, epoch = number(at(record, key)), number(at(record, "epoch"))
            if value is not None:
                points.append((float(place) if epoch is None else epoch, value))
        if points:
            found[name] = points
    return found


def _progress(
    title: str,
    note: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    axis: Axis,
    write: Write,
    falls: bool = False,
) -> Exhibit | None:
    """Curves with their numbers; those that fall towards zero need a logarithmic axis."""
    if not series:
        return None
    log = falls and min(value for points in series.values() for _, value in points) > 0
    axis = replace(axis, title=f"{axis.title}, on a logarithmic axis") if log else axis
    drawn = [
        Curve(
            name,
            role(name),
            points,
            f"{name}: {write(points[0][1])} to {write(points[-1][1])} in {len(points)} epochs",
        )
        for name, points in series.items()
    ]
    epoch_axis = Axis("epoch", lambda value, step: f"{value:g}")
    chart = charts.lines(drawn, title, epoch_axis, axis, log=log)
    epochs = sorted({epoch for points in series.values() for epoch, _ in points})
    step = -(-len(epochs) // LISTED_EPOCHS)
    values = [dict(points) for points in series.values()]
    rows = (
        Row(f"{epoch:g}", texts(*(write(at_epoch.get(epoch)) for at_epoch in values)))
        for epoch in epochs[::-1][::step][::-1]
    )
    every = "" if step == 1 else f", every {step} epochs"
    return Exhibit(title, note, chart, Table(f"{title}{every}", ("Epoch", *series), tuple(rows)))


def calibrations(reliability: Mapping[str, Any]) -> list[Exhibit]:
    """For each model, what its confidence promises against what it keeps."""
    found = []
    for name in sorted(map(str, reliability), key=lambda name: (*LEADING, name).index(name)):
        bins = [
            (said, kept, int(rows))
            for said, kept, rows in (map(number, part) for part in reliability[name] or ())
            if said is not None and kept is not None and rows
        ]
        if bins:
            found.append(_calibration(name, bins))
    return found


def _calibration(name: str, bins: Sequence[tuple[float, float, int]]) -> Exhibit:
    rows = sum(part[2] for part in bins)
    said, kept = (sum(part[place] * part[2] for part in bins) / rows for place in (0, 1))
    says = f"{name}: says {share(said)}, is right {share(kept)}"
    percent = Axis("confidence", lambda value, step: f"{value:.0%}")
    chart = charts.reliability(
        bins,
        role(name),
        f"Reliability of {name}",
        says,
        percent,
        Axis("answers that are right", percent.tick),
    )
    manner = "modest" if said < kept else "too sure of itself"
    note = f"Says {share(said)} on average and is right {share(kept)} of the time"
    note += "." if abs(said - kept) < 0.01 else f": {manner}."
    columns = ("Confidence", "Is right", "Rows")
    listed = tuple(Row(share(s), texts(share(k), figures.count(r))) for s, k, r in bins)
    return Exhibit(name, note, chart, Table(f"Reliability of {name}", columns, listed))
