"""Learning how a teacher scores the candidates of a query: their scores, margins, order.

Scores are [B, K]: K candidates for each of B queries. A candidate is missing where the teacher's
score is minus infinity or NaN, as at the end of a list shorter than K: whatever the student shows
there counts nothing and gets no gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from understudy.errors import RequestError
from understudy.objectives.knobs import above_zero, recipe_name, refusal
from understudy.objectives.probabilities import (
    LEAST,
    log_probabilities,
    relative_entropy,
    widened,
)
from understudy.objectives.targets import FLATTEST
from understudy.objectives.term import Answers, Composable

Standardised = Literal["neither", "teacher", "both"]


def score_squared_error(student: Tensor, teacher: Tensor) -> Tensor:
    """The mean squared difference of the scores, over the candidates that are there.

    Shapes: student [B], [B, 1] or [B, K], teacher the same -> [B].
    Zero:   when, and only when, all scores are equal.
    Source: Ba, Caruana 2014, arXiv:1312.6184, section 2: regression on logits.
    """
    rows = len(student)
    shown, said, kept = _lists(student.reshape(rows, -1), teacher.reshape(rows, -1))
    return _mean((shown - said).square(), kept)


def margin_squared_error(student: Tensor, teacher: Tensor) -> Tensor:
    """The mean squared difference of the margins by which the first candidate beats each other.

    Shapes: student [B, K], teacher [B, K] -> [B]; 0 where the first candidate is missing.
    Zero:   when, and only when, the scores of both sides differ by a constant.
    Source: Hofstätter et al. 2020 (MarginMSE), arXiv:2010.02666, as a mean over the negatives
            where there are several, as in `MarginMSELoss` of sentence-transformers.
    """
    shown, said, kept = _lists(student, teacher)
    apart = shown - said
    return _mean((apart[:, :1] - apart[:, 1:]).square(), kept[:, :1] & kept[:, 1:])


def listwise_kl(
    student: Tensor,
    teacher: Tensor,
    *,
    student_temperature: float = 1.0,
    teacher_temperature: float = 1.0,
    standardised: Standardised = "neither",
) -> Tensor:
    """KL(teacher || student) between softmaxes over the candidates of a query, in nats.

    Standardised scores have mean 0 and standard deviation 1 over the candidates of a query; of two
    candidates or fewer, which would all be the same pair, just the mean is taken.
    Shapes: student [B, K], teacher [B, K] -> [B].
    Zero:   when, and only when, both give the same probabilities.
    Source: Cao et al. 2007 (ListNet), doi:10.1145/1273496.1273513, section 4, less the teacher's
            entropy; a temperature for each side as `DistillKLDivLoss` of sentence-transformers has.
    """
    shown, said, kept = _lists(student, teacher)
    if standardised != "neither":
        said = _standardised(said, kept)
    if standardised == "both":
        shown = _standardised(shown, kept)
    ruled_out = ~kept & kept.any(dim=-1, keepdim=True)
    shown, said = (each.masked_fill(ruled_out, -torch.inf) for each in (shown, said))
    return relative_entropy(
        log_probabilities(said, temperature=teacher_temperature),
        log_probabilities(shown, temperature=student_temperature),
    )


def rank_net(student: Tensor, teacher: Tensor, *, top_heavy: bool = False) -> Tensor:
    """The logistic loss of each pair that the teacher orders, mean over the pairs.

    Candidates to which the teacher gives one score are no pair. Top-heavy, the pair of the i-th and
    the j-th candidate counts 1 / (i + j), and the weights of a query add up to 1.
    Shapes: student [B, K], teacher [B, K] -> [B], in nats; takes B K**2 numbers of memory.
    Zero:   never; it tends to 0 for a student that is ever surer of every pair, and it is 0 for a
            query without a pair.
    Source: Burges et al. 2005 (RankNet), doi:10.1145/1102351.1102363, section 3, for certain
            orders; weights: Reddy et al. 2024 (FIRST), arXiv:2406.15657, as in their `loss.py`.
    """
    shown, said, kept = _lists(student, teacher)
    both = kept.unsqueeze(-1) & kept.unsqueeze(-2)
    above = (said.unsqueeze(-1) > said.unsqueeze(-2)) & both
    weights = above.to(shown.dtype)
    if top_heavy:
        ranks = 1 + weights.sum(dim=-2)
        weights = weights / (ranks.unsqueeze(-1) + ranks.unsqueeze(-2))
    losses = functional.softplus(shown.unsqueeze(-2) - shown.unsqueeze(-1))
    whole = weights.sum(dim=(-2, -1))
    return (weights * losses).sum(dim=(-2, -1)) / whole.where(whole > 0, 1.0)


def list_mle(student: Tensor, teacher: Tensor) -> Tensor:
    """Minus the log-likelihood of the teacher's order, picked candidate by candidate, in nats.

    Candidates of one score are taken in the order in which they stand.
    Shapes: student [B, K], teacher [B, K] -> [B].
    Zero:   never; it tends to 0 for a student that is ever surer of every pick. Convex.
    Source: Xia et al. 2008 (ListMLE), doi:10.1145/1390156.1390306, under the model of
            Plackett and Luce; `plackett_luce` is the same for classes, weighted and label first.
    """
    shown, said, kept = _lists(student, teacher)
    order = said.masked_fill(~kept, -torch.inf).argsort(dim=-1, descending=True, stable=True)
    picked = shown.masked_fill(~kept, LEAST).gather(-1, order)
    left = picked.flip(-1).logcumsumexp(dim=-1).flip(-1)
    return ((left - picked) * kept.gather(-1, order)).sum(dim=-1)


def _lists(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Both tables, with 0 for a missing candidate, and which are there."""
    kept = teacher > -torch.inf  # NaN is not above anything
    shown, said = (widened(each).masked_fill(~kept, 0.0) for each in (student, teacher))
    return shown, said, kept


