"""The table of what vectors are worth when they are cut short."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from understudy.evaluation.prefixes import CUT
from understudy.report import figures
from understudy.report.figures import Metric, at, listing, mapping, span, text
from understudy.report.naming import headline_model
from understudy.report.tables import Cell, Row, Table


def prefix_table(card: Mapping[str, Any]) -> Table | None:
    """What ships at every length, and the teacher's vectors cut as long; None without lengths."""
    metric, entries = Metric.of(card), [mapping(each) for each in listing(card, "prefixes")]
    rows = tuple(
        _row(entry, metric)
        for name in (headline_model(card), CUT)
        for entry in entries
        if entry.get("model") == name
    )
    columns = ("Dimensions", "Bytes a vector", metric.heading, "Neighbours kept", "Drop-in overlap")
    return Table("Quality at each length", columns, rows) if rows else None


def _row(entry: Mapping[str, Any], metric: Metric) -> Row:
    quality = mapping(entry, "quality", metric.name)
    return Row(
        figures.count(entry.get("dimensions")),
        (
            Cell(figures.count(entry.get("bytes_per_vector"))),
            Cell(
                metric.value(quality.get("value")),
                span(quality.get("low"), quality.get("high"), metric.value),
            ),
            Cell(figures.share(at(entry, "agreement"))),
            Cell(figures.share(at(entry, "drop_in_overlap"))),
        ),
        detail=text(entry.get("model")),
    )
