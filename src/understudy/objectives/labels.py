"""Learning from labels: the teacher's soft ones and the data's hard ones.

Formulas on tables of logits first, then the two choices that a recipe can name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from understudy.errors import RequestError
from understudy.objectives.probabilities import log_probabilities, relative_entropy, widened
from understudy.objectives.term import Answers, Composable, Number, settled

UNLABELLED = -1


def forward_kl(student: Tensor, teacher: Tensor, *, temperature: float = 1.0) -> Tensor:
    """KL(teacher || student) between two tables of logits, in nats, one number a row.

    Shapes: student [..., C], teacher [..., C] -> [...].
    Zero:   when, and only when, both rows give the same probabilities.
    Limits: temperature**2 times this tends to half the mean squared difference of the centred
            logits as the temperature grows (section 2.1 of the source).
    Source: Hinton, Vinyals, Dean 2015, arXiv:1503.02531, section 2, without their T**2.
    """
    shown = log_probabilities(student, temperature=temperature)
    said = log_probabilities(teacher, temperature=temperature)
    return relative_entropy(said, shown)


def cross_entropy(student: Tensor, labels: Tensor) -> Tensor:
    """Minus the log-probability of each row's label, in nats; 0 for a row without a label (-1).

    Shapes: student [B, C], labels [B] -> [B].
    Zero:   in the limit of a student that is certain of every label.
    Source: the negative log-likelihood of a categorical distribution.
    """
    return functional.cross_entropy(
        widened(student), labels, reduction="none", ignore_index=UNLABELLED
    )


@dataclass(frozen=True)
class SoftLabels(Composable):
    """Match the teacher's probabilities, softened by a temperature: T**2 * KL(teacher || student).

    The factor T**2 keeps the length of the gradient about the same at every temperature, so that
    weights need no retuning (Hinton et al. 2015, section 2). `temperature: auto` lets short probes
    on the stored knowledge choose.
    """

    temperature: Number = 4.0

    reads: ClassVar[tuple[str, ...]] = ("logits",)
    needs_labels: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.temperature != "auto" and not self.temperature > 0:
            raise RequestError(
                f"soft_labels: temperature is {self.temperature}; it must be above 0, or 'auto'"
            )

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C] of both sides, labels [B] (not read) -> [B], in nats times T**2."""
        temperature = settled(self.temperature)
        return temperature**2 * forward_kl(shown["logits"], said["logits"], temperature=temperature)


@dataclass(frozen=True)
class HardLabels(Composable):
    """Cross-entropy with the labels of the data; rows without a label do not count."""

    reads: ClassVar[tuple[str, ...]] = ()
    needs_labels: ClassVar[bool] = True
    zero_at_teacher: ClassVar[bool] = False

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C], labels [B] with -1 for none -> [B], in nats."""
        return cross_entropy(shown["logits"], labels)
