"""What a recipe can say of a student beyond a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from understudy.errors import RequestError

Vocabulary = int | Literal["used"] | None
"""How many tokens a tokenizer keeps: so many, all that the transfer set uses, or all it has."""
Axes = Literal["auto", "teacher", "principal"]
"""Which numbers of a teacher's vectors an encoder learns: the first of them as they are, or those
along its principal components; auto: as they are, unless there are to be fewer."""


@dataclass(frozen=True)
class Preset:
    """One of our own networks, with what can be said of it."""

    preset: str
    vocabulary: Vocabulary = None
    start: Literal["teacher", "random"] = "teacher"
    """Whether token embeddings begin as the teacher's own, where the student can use them."""
    dropout: float = 0.0
    scores: Literal["auto", "pair", "cosine"] = "auto"
    """How a reranker scores a query and a document: read together, or by the cosine of two
    vectors; as its teacher does where the preset can do both."""
    dimensions: int | None = None
    """Numbers of an encoder's vectors; as many as its teacher's where missing."""
    axes: Axes = "auto"

    def __post_init__(self) -> None:
        _check_vocabulary(self.vocabulary)
        _check_dimensions(self.dimensions)
        if not 0 <= self.dropout < 1:
            raise RequestError(f"student.dropout is {self.dropout}; it must lie in [0, 1)")


@dataclass(frozen=True)
class Cut:
    """Which part of a teacher becomes the student (Sanh et al. 2019, arXiv:1910.01108)."""

    layers: tuple[int, ...]
    """The layers that are kept, counted from 0, in order."""
    heads: int | None = None
    """Attention heads of each layer that are kept; all where missing."""
    width: int | None = None
    """Hidden features that are kept; all where missing."""
    vocabulary: Vocabulary = None
    dimensions: int | None = None
    """Numbers of an encoder's vectors; as many as its teacher's where missing."""
    axes: Axes = "auto"

    def __post_init__(self) -> None:
        _check_vocabulary(self.vocabulary)
        _check_dimensions(self.dimensions)
        if not self.layers or list(self.layers) != sorted(set(self.layers)) or self.layers[0] < 0:
            raise RequestError(
                f"from_teacher.layers is {list(self.layers)}; give at least one layer, counted "
                "from 0, each once and in order"
            )


@dataclass(frozen=True)
class FromTeacher:
    """A student that begins as a part of its teacher, weights and all."""

    from_teacher: Cut


def _check_vocabulary(kept: Vocabulary) -> None:
    if isinstance(kept, int) and kept < 100:
        raise RequestError(f"student.vocabulary is {kept}; it must be 100 tokens or more")


def _check_dimensions(asked: int | None) -> None:
    if asked is not None and asked < 1:
        raise RequestError(f"student.dimensions is {asked}; it must be 1 or more")
