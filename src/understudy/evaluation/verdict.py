"""What the numbers come to: a state, one sentence that says why, and advice.

The state follows from the requirements alone. The sentence also says what a proud author would
leave out: that the teacher did not help, that the control or a rival is as good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SIGNIFICANT = 0.05
WORDS: Mapping[str, str] = {
    "ndcg_at_10": "nDCG@10",
    "mrr_at_10": "MRR@10",
    "recall_at_10": "recall@10",
    "recall_at_100": "recall@100",
    "spearman": "Spearman correlation",
    "spearman_to_teacher": "Spearman correlation with the teacher",
}
"""Metrics of vectors whose names in running text are not those of the scorecard."""
OF_CLASSES: Mapping[str, str] = {
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "exact_match": "exact match",
    "ranking_precision": "ranking precision",
}
"""The same of classes."""

Card = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """A clause of the sentence, and what to do about it, if anything."""

    clause: str
    advice: str | None = None


def spelled(metric: str) -> str:
    """A metric as a sentence names it."""
    return WORDS.get(metric) or OF_CLASSES.get(metric, metric)


def conclusion(card: Card) -> tuple[str, str, list[str]]:
    """State ("ship", "do not ship" or "no requirements"), one sentence, and pieces of advice."""
    state, opening = _judged(card["requirements"])
    findings = list(_findings(card)) if "student" in card["comparison"] else []
    sentence = "; ".join([opening, *(finding.clause for finding in findings)])
    advice = [finding.advice for finding in findings if finding.advice]
    return state, f"{sentence[0].upper()}{sentence[1:]}.", advice


def _judged(results: list[Mapping[str, Any]]) -> tuple[str, str]:
    if not results:
        return "no requirements", "no requirement was set"
    failed = [result for result in results if not result["passed"]]
    if not failed:
        models = ", ".join(dict.fromkeys(result["model"] for result in results))
        return "ship", f"ship, since every requirement holds for {models}"
    reasons = [
        f"{result['model']} does not meet {result['rule']} ({_value(result)})" for result in failed
    ]
    return "do not ship", f"do not ship, since {' and '.join(reasons)}"


def _findings(card: Card) -> Iterator[Finding]:
    student = card["comparison"]["student"]
    if student["quality_retained"] is not None:
        kept = f"{student['quality_retained']:.1%}"
        yield Finding(f"the student keeps {kept} of the teacher's {spelled(card['metric'])}")
    if student.get("drop_in_overlap") is not None:
        through = ", brought into its space," if "space" in card else ""
        yield Finding(
            f"in an index that the teacher made{through} it finds "
            f"{student['drop_in_overlap']:.0%} of the teacher's ten nearest"
        )
    if "control" in student:
        yield _teaching(card, student["control"])
    gap = student["recovered_gap"]
    if gap["value"] is None:
        yield Finding(
            f"the recovered gap is not defined, since {gap['reason']}",
            None
            if "control" not in student
            else "To tell whether a gap can be recovered, use more test rows, a better teacher, "
            "or fewer labels for student and control.",
        )
    else:
        yield Finding(
            f"it recovers {gap['value']:.0%} of the gap between control and teacher "
            f"({gap['low']:.0%} to {gap['high']:.0%})"
        )
    yield from _rivals(card)
    ratio = student["size_ratio"]
    if ratio is not None and ratio <= 1.0:
        yield Finding(
            f"the student is not smaller than the teacher ({1 / ratio:.1f} times its bytes)",
            "Choose a smaller student, or keep the teacher.",
        )


def _teaching(card: Card, control: Mapping[str, Any]) -> Finding:
    """What the teacher added: the student beside the same student without one."""
    difference = control["difference"]
    ends = f"{difference['value']:+.4f}, {difference['low']:+.4f} to {difference['high']:+.4f}"
    if difference["high"] < 0:
        return Finding(
            "the control, which saw labels only, is better than the student in "
            f"{spelled(card['metric'])} (student minus control {ends})",
            "Use the control, or a gentler objective: a lower temperature or weight of soft_labels,"
            " or `temperature: auto` and `weight: auto`.",
        )
    if difference["low"] <= 0:
        return Finding(
            f"the teacher added nothing measurable over the control, which saw labels only "
            f"(student minus control {ends})",
            "The control is as good as the student here; more unlabelled rows, or a better "
            "teacher, would give distillation something to add.",
        )
    return Finding(f"it is better than the control, which saw labels only ({ends})")


def _rivals(card: Card) -> Iterator[Finding]:
    """Rivals that are not measurably worse than the student, and not larger."""
    for name, rival in card["comparison"].items():
        if not name.startswith("rival-"):
            continue
        size, limit = (card["models"][model]["bytes"] for model in (name, "student"))
        if size is None or limit is None or size > limit:
            continue
        beside = rival["student"]
        if beside["p_value"] >= SIGNIFICANT or beside["difference"]["value"] >= 0:
            yield Finding(
                f"{name}, which needs no teacher, is as good as the student and not larger",
                f"Consider {name}: it trains in seconds.",
            )


def _value(result: Mapping[str, Any]) -> str:
    value = result["value"]
    return result.get("reason") or "no value" if value is None else f"{value:.4g}"
