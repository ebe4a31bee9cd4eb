"""Rows to look at, by what is the matter with them, with their pictures inside the page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from understudy.data.texts import SEPARATOR
from understudy.report.figures import formatted
from understudy.report.material import Example

PICTURE_BYTES = 1_000_000
"""What all pictures of a report may weigh, so that it can be sent by mail."""
PNG = b"\x89PNG"
MOST_LETTERS = 280
"""Of a text; what comes after is cut off."""
MOST_SAID = 120
"""Letters of a label, or an answer."""


@dataclass(frozen=True)
class Kind:
    """What is the matter with a row: its title, a sentence, and what its label is called."""

    title: str
    note: str = ""
    label: str = "Label"
    judged: bool = True
    """Whether answers are marked right or wrong."""


KINDS: Mapping[str, Kind] = {
    "harmful flip": Kind("Harmful flips", "The teacher was right, the student is wrong."),
    "helpful flip": Kind("Helpful flips", "The teacher was wrong, the student is right."),
    "inherited error": Kind("Inherited errors", "The student repeats a mistake of the teacher."),
    "lost query": Kind(
        "Harmful flips",
        "The teacher finds something relevant among its first ten documents, the student does not.",
        "Relevant:",
    ),
    "won query": Kind(
        "Helpful flips",
        "The student finds something relevant among its first ten documents, the teacher does not.",
        "Relevant:",
    ),
    "worst match": Kind(
        "Worst matches",
        "Texts whose vectors lie farthest from the teacher's, the farthest first.",
        judged=False,
    ),
    "far list": Kind(
        "Lists least alike",
        "Queries whose first ten documents the student shares least with the teacher; each with "
        "the first of its candidates.",
        judged=False,
    ),
    "suspect label": Kind(
        "Suspect labels", "The teacher is sure of another class than the label.", judged=False
    ),
    "duplicate": Kind("Duplicates", "Rows that repeat an earlier one."),
    "leaked": Kind("Leaked test rows", "Test rows that are in the training data too."),
}
FLIPS = ("harmful flip", "helpful flip", "inherited error", "lost query", "won query")
MATCHES = ("worst match", "far list")

sure = formatted("{:.0%}")


@dataclass(frozen=True)
class Answer:
    """What a model said of a row; `confidence` may be empty."""

    model: str
    said: str
    confidence: str
    right: bool


@dataclass(frozen=True)
class Card:
    """One row; `picture` is a data: URI, or empty; so may label and text be."""

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
    label: str = "Label"

    @property
    def wide(self) -> bool:
        """Whether the rows are texts, which need more room than small pictures."""
        return any(card.text and not card.picture for card in self.cards)


def groups(examples: Sequence[Example], flips: bool) -> list[Group]:
    """Examples by kind, in the order of KINDS: the flips, or doubtful rows and all others."""
    if flips:
        return _groups(examples, FLIPS)
    odd = dict.fromkeys(ex.kind for ex in examples if ex.kind not in KINDS)
    rest = [kind for kind in KINDS if kind not in FLIPS and kind not in MATCHES]
    return _groups(examples, (*rest, *odd))


def matches(examples: Sequence[Example]) -> list[Group]:
    """Texts whose vectors, and queries whose documents, are not where the teacher has them."""
    return _groups(examples, MATCHES)


def _groups(examples: Sequence[Example], kinds: Sequence[str]) -> list[Group]:
    pictures = _pictures(examples)
    found = []
    for name in kinds:
        kind = KINDS.get(name, Kind(name))
        cards = tuple(
            _card(example, picture)
            for example, picture in zip(examples, pictures, strict=True)
            if example.kind == name
        )
        if cards:
            found.append(Group(kind.title, kind.note, cards, kind.judged, kind.label))
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
        Answer(
            model,
            _cut(said, MOST_SAID),
            "" if confidence is None else sure(confidence),
            example.right.get(model, said == example.label),
        )
        for model, (said, confidence) in example.answers.items()
    )
    label, text = _cut(example.label, MOST_SAID), _cut(example.text or "", MOST_LETTERS)
    return Card(example.row, label, answers, picture, text)


def _cut(text: str, most: int) -> str:
    """The beginning of a long text. Its columns, which a unit separator parts, are set apart."""
    written = text.replace(SEPARATOR, " · ")
    return written if len(written) <= most else f"{written[: most - 1].rstrip()}…"
