"""The first screen: the verdict, why, and the few figures that a product owner asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from understudy.report import figures
from understudy.report.figures import Metric, at, mapping, number, share, span, text, typeset
from understudy.report.naming import headline_model

STATES = {
    "ship": ("Ship", "ship"),
    "do not ship": ("Do not ship", "stop"),
    "no requirements": ("No requirements", "open"),
}
"""What is written for each verdict, and which sign stands beside it."""


@dataclass(frozen=True)
class Verdict:
    """The state in two words, its sign, the reason, and what else the sentence says."""

    label: str
    sign: str
    reason: str
    clauses: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class Tile:
    """One headline figure."""

    title: str
    figure: str
    note: str


def verdict(card: Mapping[str, Any]) -> Verdict:
    """The verdict of a scorecard, its sentence taken apart at the semicolons."""
    label, sign = STATES.get(str(at(card, "verdict")), ("No verdict", "open"))
    sentence = text(at(card, "why")).strip()
    reason, *clauses = typeset(sentence).removesuffix(".").split("; ")
    names = mapping(card, "models")
    return Verdict(
        label=label,
        sign=sign,
        reason=f"{reason.removeprefix(f'{label}, ')}." if reason else "",
        clauses=tuple(_as_sentence(clause, names) for clause in clauses if clause),
        sentence=sentence or f"{label}.",
    )


def _as_sentence(clause: str, names: Mapping[str, Any]) -> str:
    """A clause with a capital and a full stop; a model that it begins with keeps its name."""
    begins_with_name = clause.split(maxsplit=1)[0].rstrip(",") in names
    return f"{clause if begins_with_name else clause[0].upper() + clause[1:]}."


def tiles(card: Mapping[str, Any]) -> list[Tile]:
    """Quality kept, what the teacher added, the recovered gap, size and speed.

    For vectors, the neighbours that are kept stand in the place of the gap.
    """
    return list(_tiles(card, headline_model(card)))


def _tiles(card: Mapping[str, Any], name: str) -> Iterator[Tile]:
    metric, versus = Metric.of(card), mapping(card, "comparison", name)
    model, teacher = (mapping(card, "models", which) for which in (name, "teacher"))
    got, had = (at(which, "quality", metric.name, "value") for which in (model, teacher))
    note = f"{metric.words} {metric.value(got)}, the teacher has {metric.value(had)}"
    yield Tile("Quality kept", share(versus.get("quality_retained")), note)
    yield _added(card, name)
    if metric.of_vectors:
        yield _neighbours(versus, apart="space" in card)
    else:
        yield _gap(mapping(versus, "recovered_gap"))
    small, large = (figures.size(which.get("bytes")) for which in (model, teacher))
    note = f"{small} instead of {large}"
    yield _ratio("Size", versus.get("size_ratio"), "smaller", "larger", note)
    fast, slow = (
        figures.milliseconds(at(which, "latency_ms", "p50")) for which in (model, teacher)
    )
    note = f"{fast} a row instead of {slow} (median)"
    yield _ratio("Speed", versus.get("speedup"), "faster", "slower", note)


def _added(card: Mapping[str, Any], name: str) -> Tile:
    metric, title = Metric.of(card), "The teacher added"
    beside = mapping(card, "comparison", name, "control")
    difference = mapping(beside, "difference")
    if number(difference.get("value")) is None:
        return Tile(title, "not known", "there is no control to compare with")
    low, high = (number(difference.get(end)) for end in ("low", "high"))
    parts = ["over the control", span(low, high, metric.change)]
    doubt = figures.probability(beside.get("p_value"))
    if doubt != figures.DASH:
        parts.append(f"p {doubt}" if doubt.startswith("<") else f"p = {doubt}")
    if low is not None and high is not None and low <= 0 <= high:
        parts.append("which may be chance")
    note = ", ".join(part for part in parts if part)
    return Tile(title, metric.difference(difference["value"]), note)


def _gap(gap: Mapping[str, Any]) -> Tile:
    title, write = "Recovered gap", figures.formatted("{:.0%}")
    if number(gap.get("value")) is None:
        return Tile(title, "not defined", typeset(text(gap.get("reason"), "not measured")))
    ends = span(gap.get("low"), gap.get("high"), write)
    note = f"{ends}; the control is 0%, the teacher 100%" if ends else "no interval"
    return Tile(title, write(gap["value"]), note)


def _neighbours(versus: Mapping[str, Any], apart: bool) -> Tile:
    """Whether the same texts are near, and whether the teacher's index can be kept."""
    dropped_in = number(versus.get("drop_in_overlap"))
    note = "of the teacher's ten nearest"
    if dropped_in is None:
        return Tile("Neighbours kept", share(versus.get("agreement")), note)
    through = ", brought into its space" if apart else ""
    note += f"; {share(dropped_in)} in an index that the teacher made{through}"
    return Tile("Neighbours kept", share(versus.get("agreement")), note)


def _ratio(title: str, value: object, more: str, less: str, note: str) -> Tile:
    ratio = number(value)
    if ratio is None or ratio <= 0:
        return Tile(title, "not known", note)
    if ratio >= 1:
        return Tile(title, f"{figures.times(ratio)} {more}", note)
    return Tile(title, f"{figures.times(1 / ratio)} {less}", note)