def _mean(values: Tensor, kept: Tensor) -> Tensor:
    """The mean along the last axis of what is kept; 0 of nothing."""
    return (values * kept).sum(dim=-1) / kept.sum(dim=-1).clamp(min=1)


def _standardised(scores: Tensor, kept: Tensor) -> Tensor:
    count = kept.sum(dim=-1, keepdim=True)
    mean = scores.sum(dim=-1, keepdim=True) / count.clamp(min=1)
    centred = (scores - mean).masked_fill(~kept, 0.0)
    variance = centred.square().sum(dim=-1, keepdim=True) / count.clamp(min=1)
    return centred / variance.clamp(min=FLATTEST**2).sqrt().where(count > 2, 1.0)


@dataclass(frozen=True)
class ScoreSquaredError(Composable):
    """Mean squared error of the scores themselves, pair by pair: for teachers' logits as they are.

    The student learns the teacher's scale, so that scores can be compared between queries and with
    a threshold. For pairs of a query and one document, and for lists.
    """

    reads: ClassVar[tuple[str, ...]] = ("scores",)
    needs_labels: ClassVar[bool] = False

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: scores [B], [B, 1] or [B, K] of both sides, labels [B] (not read) -> [B]."""
        return score_squared_error(*_of_both(self, shown, said, least=1))


@dataclass(frozen=True)
class MarginMse(Composable):
    """Mean squared error of the margins of the first candidate, the positive, over each negative.

    Both sides on their own scale, though the margins must be reachable: a student that shows
    cosines needs a factor on them, for a cross-encoder's margins go beyond 10.
    """

    reads: ClassVar[tuple[str, ...]] = ("scores",)
    needs_labels: ClassVar[bool] = False

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: scores [B, K] of both sides, the positive first, labels [B] (not read) -> [B]."""
        return margin_squared_error(*_of_both(self, shown, said, least=2))


@dataclass(frozen=True)
class ListwiseKl(Composable):
    """KL between the softmaxes over a query's candidates, times the student's temperature squared.

    A cross-encoder's raw scores make nearly one choice of a list: raise `teacher_temperature`, or
    have its scores `standardised` over each query. A student that shows cosines needs a small
    `student_temperature`, such as 0.05. With "both" only the spacing within a query is learnt, and
    scores of two queries cannot be compared. A student equal to its teacher has no loss where both
    sides are treated alike.
    """

    student_temperature: float = 1.0
    teacher_temperature: float = 1.0
    standardised: Standardised = "neither"

    reads: ClassVar[tuple[str, ...]] = ("scores",)
    needs_labels: ClassVar[bool] = False

    def __post_init__(self) -> None:
        above_zero(self, "student_temperature", "teacher_temperature")
        if self.standardised not in ("neither", "teacher", "both"):
            raise refusal(self, "standardised", "it must be neither, teacher or both")

    @property
    def zero_at_teacher(self) -> bool:  # type: ignore[override]
        """Whether both sides are treated alike."""
        alike = self.student_temperature == self.teacher_temperature
        return alike and self.standardised != "teacher"

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: scores [B, K] of both sides, labels [B] (not read) -> [B], in nats times T**2."""
        return self.student_temperature**2 * listwise_kl(
            *_of_both(self, shown, said, least=2),
            student_temperature=self.student_temperature,
            teacher_temperature=self.teacher_temperature,
            standardised=self.standardised,
        )


@dataclass(frozen=True)
class RankNet(Composable):
    """A logistic loss on every pair of candidates, by the teacher's order alone.

    It needs no scale of either side. `top_heavy` has pairs near the top of the teacher's list count
    more, as measures such as nDCG@10 do.
    """

    top_heavy: bool = False

    reads: ClassVar[tuple[str, ...]] = ("scores",)
    needs_labels: ClassVar[bool] = False
    zero_at_teacher: ClassVar[bool] = False

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: scores [B, K] of both sides, labels [B] (not read) -> [B], in nats."""
        return rank_net(*_of_both(self, shown, said, least=2), top_heavy=self.top_heavy)


@dataclass(frozen=True)
class ListMle(Composable):
    """The likelihood of the teacher's whole order, pick by pick; it needs no scale of either side.

    It is a sum over the picks, so that long lists cost more.
    """

    reads: ClassVar[tuple[str, ...]] = ("scores",)
    needs_labels: ClassVar[bool] = False
    zero_at_teacher: ClassVar[bool] = False

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: scores [B, K] of both sides, labels [B] (not read) -> [B], in nats."""
        return list_mle(*_of_both(self, shown, said, least=2))


def _of_both(term: Any, shown: Answers, said: Answers, *, least: int) -> tuple[Tensor, Tensor]:
    """The scores of student and teacher. Raises: RequestError for lists that do not fit."""
    student, teacher = shown["scores"], said["scores"]
    mine, theirs = (each.numel() // max(1, len(each)) for each in (student, teacher))
    name = recipe_name(type(term))
    if mine != theirs:
        raise RequestError(
            f"{name}: the student scores {mine} candidates a query and the teacher {theirs}; "
            "both must score the same"
        )
    if theirs < least:
        raise RequestError(
            f"{name}: it compares the candidates of a query, and there is one; give lists of two "
            "or more, or take score_squared_error, which learns from single pairs"
        )
    return student, teacher
