"""Learning many labels a row: each class is a question of its own, answered by a sigmoid.

Everything is a mean over the classes, as `BCEWithLogitsLoss` of PyTorch takes it, so that soft and
hard terms weigh alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from understudy.errors import RequestError
from understudy.objectives.knobs import above_zero
from understudy.objectives.labels import UNLABELLED
from understudy.objectives.probabilities import LEAST, widened
from understudy.objectives.term import Answers, Composable


def sigmoid_kl(student: Tensor, teacher: Tensor, *, temperature: float = 1.0) -> Tensor:
    """KL(teacher || student) between yes and no of each class, in nats, mean over the classes.

    Shapes: student [..., C], teacher [..., C] -> [...].
    Zero:   when, and only when, all logits are equal.
    Limits: temperature**2 times this tends to an eighth of the mean squared difference of the
            logits as the temperature grows. Of one class it is `forward_kl` of the logits and 0.
    Source: Hinton, Vinyals, Dean 2015, arXiv:1503.02531, section 2, with a sigmoid for the softmax:
            binary cross-entropy with the teacher's probabilities, less their entropy.
    """
    shown, said = (
        widened(each).clamp(min=LEAST, max=-LEAST) / temperature for each in (student, teacher)
    )
    yes = said.sigmoid() * (functional.logsigmoid(said) - functional.logsigmoid(shown))
    no = (-said).sigmoid() * (functional.logsigmoid(-said) - functional.logsigmoid(-shown))
    return (yes + no).mean(dim=-1)


def binary_cross_entropy(student: Tensor, labels: Tensor) -> Tensor:
    """Minus the log-probability of the right answer for each class, in nats, mean over the classes.

    Shapes: student [B, C], labels [B, C] of 0, 1 and -1 for unknown -> [B]; 0 for a row of which
            nothing is known, and else the mean over what is.
    Zero:   in the limit of a student that is certain of every label.
    Source: the negative log-likelihood of independent coins; `BCEWithLogitsLoss` of PyTorch.
    """
    known = labels != UNLABELLED
    logits = widened(student)
    truth = labels.clamp(min=0).to(logits.dtype)
    losses = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (losses * known).sum(dim=-1) / known.sum(dim=-1).clamp(min=1)


@dataclass(frozen=True)
class SoftBinaryLabels(Composable):
    """T**2 times KL of each class's yes and no, mean over the classes: for several labels a row.

    A temperature hardly helps where there is one logit a question.
    """

    temperature: float = 1.0

    reads: ClassVar[tuple[str, ...]] = ("logits",)
    needs_labels: ClassVar[bool] = False

    def __post_init__(self) -> None:
        above_zero(self, "temperature")

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C] of both sides, labels (not read) -> [B], in nats times T**2."""
        return self.temperature**2 * sigmoid_kl(
            shown["logits"], said["logits"], temperature=self.temperature
        )


@dataclass(frozen=True)
class HardBinaryLabels(Composable):
    """Binary cross-entropy with a table of labels, 1 for each class that a row has and 0 else.

    What is -1 is not known, and does not count; a row of -1 is without labels.
    """

    reads: ClassVar[tuple[str, ...]] = ()
    needs_labels: ClassVar[bool] = True
    zero_at_teacher: ClassVar[bool] = False

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C], labels [B, C] of 0, 1 and -1 -> [B], in nats.

        Raises: RequestError for labels that are no such table.
        """
        logits = shown["logits"]
        if labels.shape != logits.shape:
            raise RequestError(
                f"hard_binary_labels: labels of shape {tuple(labels.shape)} beside logits of shape "
                f"{tuple(logits.shape)}; it takes a 0 or a 1 for each row and class; where a row "
                "has one class, take hard_labels"
            )
        return binary_cross_entropy(logits, labels)
