"""What the teacher added, in words: against the control, and against the rivals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from understudy.evaluation.verdict import SIGNIFICANT
from understudy.report import figures
from understudy.report.figures import Metric, mapping, number, span, text, typeset
from understudy.report.naming import model_names, role
from understudy.report.tables import Row, Table, texts


@dataclass(frozen=True)
class Teaching:
    """The answer in one line, the reasons in sentences, and the figures behind them."""

    answer: str
    sentences: tuple[str, ...]
    tables: tuple[Table, ...]


def teaching(card: Mapping[str, Any]) -> Teaching:
    """What a scorecard says of the teacher's use."""
    sentences = [_against_control(card), *_gap(card), *_rivals(card)]
    tables = (_control_table(card), _rival_table(card))
    return Teaching(_answer(card), tuple(sentences), tuple(table for table in tables if table.rows))


def _beside(card: Mapping[str, Any], name: str, other: str) -> tuple[float, float, float] | None:
    """How much better `name` is than `other`, with its interval; None where it is not known."""
    difference = mapping(card, "comparison", name, other, "difference")
    found = [number(difference.get(key)) for key in ("value", "low", "high")]
    if any(end is None for end in found):
        return None
    value, low, high = (float(end) for end in found if end is not None)
    return (value, low, high) if Metric.of(card).higher_is_better else (-value, -high, -low)


def _answer(card: Mapping[str, Any]) -> str:
    beside = _beside(card, "student", "control")
    if beside is None:
        return "Whether the teacher helped is not known."
    _, low, high = beside
    if high < 0:
        return "The teacher did harm: the control is better than the student."
    if low <= 0:
        return "The teacher added nothing measurable."
    return "The teacher helped."


def _against_control(card: Mapping[str, Any]) -> str:
    metric, beside = Metric.of(card), _beside(card, "student", "control")
    if beside is None:
        return (
            "No control was compared with: the same network trained on labels alone would show "
            "what the student would have reached without a teacher."
        )
    with_teacher, alone = (
        metric.value(mapping(card, "models", name, "quality", metric.name).get("value"))
        for name in ("student", "control")
    )
    value, low, high = beside
    ends = span(low, high, metric.change)
    opening = (
        f"The same network, trained on the same rows for as long, reaches {alone} "
        f"{metric.words} on labels alone and {with_teacher} with the teacher: "
        f"{metric.difference(value)} (95% interval {ends})"
    )
    if high < 0:
        return f"{opening}. Use the control, or let the teacher weigh less in the objective."
    if low <= 0:
        return f"{opening}. The interval includes zero, so this may well be chance."
    return f"{opening}. The interval lies above zero, so this is hardly chance."


def _gap(card: Mapping[str, Any]) -> Iterator[str]:
    gap, write = mapping(card, "comparison", "student", "recovered_gap"), figures.share
    if number(gap.get("value")) is not None:
        ends = span(gap.get("low"), gap.get("high"), write)
        within = f" (95% interval {ends})" if ends else ""
        yield (
            f"Of the way from the control to the teacher, the student went "
            f"{write(gap['value'])}{within}. This is the recovered gap."
        )
    elif text(gap.get("reason")):
        yield f"The recovered gap is not defined, since {typeset(gap['reason'])}."


def _rivals(card: Mapping[str, Any]) -> Iterator[str]:
    rivals = [name for name in model_names(card) if role(name) == "rival"]
    as_good = [name for name in rivals if _standing(card, name) in ("better", "as good")]
    if not as_good:
        known = [name for name in rivals if _standing(card, name)]
        if known:
            yield f"No rival is as good as the student: {', '.join(known)} did worse."
    for name in as_good:
        yield (
            f"{name}, which needs no teacher, is {_standing(card, name)} "
            f"{'than' if _standing(card, name) == 'better' else 'as'} the student"
            f"{_at_what_price(card, name)}."
        )


def _standing(card: Mapping[str, Any], name: str) -> str:
    """Where a rival stands beside the student: better, as good, worse, or nothing known."""
    beside = _beside(card, name, "student")
    if beside is None:
        return ""
    doubt = number(mapping(card, "comparison", name, "student").get("p_value"))
    if doubt is not None and doubt >= SIGNIFICANT:
        return "as good"
    return "better" if beside[0] >= 0 else "worse"


def _at_what_price(card: Mapping[str, Any], name: str) -> str:
    """How a rival's size and speed compare with the student's."""
    rival, student = (mapping(card, "models", which) for which in (name, "student"))
    parts = []
    for mine, other, more, less in (
        (rival.get("bytes"), student.get("bytes"), "larger", "smaller"),
        (_latency(rival), _latency(student), "slower", "faster"),
    ):
        first, second = number(mine), number(other)
        if first and second and first != second:
            ratio = max(first, second) / min(first, second)
            parts.append(f"{figures.times(ratio)} {more if first > second else less}")
    return f", and {' and '.join(parts)}" if parts else ""


def _latency(model: Mapping[str, Any]) -> object:
    return mapping(model, "latency_ms").get("p50")


def _control_table(card: Mapping[str, Any]) -> Table:
    """Student and artefacts against the control."""
    rows = (
        _row(card, name, "control", figures.share(_gap_value(card, name)))
        for name in model_names(card)
        if role(name) in ("student", "artefact") and _beside(card, name, "control")
    )
    columns = ("Model", "Minus control", "95% interval", "p", "Recovered gap")
    return Table("Against the control", columns, tuple(rows))


def _gap_value(card: Mapping[str, Any], name: str) -> object:
    return mapping(card, "comparison", name, "recovered_gap").get("value")


def _rival_table(card: Mapping[str, Any]) -> Table:
    """Rivals against the student."""
    rows = (
        _row(card, name, "student", _standing(card, name))
        for name in model_names(card)
        if role(name) == "rival" and _beside(card, name, "student")
    )
    columns = ("Model", "Minus student", "95% interval", "p", "So it is")
    return Table("Rivals against the student", columns, tuple(rows))


def _row(card: Mapping[str, Any], name: str, other: str, last: str) -> Row:
    metric = Metric.of(card)
    beside = mapping(card, "comparison", name, other)
    difference = mapping(beside, "difference")
    cells = texts(
        metric.difference(difference.get("value")),
        span(difference.get("low"), difference.get("high"), metric.change),
        figures.probability(beside.get("p_value")),
        last,
    )
    return Row(name, cells, role=role(name))
