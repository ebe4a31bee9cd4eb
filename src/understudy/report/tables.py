"""The tables of a report, as rows of text that the template only has to lay out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from understudy.report import figures
from understudy.report.figures import DASH, Metric, at, listing, mapping, number, span, text
from understudy.report.naming import ROLES, headline_model, model_names, role


@dataclass(frozen=True)
class Cell:
    """One figure, with a second line such as its interval."""

    text: str
    detail: str = ""


@dataclass(frozen=True)
class Row:
    """A named row; `role` where it is a model's, `marked` where it deserves a look first."""

    name: str
    cells: tuple[Cell, ...]
    detail: str = ""
    role: str = ""
    marked: bool = False


@dataclass(frozen=True)
class Table:
    """A table with a caption; the first of `columns` heads the names of the rows."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def texts(*values: str) -> tuple[Cell, ...]:
    """Cells of one line each."""
    return tuple(map(Cell, values))


def quality_table(card: Mapping[str, Any]) -> Table:
    """How good every model is, and whether it can be trusted."""
    metric = Metric.of(card)
    columns = ("Model", metric.words.capitalize(), "Kept", "Agreement", "Harmful flips")
    more = ("Helpful flips", "Inherited errors", "KL", "ECE", "Brier")
    return Table("Quality and trust", (*columns, *more), _rows(card, _trust, ROLES))


def cost_table(card: Mapping[str, Any]) -> Table:
    """How large, fast and expensive every model is."""
    columns = ("Model", "Parameters", "Size", "Smaller", "Latency p50", "Latency p95", "Faster")
    more = ("Rows per second", "Memory", "Cost per million")
    return Table("Size, speed and cost", (*columns, *more), _rows(card, _cost, {}))


def _rows(
    card: Mapping[str, Any],
    cells: Callable[[Mapping[str, Any], str], tuple[Cell, ...]],
    details: Mapping[str, str],
) -> tuple[Row, ...]:
    """A row for each model; the one that ships is marked."""
    first = headline_model(card)
    return tuple(
        Row(name, cells(card, name), details.get(role(name), ""), role(name), name == first)
        for name in model_names(card)
    )


def _trust(card: Mapping[str, Any], name: str) -> tuple[Cell, ...]:
    metric, versus = Metric.of(card), mapping(card, "comparison", name)
    quality = mapping(card, "models", name, "quality", metric.name)
    calibration = mapping(card, "models", name, "calibration")
    interval = span(quality.get("low"), quality.get("high"), metric.value)
    flips = ("agreement", "harmful_flips", "helpful_flips", "inherited_errors")
    return (
        Cell(metric.value(quality.get("value")), interval),
        Cell(figures.share(versus.get("quality_retained"))),
        *(Cell(figures.share(versus.get(flip))) for flip in flips),
        Cell(figures.fine(versus.get("kl"))),
        Cell(figures.fine(calibration.get("ece"))),
        Cell(figures.fine(calibration.get("brier"))),
    )


def _cost(card: Mapping[str, Any], name: str) -> tuple[Cell, ...]:
    model, versus = mapping(card, "models", name), mapping(card, "comparison", name)
    return texts(
        figures.count(model.get("parameters")),
        figures.size(model.get("bytes")),
        figures.times(versus.get("size_ratio")),
        figures.milliseconds(at(model, "latency_ms", "p50")),
        figures.milliseconds(at(model, "latency_ms", "p95")),
        figures.times(versus.get("speedup")),
        figures.count(model.get("throughput_per_s")),
        figures.named("peak_memory_mb", model.get("peak_memory_mb")),
        figures.significant(model.get("cost_per_million"), 2),
    )


@dataclass(frozen=True)
class Check:
    """One requirement held against one model."""

    rule: str
    model: str
    value: str
    passed: bool
    reason: str


def checks(card: Mapping[str, Any]) -> list[Check]:
    """The requirements; those that are not met come first."""
    found = []
    for result in map(mapping, listing(card, "requirements")):
        rule, passed = text(result.get("rule"), DASH), result.get("passed") is True
        value = figures.named(rule.split()[0], result.get("value"))
        unknown = number(result.get("value")) is None and not passed
        reason = text(result.get("reason"), "no value") if unknown else ""
        found.append(Check(rule, text(result.get("model"), DASH), value, passed, reason))
    return sorted(found, key=lambda check: check.passed)


def slice_tables(card: Mapping[str, Any]) -> list[Table]:
    """Quality by group of rows: one table for each column."""
    metric = Metric.of(card)
    found: dict[str, list[Row]] = {}
    for part in map(mapping, listing(card, "slices")):
        value = part.get("value")
        figures_of = (part.get(name) for name in ("teacher", "control", "student"))
        cells = texts(figures.count(part.get("rows")), *map(metric.value, figures_of))
        known = isinstance(value, str | bool) or number(value) is not None
        name = str(value) if known else "(missing)"
        detail = "few rows: says little" if part.get("small") is True else ""
        found.setdefault(text(part.get("column"), DASH), []).append(Row(name, cells, detail))
    columns = ("Rows", "Teacher", "Control", "Student")
    return [
        Table(f"{metric.words.capitalize()} by {column}", (column, *columns), tuple(rows))
        for column, rows in found.items()
    ]


def facts(
    values: Mapping[str, Any], titles: Mapping[str, str], hidden: Sequence[str] = ()
) -> dict[str, str]:
    """Single figures under their titles: the known ones first, then whatever else there is."""
    known = {
        title: figures.named(key, values[key]) for key, title in titles.items() if key in values
    }
    others = {
        _title(str(key)): figures.named(str(key), value)
        for key, value in values.items()
        if key not in titles and key not in hidden and not isinstance(value, Mapping | list | tuple)
    }
    return {**known, **others}


def _title(key: str) -> str:
    return f"{key[:1].upper()}{key[1:]}".replace("_", " ")
