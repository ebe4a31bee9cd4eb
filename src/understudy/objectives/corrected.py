"""What to do where the teacher contradicts a label that is trusted, and where it is not sure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor

from understudy.errors import RequestError
from understudy.objectives.knobs import not_negative, refusal
from understudy.objectives.labels import UNLABELLED, SoftLabels, cross_entropy
from understudy.objectives.probabilities import LEAST, log_probabilities
from understudy.objectives.term import Answers, Composable, Term, is_joint

WhenWrong = Literal["keep", "blend", "skip", "trust the label"]


def blended(teacher: Tensor, labels: Tensor, *, label_share: float = 0.5) -> Tensor:
    """Logits of (1 - share) times the teacher's probabilities plus share of the label.

    With a share of half or more the label becomes the likeliest class.
    Shapes: teacher [B, C] of logits, labels [B] without -1 -> [B, C] of log-probabilities.
    Limits: the teacher's own at a share of 0, the label alone at 1.
    Source: the label's part is that of Hinton, Vinyals, Dean 2015, arXiv:1503.02531, section 2,
            mixed into the target rather than into the loss; at temperature 1 the same gradient.
    """
    said = log_probabilities(teacher)
    is_label = torch.arange(said.shape[-1], device=said.device) == labels.unsqueeze(-1)
    extra = torch.full_like(said, LEAST).masked_fill(is_label, math.log(label_share))
    return torch.logaddexp(said + math.log1p(-label_share), extra)


def confidence_weight(teacher: Tensor, labels: Tensor, *, power: float) -> Tensor:
    """A power of the teacher's probability of the label, or of its likeliest class without one.

    Shapes: teacher [B, C] of logits, labels [B] with -1 for none -> [B], between 0 and 1.
    Limits: 1 for every row at a power of 0; above it, rows on which the teacher is unsure, or sure
            of another class than the label, count less.
    Source: the modulating factor of Lin et al. 2017, arXiv:1708.02002, section 3.2, turned round.
    """
    said = log_probabilities(teacher)
    of_label = said.gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    return (power * torch.where(labels == UNLABELLED, said.amax(dim=-1), of_label)).exp()


@dataclass(frozen=True)
class Corrected(Composable):
    """Another term, put right on the rows whose label the teacher contradicts.

    `when_wrong` says what such a row learns: "keep" the teacher's answer; "blend" the label into
    it, `label_share` of the target; "skip" the row, which then pulls nowhere but still counts in
    the mean; or "trust the label", cross-entropy with it instead of the term. Rows that the teacher
    has right, and rows without a label, learn the term as it is. Use it only where labels are more
    trustworthy than the teacher. `confidence` is a power of the teacher's probability by which
    every row is weighed; 0 weighs all alike.
    """

    term: Term = field(default_factory=SoftLabels)
    when_wrong: WhenWrong = "blend"
    label_share: float = 0.5
    confidence: float = 0.0

    reads: ClassVar[tuple[str, ...]] = ("logits",)
    needs_labels: ClassVar[bool] = False
    zero_at_teacher: ClassVar[bool] = False

    def __post_init__(self) -> None:
        inner = type(self.term).__name__
        if self.term.reads != ("logits",) or self.term.needs_labels or is_joint(self.term):
            raise RequestError(
                f"corrected: term is {inner}; it must read the teacher's logits alone, row by row "
                "and without labels, as soft_labels does"
            )
        if getattr(self.term, "temperature", None) == "auto":
            raise RequestError(
                f"corrected: term has a temperature of 'auto'; give {inner} a number here"
            )
        if self.when_wrong not in ("keep", "blend", "skip", "trust the label"):
            raise refusal(self, "when_wrong", "it must be keep, blend, skip or 'trust the label'")
        if not 0 < self.label_share < 1:
            raise refusal(self, "label_share", "it must be above 0 and below 1")
        not_negative(self, "confidence")

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C] of both sides, labels [B] with -1 for none -> [B], as the term."""
        teacher = said["logits"]
        wrong = (labels != UNLABELLED) & (teacher.argmax(dim=-1) != labels)
        known = labels.clamp(min=0)
        if self.when_wrong == "blend":
            mended = blended(teacher, known, label_share=self.label_share)
            said = {"logits": torch.where(wrong.unsqueeze(-1), mended, teacher.to(mended.dtype))}
        values = self.term.per_row(shown, said, labels)
        if self.when_wrong == "skip":
            values = values.masked_fill(wrong, 0.0)
        if self.when_wrong == "trust the label":
            values = torch.where(wrong, cross_entropy(shown["logits"], known), values)
        return values * confidence_weight(teacher, labels, power=self.confidence)
