"""What an objective is made of: terms that add and scale.

0.9 * SoftLabels(temperature=4) + 0.1 * HardLabels()
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from understudy.errors import RequestError

Answers = Mapping[str, Tensor]
"""What a model gave for a batch, by name: "logits" [B, C], later taps and embeddings."""

Shapes = Mapping[str, tuple[int, ...]]
"""The shapes of answers, by name; the first number, of rows, does not matter."""

Number = float | Literal["auto"]
"""A knob that is a number, or is chosen by short probes before training."""


@runtime_checkable
class Term(Protocol):
    """One thing to learn: a choice with its knobs, and one number a row.

    Write a frozen dataclass with these three members (and `Composable` as its base, to add and
    scale it, and to say that it is `joint`); put it in `OBJECTIVES` if a recipe file should be
    able to name it.
    """

    needs_labels: ClassVar[bool]
    """Whether rows without a label are left out of it."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of the teacher's answers that it needs; for most terms a `ClassVar`."""
        ...

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """The loss of each row: shown by the student, said by the teacher; labels [B] -> [B]."""
        ...


class Composable:
    """Gives a term its `+` and `*`, and says what is true of most terms."""

    joint: ClassVar[bool] = False
    """Whether a row's number depends on the other rows of its batch, and thus on micro-batches."""
    zero_at_teacher: ClassVar[bool] = True
    """Whether a student that shows what its teacher said has a loss of 0 and no gradient."""

    @property
    def shows(self) -> tuple[str, ...]:
        """The module paths of the student whose features it reads; most terms read logits alone."""
        return ()

    def adapter(self, shown: Shapes, said: Shapes) -> nn.Module | None:
        """What is learnt beside the student, if anything: a module from answers to more of them."""
        return None

    def mirrored(self, said: Answers) -> Answers:
        """What a student that equals its teacher shows."""
        return said

    def __mul__(self: Term, factor: float) -> Objective:
        return as_objective(self) * factor

    __rmul__ = __mul__

    def __add__(self: Term, other: Objective | Term) -> Objective:
        return as_objective(self) + other


@dataclass(frozen=True)
class Weighted:
    """A term and the weight that it has in the sum."""

    term: Term
    weight: Number = 1.0

    def __post_init__(self) -> None:
        if self.weight != "auto" and not self.weight >= 0:
            raise RequestError(
                f"objective: the weight of {type(self.term).__name__} is {self.weight}; "
                "it must be 0 or more, or 'auto'"
            )


@dataclass(frozen=True)
class Objective:
    """What the student minimises: a sum of weighted terms, each a mean over the rows it reads."""

    terms: tuple[Weighted, ...]

    def __post_init__(self) -> None:
        if not self.terms:
            raise RequestError("objective: it has no term; name at least one, such as soft_labels")

    @property
    def reads(self) -> frozenset[str]:
        """The names of the teacher's answers that some term needs."""
        return frozenset(name for part in self.terms for name in part.term.reads)

    @property
    def shows(self) -> tuple[str, ...]:
        """The module paths of the student whose features some term reads."""
        paths = (path for part in self.terms for path in getattr(part.term, "shows", ()))
        return tuple(sorted(set(paths)))

    def adapters(self, shown: Shapes, said: Shapes) -> list[nn.Module]:
        """What is learnt beside a student that shows answers of these shapes."""
        made = [
            part.term.adapter(shown, said)
            for part in self.terms
            if isinstance(part.term, Composable)
        ]
        return [adapter for adapter in made if adapter is not None]

    @property
    def needs_labels(self) -> bool:
        """Whether some term learns from the labels of the data."""
        return any(part.term.needs_labels for part in self.terms)

    @property
    def is_settled(self) -> bool:
        """Whether no weight and no temperature is still to be chosen."""
        return all(
            part.weight != "auto" and getattr(part.term, "temperature", 0) != "auto"
            for part in self.terms
        )

    def __mul__(self, factor: float) -> Objective:
        return Objective(
            tuple(replace(part, weight=factor * settled(part.weight)) for part in self.terms)
        )

    __rmul__ = __mul__

    def __add__(self, other: Objective | Term) -> Objective:
        return Objective(self.terms + as_objective(other).terms)

    def loss(
        self, shown: Answers, said: Answers, labels: Tensor, *, rows: int, labelled: int
    ) -> Tensor:
        """The loss of a batch, or of a part of one, as one number.

        `rows` and `labelled` are the numbers of rows, and of rows with a label, in the *whole*
        batch, over all micro-batches and processes: parts then add up to the loss of the whole.
        Shapes: answers [B, ...], labels [B] -> [].
        """
        total = torch.zeros((), device=labels.device)
        for part in self.terms:
            count = labelled if part.term.needs_labels else rows
            if count:
                values = part.term.per_row(shown, said, labels)
                total = total + settled(part.weight) * values.sum() / count
        return total


def as_objective(given: Objective | Weighted | Term) -> Objective:
    """A term alone is an objective with one term of weight 1."""
    if isinstance(given, Objective):
        return given
    return Objective((given if isinstance(given, Weighted) else Weighted(given),))


def is_joint(term: Term) -> bool:
    """Whether the term says that it is over pairs of rows; one that says nothing is not."""
    return bool(getattr(term, "joint", False))


def rests_at_teacher(term: Term) -> bool:
    """Whether the loss of a student equal to its teacher must be 0, with no gradient."""
    return bool(term.reads) and bool(getattr(term, "zero_at_teacher", True))


def mirrored(term: Term, said: Answers) -> Answers:
    """What a student that equals its teacher shows to a term."""
    return term.mirrored(said) if isinstance(term, Composable) else said


def settled(value: Number) -> float:
    """The number itself; one that is still 'auto' was asked for too early."""
    if value == "auto":
        raise RequestError(
            "the objective still holds 'auto'; give a number, or let `distill` choose one"
        )
    return value
