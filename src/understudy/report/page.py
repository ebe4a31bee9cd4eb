"""What the report says, section by section, before it is laid out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from understudy.report import confusion, exhibits, gallery, headline, lengths, tables, teaching
from understudy.report.figures import Metric, at, count, listing, mapping, number, seconds, text
from understudy.report.material import Material
from understudy.report.naming import LEADING, headline_model, row_words

SECTIONS = {
    "requirements": "Requirements",
    "models": "The models side by side",
    "teaching": "What the teacher added",
    "prefixes": "What shorter vectors cost",
    "standings": "Quality against size and speed",
    "training": "How training went",
    "calibration": "Whether confidence can be believed",
    "mistakes": "Which answers are wrong",
    "matches": "Where vectors are not the teacher's",
    "data": "The data",
    "slices": "Quality by group of rows",
    "knowledge": "What the teacher was asked",
    "usage": "How to use the result",
    "making": "How it was made",
}
"""The sections of a report in their order, by the name that links use."""
OF_VECTORS = {"mistakes": "Which queries are lost"}
"""What sections are called where there are no classes."""
DATA = {
    "rows": "Rows",
    "train_rows": "To train on",
    "validation_rows": "To validate on",
    "test_rows": "To test on",
    "unlabelled": "Without a label",
    "classes": "Classes",
    "duplicates": "Duplicates",
    "leaked_test_rows": "Leaked test rows",
    "suspect_labels": "Suspect labels",
}
COST_WORDS = ("Latency", "Throughput", "Memory", "Cost")
KNOWLEDGE = {
    "mode": "Answers are",
    "rows": "Rows asked",
    "views": "Views of a row",
    "bytes": "Stored",
    "bytes_per_row": "A row",
    "codec": "Stored as",
    "teach_seconds": "Time to ask",
    "reused": "Reused from before",
}


@dataclass(frozen=True)
class Page:
    """What the template lays out, each part ready to be written down."""

    title: str
    task: str
    test_rows: str
    row_words: str
    of_vectors: bool
    model: str
    verdict: headline.Verdict
    tiles: list[headline.Tile]
    advice: list[str]
    checks: list[tables.Check]
    compared: tuple[tables.Table, ...]
    explained: tuple[str, ...]
    price: str
    space: str
    prefixes: tables.Table | None
    teaching: teaching.Teaching
    ranking: exhibits.Exhibit | None
    standings: list[exhibits.Exhibit]
    training: list[exhibits.Exhibit]
    calibration: list[exhibits.Exhibit]
    confusions: list[confusion.Confusion]
    flips: list[gallery.Group]
    matches: list[gallery.Group]
    data: Mapping[str, str]
    findings: list[str]
    doubtful: list[gallery.Group]
    slices: list[tables.Table]
    knowledge: Mapping[str, str]
    usage: str
    recipe: str
    environment: Mapping[str, str]
    conditions: Mapping[str, str]
    timings: Mapping[str, str]

    @property
    def contents(self) -> dict[str, str]:
        """The sections that have something to say."""
        silent = {
            "prefixes": self.prefixes is None,
            "standings": not self.standings,
            "training": not self.training,
            "calibration": not self.calibration,
            "mistakes": not (self.confusions or self.flips),
            "matches": not self.matches,
            "slices": not self.slices,
            "knowledge": not self.knowledge,
            "usage": not self.usage.strip(),
        }
        titles = {**SECTIONS, **(OF_VECTORS if self.of_vectors else {})}
        return {name: title for name, title in titles.items() if not silent.get(name)}


def page_of(material: Material) -> Page:
    """Everything that the report says, in the order in which it says it."""
    card = material.scorecard
    rows = at(card, "rows") or at(card, "data", "test_rows")
    return Page(
        title=material.title,
        task=text(at(card, "task")).replace("-", " "),
        test_rows=count(rows),
        row_words=row_words(card),
        of_vectors=Metric.of(card).of_vectors,
        model=headline_model(card),
        verdict=headline.verdict(card),
        tiles=headline.tiles(card),
        advice=[text(piece) for piece in listing(card, "advice") if text(piece)],
        checks=tables.checks(card),
        compared=(tables.quality_table(card), tables.cost_table(card)),
        explained=("Rival", *tables.quality_words(card), *COST_WORDS),
        price=_price(card),
        space=text(at(card, "space", "text")),
        prefixes=lengths.prefix_table(card),
        teaching=teaching.teaching(card),
        ranking=exhibits.ranking(card),
        standings=exhibits.standings(card),
        training=exhibits.training(material.curves, Metric.of(card), text(at(card, "task"))),
        calibration=exhibits.calibrations(material.reliability),
        confusions=_confusions(material),
        flips=gallery.groups(material.examples, flips=True),
        matches=gallery.matches(material.examples),
        data=tables.facts(mapping(card, "data"), DATA),
        findings=_findings(card),
        doubtful=gallery.groups(material.examples, flips=False),
        slices=tables.slice_tables(card),
        knowledge=tables.facts(mapping(card, "knowledge"), KNOWLEDGE),
        usage=material.usage,
        recipe=material.recipe,
        environment=material.environment,
        conditions=tables.facts(mapping(card, "conditions"), {}),
        timings={
            str(step).capitalize(): seconds(took) for step, took in mapping(card, "timings").items()
        },
    )


def _confusions(material: Material) -> list[confusion.Confusion]:
    """The student's first, since it is the one that ships, then the others'."""
    names = material.classes or listing(material.scorecard, "classes")
    order = ("student", *LEADING)
    models = sorted(material.confusion, key=lambda name: (*order, name).index(name))
    found = (confusion.confusion(name, material.confusion[name], names) for name in models)
    return [made for made in found if made.classes]


def _findings(card: Mapping[str, Any]) -> list[str]:
    found = (mapping(finding) for finding in listing(card, "data", "findings"))
    told = (text(finding.get("text"), text(finding.get("kind"))) for finding in found)
    return [sentence for sentence in told if sentence]


def _price(card: Mapping[str, Any]) -> str:
    """The stated price of an hour of the machine; empty where there is none."""
    price = number(at(card, "price_per_hour"))
    return "" if price is None else f"{price:.2f}"
