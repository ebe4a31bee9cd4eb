"""The plain ways to learn from a teacher's logits: its probabilities, its choice, its logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from understudy.objectives.knobs import above_zero
from understudy.objectives.labels import cross_entropy, forward_kl
from understudy.objectives.probabilities import log_probabilities, widened
from understudy.objectives.term import Answers, Composable

FLATTEST = 1e-3
"""The least standard deviation that a row of logits is divided by."""


def soft_cross_entropy(student: Tensor, teacher: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Cross-entropy of the student with the teacher's probabilities, in nats, one number a row.

    Shapes: student [..., C], teacher [..., C] -> [...].
    Zero:   never; its least value is the teacher's entropy, where both give the same
            probabilities. Less that entropy it is `forward_kl`, with the same gradient.
    Source: Hinton, Vinyals, Dean 2015, arXiv:1503.02531, section 2, without their T**2.
    """
    shown = log_probabilities(student, temperature=temperature)
    said = log_probabilities(teacher, temperature=temperature)
    return -(said.exp() * shown).sum(dim=-1)


def logit_squared_error(student: Tensor, teacher: Tensor) -> Tensor:
    """The mean squared difference of the two rows of logits, each less its own mean.

    Shapes: student [..., C], teacher [..., C] -> [...].
    Zero:   when, and only when, the logits differ by a constant, which no softmax sees.
    Limits: half of it is what temperature**2 * forward_kl tends to as the temperature grows.
    Source: Tang et al. 2019, arXiv:1903.12136; they do not centre, which punishes a constant.
            The limit: Hinton et al. 2015, section 2.1.
    """
    difference = widened(student) - widened(teacher)
    return (difference - difference.mean(dim=-1, keepdim=True)).square().mean(dim=-1)


def standardised_kl(student: Tensor, teacher: Tensor, *, temperature: float = 2.0) -> Tensor:
    """`forward_kl` of logits that are shifted and scaled to mean 0 and standard deviation 1.

    With two classes or fewer every row would become the same pair: the logits are left alone.
    Shapes: student [..., C], teacher [..., C] -> [...].
    Zero:   when, and only when, one row of logits is the other shifted and stretched.
    Source: Sun et al. 2024, arXiv:2403.01427, with the unbiased deviation of their code. It adds
            1e-7 to it; we let none be below 0.001, so that a flat row has a finite gradient.
    """
    if student.shape[-1] > 2:
        student, teacher = _standardised(student), _standardised(teacher)
    return forward_kl(student, teacher, temperature=temperature)


def _standardised(logits: Tensor) -> Tensor:
    wide = widened(logits)
    # The floor is put under the variance: the slope of a root at 0 is infinite.
    variance = wide.var(dim=-1, keepdim=True).clamp(min=FLATTEST**2)
    return (wide - wide.mean(dim=-1, keepdim=True)) / variance.sqrt()


@dataclass(frozen=True)
class SoftCrossEntropy(Composable):
    """T**2 times the cross-entropy with the teacher's softened probabilities.

    The gradient of `soft_labels`, but a number that does not say how near the student is.
    """

    temperature: float = 1.0

    reads: ClassVar[tuple[str, ...]] = ("logits",)
    needs_labels: ClassVar[bool] = False
    zero_at_teacher: ClassVar[bool] = False

    def __post_init__(self) -> None:
        above_zero(self, "temperature")

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C] of both sides, labels [B] (not read) -> [B], in nats times T**2."""
        return self.temperature**2 * soft_cross_entropy(
            shown["logits"], said["logits"], temperature=self.temperature
        )


@dataclass(frozen=True)
class TeacherLabels(Composable):
    """Cross-entropy with the class that the teacher finds most likely (hard-label distillation).

    Source: Touvron et al. 2021 (DeiT), arXiv:2012.12877, as in facebookresearch/deit `losses.py`;
            half of their weight is on it, and half on `hard_labels`.
    """

    reads: ClassVar[tuple[str, ...]] = ("logits",)
    needs_labels: ClassVar[bool] = False
    zero_at_teacher: ClassVar[bool] = False

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C] of both sides, labels [B] (not read) -> [B], in nats."""
        return cross_entropy(shown["logits"], torch.argmax(said["logits"], dim=-1))


@dataclass(frozen=True)
class LogitSquaredError(Composable):
    """Mean squared error of centred logits; half of it is what `soft_labels` becomes at high T."""

    reads: ClassVar[tuple[str, ...]] = ("logits",)
    needs_labels: ClassVar[bool] = False

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C] of both sides, labels [B] (not read) -> [B], in squared logits."""
        return logit_squared_error(shown["logits"], said["logits"])


@dataclass(frozen=True)
class StandardisedLogits(Composable):
    """T**2 * KL of standardised logits: the shape of the teacher's answer without its strength.

    The authors give it a weight of 9 beside 0.1 of `hard_labels`. What the student then says is
    not calibrated; with two classes it is `soft_labels`.
    """

    temperature: float = 2.0

    reads: ClassVar[tuple[str, ...]] = ("logits",)
    needs_labels: ClassVar[bool] = False

    def __post_init__(self) -> None:
        above_zero(self, "temperature")

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C] of both sides, labels [B] (not read) -> [B], in nats times T**2."""
        return self.temperature**2 * standardised_kl(
            shown["logits"], said["logits"], temperature=self.temperature
        )
