"""Learning from a part of the teacher's answer: its likeliest classes, or draws from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from understudy.objectives.probabilities import LEAST, log_probabilities, widened
from understudy.objectives.term import Answers, Composable

SMALLEST_TAIL = 1.2e-7
"""The least mass that is left to the classes that were not kept: 2**-23, one float32 step below 1.
Half precision can round the kept ones to 1 and above."""


def sparse_kl(student: Tensor, ids: Tensor, kept: Tensor) -> Tensor:
    """KL(teacher || student) over the kept classes and one more that holds all the others.

    Shapes: student [..., C] of logits, ids [..., K] with -1 where a row keeps fewer, kept [..., K]
            of log-probabilities at temperature 1 -> [...], in nats.
    Zero:   when the student gives every kept class the teacher's probability.
    Limits: a lower bound of `forward_kl`, and equal to it once all classes are kept.
    Source: KL between two partitions, a lower bound by the log-sum inequality (Cover, Thomas 2006,
            theorem 2.7.1). Without the one more the loss can fall below 0; with the kept classes
            renormalised it is blind to what the student gives to the others.
    """
    there = ids >= 0
    shown = log_probabilities(student).gather(-1, ids.clamp(min=0)).masked_fill(~there, LEAST)
    said = widened(kept).clamp(min=LEAST).masked_fill(~there, LEAST)
    inside = (said.exp() * (said - shown)).sum(dim=-1)
    shown_rest = -shown.logsumexp(dim=-1).clamp(max=0.0).expm1()
    said_rest = (1 - said.exp().sum(dim=-1)).clamp(min=SMALLEST_TAIL)
    outside = said_rest.log() - shown_rest.clamp(min=SMALLEST_TAIL).log()
    return inside + said_rest * outside


def sampled_cross_entropy(student: Tensor, ids: Tensor, counts: Tensor) -> Tensor:
    """The mean over draws from the teacher of minus the student's log-probability, in nats.

    Over the draws, neither it nor its gradient is biased: they are those of `soft_cross_entropy`.
    Shapes: student [..., C] of logits, ids [..., K], counts [..., K], 0 for padding -> [...].
    Zero:   never; its least value is the entropy of the draws. A row without draws counts 0.
    Source: Anshumann et al. 2025 (Random Sampling KD), arXiv:2503.16870, whose importance weights
            are equal where the draws come from the teacher itself, as here.
    """
    weights = widened(counts)
    shares = weights / weights.sum(dim=-1, keepdim=True).clamp(min=1.0)
    return -(shares * log_probabilities(student).gather(-1, ids.clamp(min=0))).sum(dim=-1)


@dataclass(frozen=True)
class SparseLabels(Composable):
    """KL with the teacher's likeliest classes, all others taken together as one more.

    For vocabularies: 64 to 128 kept classes cover most of the mass. Only at temperature 1, since
    the rest of the teacher's answer, which another temperature would need, is not kept.
    """

    reads: ClassVar[tuple[str, ...]] = ("top_ids", "top_log_probabilities")
    needs_labels: ClassVar[bool] = False
    zero_at_teacher: ClassVar[bool] = False

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C] shown; top_ids and top_log_probabilities [B, K] said -> [B]."""
        return sparse_kl(shown["logits"], said["top_ids"].long(), said["top_log_probabilities"])


@dataclass(frozen=True)
class SampledLabels(Composable):
    """Cross-entropy with draws from the teacher: the fewest bytes whose gradient is not biased.

    Some 50 draws, about 12 different ids, serve a language model about as well as its whole answer.
    With fewer than 20 draws put `hard_labels` beside it.
    """

    reads: ClassVar[tuple[str, ...]] = ("sampled_ids", "sampled_counts")
    needs_labels: ClassVar[bool] = False
    zero_at_teacher: ClassVar[bool] = False

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: logits [B, C] shown; sampled_ids and sampled_counts [B, K] said -> [B]."""
        return sampled_cross_entropy(
            shown["logits"], said["sampled_ids"].long(), said["sampled_counts"]
        )
