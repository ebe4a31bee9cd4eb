"""Rows to look at, by what is the matter with them, with their pictures inside the page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from understudy.report.figures import formatted
from understudy.report.material import Example

PICTURE_BYTES = 1_000_000
"""What all pictures of a report may weigh, so that it can be sent by mail."""
PNG = b"\x89PNG"
FLIPS = ("harmful flip", "helpful flip", "inherited error")
KINDS: Mapping[str, tuple[str, str]] = {
    "harmful flip": ("Harmful flips", "The teacher was right, the student is wrong."),
    "helpful flip": ("Helpful flips", "The teacher was wrong, the student is right."),
    "inherited error": ("Inherited errors", "The student repeats a mistake of the teacher."),
    "suspect label": ("Suspect labels", "The teacher is sure of another class than the label."),
    "duplicate": ("Duplicates", "Rows that repeat an earlier one."),
    "leaked": ("Leaked test rows", "Test rows that are in the training data too."),
}


sure = formatted("{:.0%}")


@dataclass(frozen=True)
class Answer:
    """What a model said of a row."""

    model: str
    said: str
    confidence: str
    right: bool


@dataclass(frozen=True)
class Card:
    """One row; `picture` is a data: URI, or empty."""

    row: int
    label: str
    answers: tuple[Answer, ...]
    picture: str
    text: str


@dataclass(frozen=True)
class Group:
    """The rows of one kind. Answers are marked right or wrong where the label can be trusted."""

    title: str
    note: str
    cards: tuple[Card, ...]
    judged: bool


def groups(examples: Sequence[Example], flips: bool) -> list[Group]:
    """Examples by kind, in the order of KINDS: the flips, or all the others."""
    known = [*KINDS, *dict.fromkeys(ex.kind for ex in examples if ex.kind not in KINDS)]
    pictures = _pictures(examples)
    found = []
    for kind in known:
        cards = tuple(
            _card(example, picture)
            for example, picture in zip(examples, pictures, strict=True)
            if example.kind == kind
        )
        if cards and (kind in FLIPS) == flips:
            found.append(Group(*KINDS.get(kind, (kind, "")), cards, kind != "suspect label"))
    return found


def _pictures(examples: Sequence[Example]) -> list[str]:
    """PNGs as data: URIs, until they weigh too much; what is no PNG is left out."""
    left, found = PICTURE_BYTES, []
    for example in examples:
        picture = example.picture or b""
        fits = picture.startswith(PNG) and len(picture) <= left
        found.append(f"data:image/png;base64,{base64.b64encode(picture).decode()}" if fits else "")
        left -= len(picture) if fits else 0
    return found


def _card(example: Example, picture: str) -> Card:
    answers = tuple(
        Answer(model, said, sure(confidence), said == example.label)
        for model, (said, confidence) in example.answers.items()
    )
    return Card(example.row, example.label, answers, picture, example.text or "")
