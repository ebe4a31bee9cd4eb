"""Who is who among the models of a scorecard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from understudy.report.figures import listing, mapping, text

LEADING = ("teacher", "control", "student")
ROLES = {
    "teacher": "imitated",
    "control": "the student's network, labels alone",
    "student": "as trained",
    "rival": "needs no teacher",
    "artefact": "exported student",
}
"""What a model is here, in a few words."""

ROWS = {"query": "test queries", "pair": "test pairs"}


def row_words(card: Mapping[str, Any]) -> str:
    """What the rows of the test are called."""
    return ROWS.get(text(card.get("row_is")), "test rows")


def role(name: str) -> str:
    """One of the keys of ROLES."""
    if name in LEADING:
        return name
    return "rival" if name.startswith("rival-") else "artefact"


def model_names(card: Mapping[str, Any]) -> list[str]:
    """The models in the order of a table: teacher, control, student, artefacts, rivals."""
    order = (*LEADING, "artefact", "rival")
    return sorted(map(str, mapping(card, "models")), key=lambda name: order.index(role(name)))


def headline_model(card: Mapping[str, Any]) -> str:
    """The model that the first figures are of: what ships, which is an artefact where one is."""
    names = model_names(card)
    judged = [str(mapping(rule).get("model")) for rule in listing(card, "requirements")]
    exported = [name for name in names if role(name) == "artefact"]
    return next((name for name in (*judged, *exported) if name in names), "student")
