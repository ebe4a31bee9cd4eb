"""What a report is drawn from: the scorecard, and what does not fit into numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Example:
    """One row worth looking at."""

    kind: str
    """Such as "harmful flip" or "suspect label"; `gallery.KINDS` says what is known of each."""
    row: int
    """Its number in the source."""
    label: str
    """The right class; of a query, a relevant document; empty where there is neither."""
    answers: Mapping[str, tuple[str, float | None]]
    """By model: what it answered, and its confidence in [0, 1] where that means something."""
    picture: bytes | None = None
    """A PNG."""
    text: str | None = None
    right: Mapping[str, bool] = field(default_factory=dict)
    """By model: whether it is right, where that is not whether it answered the label."""


@dataclass(frozen=True)
class Material:
    """All that the report of a run shows."""

    title: str
    scorecard: Mapping[str, Any]
    """As read from `scorecard.json`; whatever is missing or null is shown as a dash."""
    curves: Mapping[str, Sequence[Mapping[str, float]]]
    """By model: loss and validation quality of each epoch."""
    reliability: Mapping[str, Sequence[tuple[float, float, int]]]
    """By model: mean confidence, accuracy and rows of each bin."""
    confusion: Mapping[str, Sequence[Sequence[int]]]
    """By model: counts. Shape: [C][C], a row for each label, a column for each answer."""
    examples: Sequence[Example]
    usage: str
    """A snippet of Python that uses the artefact."""
    recipe: str
    """The recipe as YAML, every default written out."""
    environment: Mapping[str, str]
    """What the run was made with, by name."""
    classes: Sequence[str] = ()
    """Names in the order of the confusion's rows; numbers stand in for them where it is empty."""
