"""Learning how the teacher's answers relate, not what they are: DIST."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from understudy.objectives.knobs import above_zero, not_negative
from understudy.objectives.probabilities import log_probabilities, widened
from understudy.objectives.term import Answers, Composable

NOISE = 1e-8
"""Added to a sum of squares, so that what does not vary has a correlation of 0, not NaN."""


def correlation_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """1 - Pearson's correlation along the last axis, between 0 and 2.

    Computed as half the squared distance of the two standardised rows, which is the same number,
    and is exactly 0 for equal rows even where they hardly vary.
    Shapes: student [..., N], teacher [..., N] -> [...].
    Zero:   when, and only when, one row is the other shifted and stretched, or neither varies.
    Source: Huang et al. 2022 (DIST), arXiv:2205.10536, section 4, with the 1e-8 of their code.
    """
    return 0.5 * (_direction(student) - _direction(teacher)).square().sum(dim=-1)


def _direction(values: Tensor) -> Tensor:
    wide = widened(values)
    centred = wide - wide.mean(dim=-1, keepdim=True)
    return centred / (centred.square().sum(dim=-1, keepdim=True) + NOISE).sqrt()


@dataclass(frozen=True)
class Correlations(Composable):
    """T**2 times 1 - correlation with the teacher: over the classes of a row, and over the rows.

    Known as DIST: a strong teacher's answers need not be matched, only their order and spacing.
    `inter` weighs the relation between the classes of each row, `intra` that of the rows in each
    class, which needs batches with many more rows than classes and is 0 for a single row. The
    authors give it 2 beside 1 of `hard_labels`, at T = 1 (ImageNet) or 4 (CIFAR-100).
    """

    inter: float = 1.0
    intra: float = 1.0
    temperature: float = 1.0

    reads: ClassVar[tuple[str, ...]] = ("logits",)
    needs_labels: ClassVar[bool] = False
    joint: ClassVar[bool] = True

    def __post_init__(self) -> None:
        above_zero(self, "temperature")
        not_negative(self, "inter", "intra")

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """The row's own distance, and the mean over the classes, which all rows share.

        Shapes: logits [B, C] of both sides, labels [B] (not read) -> [B].
        """
        student = log_probabilities(shown["logits"], temperature=self.temperature).exp()
        teacher = log_probabilities(said["logits"], temperature=self.temperature).exp()
        rows = correlation_distance(student, teacher)
        classes = correlation_distance(student.T, teacher.T).mean()
        return self.temperature**2 * (self.inter * rows + self.intra * classes)
