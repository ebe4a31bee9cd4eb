"""The divergences that a recipe can name; the formulas stand in `divergences.py`.

Each is multiplied by T**2, which keeps the length of its gradient over temperatures, as in
`soft_labels`; at the temperature of 1 that their authors use it changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from understudy.objectives.divergences import (
    alpha_beta_divergence,
    jensen_shannon,
    reverse_kl,
    skewed_kl,
    skewed_reverse_kl,
    symmetric_kl,
    total_variation,
)
from understudy.objectives.knobs import above_zero, not_negative, refusal
from understudy.objectives.term import Answers, Composable


@dataclass(frozen=True)
class ReverseKl(Composable):
    """T**2 * KL(student || teacher): the student may leave out what it cannot say.

    It seeks one mode of the teacher where `soft_labels` covers all; for small language models.
    """

    temperature: float = 1.0

    reads: ClassVar[tuple[str, ...]] = ("logits",)
    needs_labels: ClassVar[bool] = False

    def __post_init__(self) -> None:
        above_zero(self, "temperature")

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C] of both sides, labels [B] (not read) -> [B], in nats times T**2."""
        return self.temperature**2 * reverse_kl(
            shown["logits"], said["logits"], temperature=self.temperature
        )


@dataclass(frozen=True)
class SymmetricKl(Composable):
    """T**2 times the mean of forward and reverse KL (half of Jeffreys' divergence)."""

    temperature: float = 1.0

    reads: ClassVar[tuple[str, ...]] = ("logits",)
    needs_labels: ClassVar[bool] = False

    def __post_init__(self) -> None:
        above_zero(self, "temperature")

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C] of both sides, labels [B] (not read) -> [B], in nats times T**2."""
        return self.temperature**2 * symmetric_kl(
            shown["logits"], said["logits"], temperature=self.temperature
        )


@dataclass(frozen=True)
class JensenShannon(Composable):
    """T**2 times the generalised Jensen-Shannon divergence of GKD: bounded, so safe on any text.

    `teacher_share` is GKD's beta, the teacher's share of the mixture. Raw, the gradient shrinks by
    beta (1 - beta); `normalised: true` undoes that, and is forward KL at 0 and reverse KL at 1.
    """

    teacher_share: float = 0.5
    normalised: bool = False
    temperature: float = 1.0

    reads: ClassVar[tuple[str, ...]] = ("logits",)
    needs_labels: ClassVar[bool] = False

    def __post_init__(self) -> None:
        above_zero(self, "temperature")
        if not 0 <= self.teacher_share <= 1:
            raise refusal(self, "teacher_share", "it must be between 0 and 1")
        if self.teacher_share in (0, 1) and not self.normalised:
            raise refusal(
                self, "teacher_share", "there the loss is 0 everywhere; set normalised to true"
            )

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C] of both sides, labels [B] (not read) -> [B], in nats times T**2."""
        return self.temperature**2 * jensen_shannon(
            shown["logits"],
            said["logits"],
            teacher_share=self.teacher_share,
            normalised=self.normalised,
            temperature=self.temperature,
        )


@dataclass(frozen=True)
class SkewedKl(Composable):
    """T**2 * KL(teacher || mixture), `skew` of the mixture being the teacher (DistiLLM's SKL)."""

    skew: float = 0.1
    temperature: float = 1.0

    reads: ClassVar[tuple[str, ...]] = ("logits",)
    needs_labels: ClassVar[bool] = False

    def __post_init__(self) -> None:
        above_zero(self, "temperature")
        _refuse_skew(self, self.skew)

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C] of both sides, labels [B] (not read) -> [B], in nats times T**2."""
        return self.temperature**2 * skewed_kl(
            shown["logits"], said["logits"], skew=self.skew, temperature=self.temperature
        )


@dataclass(frozen=True)
class SkewedReverseKl(Composable):
    """T**2 * KL(student || mixture), `skew` of the mixture being the student (DistiLLM's SRKL)."""

    skew: float = 0.1
    temperature: float = 1.0

    reads: ClassVar[tuple[str, ...]] = ("logits",)
    needs_labels: ClassVar[bool] = False

    def __post_init__(self) -> None:
        above_zero(self, "temperature")
        _refuse_skew(self, self.skew)

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C] of both sides, labels [B] (not read) -> [B], in nats times T**2."""
        return self.temperature**2 * skewed_reverse_kl(
            shown["logits"], said["logits"], skew=self.skew, temperature=self.temperature
        )


@dataclass(frozen=True)
class AlphaBeta(Composable):
    """T**2 times the alpha-beta divergence of ABKD, which holds forward and reverse KL as ends.

    A larger alpha attends to where the teacher is sure, a larger beta to where the student is. The
    defaults are those of the authors' CIFAR-100 example (ResNet-56 to 20); its weight of 32 without
    T**2, at T = 4, is a weight of 2 here. For language models they take 0.2 and 0.7 at T = 1.
    """

    alpha: float = 0.8
    beta: float = 0.3
    temperature: float = 4.0

    reads: ClassVar[tuple[str, ...]] = ("logits",)
    needs_labels: ClassVar[bool] = False

    def __post_init__(self) -> None:
        above_zero(self, "temperature")
        not_negative(self, "alpha", "beta")

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C] of both sides, labels [B] (not read) -> [B], times T**2."""
        return self.temperature**2 * alpha_beta_divergence(
            shown["logits"],
            said["logits"],
            alpha=self.alpha,
            beta=self.beta,
            temperature=self.temperature,
        )


@dataclass(frozen=True)
class TotalVariation(Composable):
    """Half the sum of the absolute differences of the probabilities, at temperature 1.

    It is as steep near the teacher as far from it, and flat where the student is sure, even where
    that is wrong: put another term beside it.
    """

    reads: ClassVar[tuple[str, ...]] = ("logits",)
    needs_labels: ClassVar[bool] = False

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C] of both sides, labels [B] (not read) -> [B], between 0 and 1."""
        return total_variation(shown["logits"], said["logits"])


def _refuse_skew(term: SkewedKl | SkewedReverseKl, skew: float) -> None:
    if not 0 <= skew < 1:
        raise refusal(term, "skew", "it must be 0 or more and below 1")
