"""The tables of a report, as rows of text that the template only has to lay out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from understudy.report import figures
from understudy.report.figures import (
    DASH,
    Metric,
    Write,
    at,
    listing,
    mapping,
    number,
    span,
    text,
)
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


@dataclass(frozen=True)
class Column:
    """A figure of every model: where the scorecard has it, and how it is written."""

    title: str
    section: str
    path: tuple[str, ...]
    write: Write
    word: str = ""
    """What the glossary explains it under."""
    detail: str = ""
    """What to write into the second line: "interval", or a key beside the figure."""

    def known(self, card: Mapping[str, Any]) -> bool:
        """Whether any model has it."""
        return any(number(self._value(card, name)) is not None for name in model_names(card))

    def cell(self, card: Mapping[str, Any], name: str) -> Cell:
        """The figure of one model."""
        around = mapping(card, self.section, name, *self.path[:-1])
        if self.detail == "interval":
            second = span(around.get("low"), around.get("high"), self.write)
        else:
            low = number(around.get(self.detail))
            second = "" if low is None else f"{self.detail} {self.write(low)}"
        return Cell(self.write(self._value(card, name)), second)

    def _value(self, card: Mapping[str, Any], name: str) -> object:
        return at(card, self.section, name, *self.path)


def _versus(title: str, key: str, word: str = "", write: Write = figures.share) -> Column:
    return Column(title, "comparison", (key,), write, word or title)


def _quality(metric: str, word: str) -> Column:
    named = Metric(metric)
    return Column(named.heading, "models", ("quality", metric, "value"), named.value, word)


KEPT = _versus("Kept", "quality_retained", "Quality kept")
FLIPS = (
    _versus("Harmful flips", "harmful_flips", "Harmful flip"),
    _versus("Helpful flips", "helpful_flips", "Helpful flip"),
    _versus("Inherited errors", "inherited_errors", "Inherited error"),
)
OF_CLASSES = (
    _quality("exact_match", "Exact match"),
    _quality("ranking_precision", "Ranking precision"),
    KEPT,
    _versus("Agreement", "agreement"),
    *FLIPS,
    _versus("KL", "kl", write=figures.fine),
    Column("ECE", "models", ("calibration", "ece"), figures.fine, "ECE"),
    Column("Brier", "models", ("calibration", "brier"), figures.fine, "Brier"),
    *(
        Column(
            f"Out-of-scope {title}",
            "models",
            ("out_of_scope", *path, "value"),
            write,
            f"Out-of-scope {title}",
            "interval",
        )
        for title, path, write in (
            ("AUROC", ("auroc",), figures.fine),
            ("recall", ("thresholds", "keeps_95", "recall"), figures.share),
        )
    ),
)
OF_VECTORS = (
    _quality("mrr_at_10", "MRR@10"),
    _quality("recall_at_10", "Recall"),
    _quality("recall_at_100", "Recall"),
    Column("To the teacher", "models", ("quality", "spearman_to_teacher", "value"), figures.fine),
    KEPT,
    _versus("Neighbour overlap", "agreement"),
    _versus("Drop-in overlap", "drop_in_overlap"),
    Column("Cosine", "comparison", ("cosine", "mean"), figures.fine, "Cosine", "p5"),
    *FLIPS,
)
"""The figures of quality and trust beside the main metric; those that no model has are left out."""


def texts(*values: str) -> tuple[Cell, ...]:
    """Cells of one line each."""
    return tuple(map(Cell, values))


def quality_table(card: Mapping[str, Any]) -> Table:
    """How good every model is, and whether it can be trusted."""
    columns = _columns(card)

    def cells(card: Mapping[str, Any], name: str) -> tuple[Cell, ...]:
        return tuple(column.cell(card, name) for column in columns)

    titles = ("Model", *(column.title for column in columns))
    return Table("Quality and trust", titles, _rows(card, cells, ROLES))


def quality_words(card: Mapping[str, Any]) -> tuple[str, ...]:
    """What the glossary should explain beside that table."""
    columns = _columns(card)
    right = ("Right",) if Metric.of(card).of_vectors and FLIPS[0] in columns else ()
    words = (column.word for column in columns if column.word and column != KEPT)
    return tuple(dict.fromkeys((*right, *words)))


def _columns(card: Mapping[str, Any]) -> tuple[Column, ...]:
    """The main metric, and whatever else is known of at least one model."""
    metric = Metric.of(card)
    path = ("quality", metric.name, "value")
    word = metric.heading if metric.of_vectors else ""
    main = Column(metric.heading, "models", path, metric.value, word, "interval")
    others = OF_VECTORS if metric.of_vectors else OF_CLASSES
    return (main, *(column for column in others if column.known(card) and column.path != path))


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
        Table(f"{metric.heading} by {column}", (column, *columns), tuple(rows))
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
