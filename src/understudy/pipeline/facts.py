"""What the scorecard says of a run beside the figures of its models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from understudy.pipeline.spaces import told_of
from understudy.pipeline.suspects import suspect_rows

if TYPE_CHECKING:
    from understudy.pipeline.distilling import Production


def data_facts(production: Production) -> dict[str, Any]:
    """Of the rows: how many serve for what, what was found in them, and what a student leaves."""
    prepared = production.prepared
    facts = prepared.facts
    counts = {finding["kind"]: finding["count"] for finding in facts.findings}
    return {
        "rows": len(prepared),
        **{f"{name}_rows": len(rows) for name, rows in prepared.splits.items()},
        "unlabelled": int((~prepared.labelled).sum()),
        "classes": len(facts.classes),
        "duplicates": counts.get("duplicates", 0),
        "leaked_test_rows": counts.get("leaked_test_rows", 0),
        "suspect_labels": len(suspect_rows(production)),
        "findings": told((*facts.findings, *_left_out(production))),
    }


def told(findings: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Findings as the scorecard has them: what, how often, and in words."""
    return [{name: finding[name] for name in ("kind", "count", "text")} for finding in findings]


def _left_out(production: Production) -> Iterator[dict[str, Any]]:
    """The teacher's tokens that the student does without."""
    vocabulary = production.student.told.get("vocabulary")
    if vocabulary:
        kept, of = vocabulary["kept"], vocabulary["of"]
        text = f"the student keeps {kept:,} of the {of:,} tokens of its teacher"
        yield {"kind": "reduced_vocabulary", "count": of - kept, "text": text}


def knowledge_facts(production: Production) -> dict[str, Any]:
    """Of the teacher's answers: how many, what they take, and whether they were there before."""
    store = production.store
    if store is None:
        return {"mode": "live"}
    step = production.workspace.done("knowledge", production.knowledge_key) or {}
    return {
        "mode": "stored",
        "rows": store.rows,
        "views": 1,
        "bytes": store.bytes,
        "bytes_per_row": store.bytes / store.rows,
        "codec": production.recipe.knowledge.codec,
        "errors": store.errors,
        "teach_seconds": step.get("seconds"),
        "reused": step.get("rows_asked") == 0,
    }


def space_given(production: Production) -> dict[str, Any]:
    """What scoring needs of an encoder's space; nothing for other tasks."""
    space = production.space
    if space is None:
        return {}
    return {"projection": production.projection, "prefixes": space.prefixes}


def space_facts(production: Production) -> dict[str, Any]:
    """Of an encoder's space, where it is not its teacher's own: `space`, in figures and words."""
    space = told_of(production)
    return {} if space is None else {"space": space}


def curves(production: Production) -> dict[str, Any]:
    """The training curves of teacher (where a run trained it), student and control."""
    names = ("student", "control") if production.has_control else ("student",)
    found = {name: production.trained(name)["curve"] for name in names}
    taught = production.teacher.curve
    return ({"teacher": list(taught)} if taught else {}) | found
