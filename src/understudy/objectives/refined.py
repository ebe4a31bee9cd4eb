"""Where the label takes part in what is asked of the teacher: DKD, RLD and PLD.

Rows without a label (-1) count 0 in all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from understudy.objectives.knobs import above_zero, not_negative
from understudy.objectives.labels import UNLABELLED
from understudy.objectives.probabilities import log_probabilities
from understudy.objectives.term import Answers, Composable


def restricted_kl(
    student: Tensor, teacher: Tensor, kept: Tensor, *, temperature: float = 1.0
) -> Tensor:
    """KL(teacher || student) among the classes that are kept, both sides renormalised over them.

    Shapes: student [B, C], teacher [B, C], kept [B, C] of booleans -> [B].
    Zero:   when both give the kept classes the same shares, and where fewer than two are kept.
    Source: Zhao et al. 2022 (DKD), arXiv:2203.08679, section 3.1: NCKD keeps all but the label.
            Their code subtracts 1,000 from the rest, which half precision cannot; we leave it out.
    """
    some = kept.any(dim=-1, keepdim=True)
    kept = kept | ~some
    shown = _among(log_probabilities(student, temperature=temperature), kept)
    said = _among(log_probabilities(teacher, temperature=temperature), kept)
    shares = said.masked_fill(~kept, -torch.inf).exp()
    return (shares * (said - shown)).sum(dim=-1) * some.squeeze(-1)


def binary_kl(
    student: Tensor,
    teacher: Tensor,
    student_class: Tensor,
    teacher_class: Tensor,
    *,
    temperature: float = 1.0,
) -> Tensor:
    """KL between two coins: the teacher's [its class, the rest], the student's [its class, rest].

    Shapes: student [B, C], teacher [B, C], student_class [B], teacher_class [B] -> [B].
    Zero:   when both give their class the same probability.
    Source: Zhao et al. 2022 (DKD), section 3.1: TCKD has the label as the class of both. Sun et al.
            2024 (RLD), arXiv:2408.07703: the teacher's class is its most likely one.
    """
    shown, shown_rest = _coin(student, student_class, temperature)
    said, said_rest = _coin(teacher, teacher_class, temperature)
    return said.exp() * (said - shown) + said_rest.exp() * (said_rest - shown_rest)


def plackett_luce(student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
    """Minus the log-likelihood of the teacher's ranking, the label first, choice by choice.

    The k-th choice is made among the classes not yet chosen, and weighs as much as the teacher's
    probability of what is chosen.
    Shapes: student [B, C], teacher [B, C], labels [B] without -1 -> [B], in nats.
    Zero:   never; it tends to 0 for a student that is ever surer of every choice. Convex.
    Source: Bassam, Zhu, Bian 2025 (PLD), arXiv:2506.12542; weights at temperature 1.
    """
    said = log_probabilities(teacher)
    first = _is_class(said, labels)
    order = said.masked_fill(first, torch.inf).argsort(dim=-1, descending=True, stable=True)
    shown = log_probabilities(student).gather(-1, order)
    left = shown.flip(-1).logcumsumexp(dim=-1).flip(-1)
    return (said.gather(-1, order).exp() * (left - shown)).sum(dim=-1)


@dataclass(frozen=True)
class DecoupledLabels(Composable):
    """T**2 KL in two parts that are weighed apart: how sure of the label, and what of the rest.

    Known as DKD. The authors put 1 of `hard_labels` beside it and raise its weight linearly over
    the first 20 epochs; with 10 classes an `others` of 6 or more is too much.
    Source: Zhao et al. 2022, arXiv:2203.08679, as in megvii-research/mdistiller
            `DKD.py`, without its subtraction of 1,000.
    """

    label: float = 1.0
    others: float = 8.0
    temperature: float = 4.0

    reads: ClassVar[tuple[str, ...]] = ("logits",)
    needs_labels: ClassVar[bool] = True

    def __post_init__(self) -> None:
        above_zero(self, "temperature")
        not_negative(self, "label", "others")

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C] of both sides, labels [B] with -1 for none -> [B], times T**2."""
        known = labels.clamp(min=0)
        both = shown["logits"], said["logits"]
        target = binary_kl(*both, known, known, temperature=self.temperature)
        kept = ~_is_class(said["logits"], known)
        rest = restricted_kl(*both, kept, temperature=self.temperature)
        value = self.temperature**2 * (self.label * target + self.others * rest)
        return value.masked_fill(labels == UNLABELLED, 0.0)


@dataclass(frozen=True)
class RefinedLabels(Composable):
    """The teacher as the label corrects it: how sure it is, and its view of what it ranks below.

    Known as RLD. The teacher's greatest probability is asked of the student's label, and the
    classes that the teacher finds less likely than the label are matched among themselves. Where
    the teacher is wrong, it thus never pulls to its wrong class. The authors put 1 of `hard_labels`
    beside it and raise its weight linearly over the first 20 epochs.
    Source: Sun et al. 2024, arXiv:2408.07703, as in zju-SWJ/RLD `RLD.py`, which has the first part
            at a temperature of its own, 1.
    """

    confidence: float = 1.0
    others: float = 8.0
    temperature: float = 4.0
    confidence_temperature: float = 1.0

    reads: ClassVar[tuple[str, ...]] = ("logits",)
    needs_labels: ClassVar[bool] = True
    zero_at_teacher: ClassVar[bool] = False

    def __post_init__(self) -> None:
        above_zero(self, "temperature", "confidence_temperature")
        not_negative(self, "confidence", "others")

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C] of both sides, labels [B] with -1 for none -> [B].

        Zero where the teacher is right and the student shows the same.
        """
        known = labels.clamp(min=0)
        both, teacher = (shown["logits"], said["logits"]), said["logits"]
        sure = binary_kl(
            *both, known, teacher.argmax(dim=-1), temperature=self.confidence_temperature
        )
        below = teacher < teacher.gather(-1, known.unsqueeze(-1))
        rest = restricted_kl(*both, below, temperature=self.temperature)
        value = (
            self.confidence * self.confidence_temperature**2 * sure
            + self.others * self.temperature**2 * rest
        )
        return value.masked_fill(labels == UNLABELLED, 0.0)


@dataclass(frozen=True)
class PlackettLuce(Composable):
    """Learn the teacher's ranking of the classes, the label first (known as PLD).

    It holds the cross-entropy with the label: nothing needs to stand beside it.
    """

    reads: ClassVar[tuple[str, ...]] = ("logits",)
    needs_labels: ClassVar[bool] = True
    zero_at_teacher: ClassVar[bool] = False

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C] of both sides, labels [B] with -1 for none -> [B], in nats."""
        value = plackett_luce(shown["logits"], said["logits"], labels.clamp(min=0))
        return value.masked_fill(labels == UNLABELLED, 0.0)


def _is_class(logits: Tensor, classes: Tensor) -> Tensor:
    """[B, C] of booleans, true at each row's class."""
    return torch.arange(logits.shape[-1], device=logits.device) == classes.unsqueeze(-1)


def _among(scores: Tensor, kept: Tensor) -> Tensor:
    """Log-probabilities among the kept classes; what stands elsewhere has no meaning."""
    return scores - scores.masked_fill(~kept, -torch.inf).logsumexp(dim=-1, keepdim=True)


def _coin(logits: Tensor, classes: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """log p of each row's class, and log (1 - p) from the others, without a loss of digits."""
    scores = log_probabilities(logits, temperature=temperature)
    rest = scores.masked_fill(_is_class(scores, classes), -torch.inf).logsumexp(dim=-1)
    return scores.gather(-1, classes.unsqueeze(-1)).squeeze(-1), rest
