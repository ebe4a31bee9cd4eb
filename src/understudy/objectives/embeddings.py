"""Learning a teacher's embeddings: where each row lies, and how the rows of a batch lie together.

A term that compares dimension with dimension needs both sides at one width: the projection to the
teacher's width belongs inside the student, which then ships with it and can search what the teacher
embedded. Terms over likenesses alone, `relational` ones, take any two widths.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from understudy.errors import RequestError
from understudy.objectives.activations import cosine_distance
from understudy.objectives.knobs import above_zero, recipe_name, refusal
from understudy.objectives.places import unit
from understudy.objectives.probabilities import log_probabilities, relative_entropy, widened
from understudy.objectives.relations import contrast_in_batch
from understudy.objectives.term import Answers, Composable, Term, is_joint, rests_at_teacher


def squared_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """The squared distance of two embeddings, summed over their dimensions.

    Shapes: student [B, D], teacher [B, D] -> [B].
    Zero:   when, and only when, both are equal, in length too.
    Limits: twice the cosine distance where both have length 1, whatever the width.
    Source: Reimers, Gurevych 2020, arXiv:2004.09813, section 2; `MSELoss` of sentence-transformers
            takes the mean over the dimensions, which is 1/D of this, too faint beside other terms.
    """
    return (widened(student) - widened(teacher)).square().sum(dim=-1)


def similarity_kl(student: Tensor, teacher: Tensor, *, temperature: float = 0.05) -> Tensor:
    """KL(teacher || student) between the chances of picking each other row of the batch, in nats.

    A row picks among the others by softmax of its cosines over the temperature, each side among its
    own embeddings; the row itself, which is always nearest, is left out.
    Shapes: student [B, D], teacher [B, D'] -> [B]; 0 for one row or two, which have no choice.
    Zero:   when, and only when, every row has the same likenesses to the others, up to a constant.
    Source: Koohpayegani et al. 2020 (CompRess), arXiv:2010.14713, with the rows of the batch for
            their memory bank, and without the row itself.
    """
    said, shown = (
        log_probabilities(_off_diagonal(each @ each.T), temperature=temperature)
        for each in (unit(widened(teacher)), unit(widened(student)))
    )
    return relative_entropy(said, shown)


def _off_diagonal(square: Tensor) -> Tensor:
    """[B, B] -> [B, B - 1]."""
    rows = len(square)
    others = ~torch.eye(rows, dtype=torch.bool, device=square.device)
    return square[others].reshape(rows, max(rows - 1, 0))


def soft_contrast(student: Tensor, teacher: Tensor, *, temperature: float = 0.05) -> Tensor:
    """InfoNCE whose targets are the teacher's own likenesses, less their entropy: a KL, in nats.

    The student's embedding picks among the teacher's of the whole batch, its own row among them, as
    the teacher's embedding does: rows that the teacher finds alike are no negatives.
    Shapes: student [B, D], teacher [B, D] -> [B]; 0 for one row.
    Zero:   when the student is as near to each of the teacher's embeddings as the teacher is.
    Source: Fang et al. 2021 (SEED), arXiv:2101.04731, section 3, with the rows of the batch for
            their queue, one temperature for both sides, and less the teacher's entropy.
    """
    shown, said = unit(widened(student)), unit(widened(teacher))
    return relative_entropy(
        log_probabilities(said @ said.T, temperature=temperature),
        log_probabilities(shown @ said.T, temperature=temperature),
    )


@dataclass(frozen=True)
class EmbeddingCosine(Composable):
    """1 - cosine with the teacher's embedding; lengths are free.

    The default for embeddings: the student lands in the teacher's own space, so that an index of
    the teacher's can be searched with it.
    """

    reads: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_labels: ClassVar[bool] = False
    relational: ClassVar[bool] = False

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: embedding [B, D] of both sides, labels [B] (not read) -> [B], from 0 to 2."""
        return cosine_distance(*_of_both(self, shown, said))


@dataclass(frozen=True)
class EmbeddingSquaredError(Composable):
    """The squared distance from the teacher's embedding, summed over the dimensions.

    For embeddings of length 1 it is twice `embedding_cosine`; it asks for the length too. The field
    takes the mean over the dimensions: divide the weight by the width for that.
    """

    reads: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_labels: ClassVar[bool] = False
    relational: ClassVar[bool] = False

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: embedding [B, D] of both sides, labels [B] (not read) -> [B]."""
        return squared_distance(*_of_both(self, shown, said))


@dataclass(frozen=True)
class SimilarityKl(Composable):
    """T**2 times KL of which other rows of the batch a row is like; the two widths may differ.

    The authors have no T**2: their weight of 1 is one of 1 / T**2 here, 400 at the default.
    """

    temperature: float = 0.05

    reads: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_labels: ClassVar[bool] = False
    joint: ClassVar[bool] = True
    relational: ClassVar[bool] = True

    def __post_init__(self) -> None:
        above_zero(self, "temperature")

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: embedding [B, D] shown and [B, D'] said, labels [B] (not read) -> [B]."""
        pair = _of_both(self, shown, said)
        return self.temperature**2 * similarity_kl(*pair, temperature=self.temperature)


@dataclass(frozen=True)
class ContrastiveEmbedding(Composable):
    """InfoNCE: the row's own embedding by the teacher is to be found among those of the batch.

    All other rows are negatives, even those that say the same; `soft_contrastive_embedding` has the
    teacher say how much they are.
    """

    temperature: float = 0.05

    reads: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_labels: ClassVar[bool] = False
    joint: ClassVar[bool] = True
    zero_at_teacher: ClassVar[bool] = False
    relational: ClassVar[bool] = False

    def __post_init__(self) -> None:
        above_zero(self, "temperature")

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: embedding [B, D] of both sides, labels [B] (not read) -> [B], in nats."""
        return contrast_in_batch(*_of_both(self, shown, said), temperature=self.temperature)


@dataclass(frozen=True)
class SoftContrastiveEmbedding(Composable):
    """T**2 times the contrast in the batch, with the teacher's likenesses as soft targets.

    Where `similarity_kl` has the student's rows relate as the teacher's do, in any space, this has
    them relate to the teacher's embeddings themselves, in the teacher's space.
    """

    temperature: float = 0.05

    reads: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_labels: ClassVar[bool] = False
    joint: ClassVar[bool] = True
    relational: ClassVar[bool] = False

    def __post_init__(self) -> None:
        above_zero(self, "temperature")

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: embedding [B, D] of both sides, labels [B] (not read) -> [B]."""
        pair = _of_both(self, shown, said)
        return self.temperature**2 * soft_contrast(*pair, temperature=self.temperature)


@dataclass(frozen=True)
class Matryoshka(Composable):
    """Another term over the first few dimensions too, so that embeddings can be cut short.

    The sum of the term over the leading `dimensions`, each by its weight (1 unless `weights` says
    otherwise), and over the whole embedding, by 1 or by its weight where the width is listed. A
    term that compares dimension with dimension meets the teacher's leading dimensions, which are
    as good as any others unless its embeddings are turned to their principal components
    (`student.axes` of a recipe). A relational term holds the cut student against the whole teacher.
    Source: Kusupati et al. 2022 (MRL), arXiv:2205.13147, equation 1, with the teacher for the
            classes, as `MatryoshkaLoss` of sentence-transformers wraps any loss.
    """

    term: Term = field(default_factory=EmbeddingCosine)
    dimensions: tuple[int, ...] = (64, 128, 256)
    weights: tuple[float, ...] = ()

    reads: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_labels: ClassVar[bool] = False

    def __post_init__(self) -> None:
        inner, some = type(self.term).__name__, self.dimensions
        if self.term.reads != ("embedding",) or self.term.needs_labels:
            raise RequestError(
                f"matryoshka: term is {inner}; it must read embeddings alone, as embedding_cosine"
            )
        if not some or some[0] < 1 or list(some) != sorted(set(some)):
            raise refusal(
                self, "dimensions", "they must be whole numbers that rise, from 1 or more"
            )
        if len(self.weights) not in (0, len(some)) or not all(each >= 0 for each in self.weights):
            raise refusal(self, "weights", "give one of 0 or more for each of dimensions, or none")

    @property
    def relational(self) -> bool:
        """Whether the term takes any two widths."""
        return bool(getattr(self.term, "relational", False))

    @property
    def joint(self) -> bool:  # type: ignore[override]
        """Whether the term is over pairs of rows."""
        return is_joint(self.term)

    @property
    def zero_at_teacher(self) -> bool:  # type: ignore[override]
        """Whether a student equal to its teacher has no loss; cut short it is not equal to it."""
        return rests_at_teacher(self.term) and not self.relational

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """Shapes: embedding [B, D] of both sides, labels [B] (not read) -> [B], as the term.

        Raises: RequestError where the student's embeddings are narrower than `dimensions`.
        """
        student, teacher = _of_both(self, shown, said)
        width = student.shape[-1]
        if self.dimensions[-1] > width:
            raise RequestError(
                f"matryoshka: dimensions go up to {self.dimensions[-1]}, but the student's "
                f"embeddings have {width}; name {width} or fewer"
            )
        weights = self.weights or (1.0,) * len(self.dimensions)
        parts = {width: 1.0} | dict(zip(self.dimensions, weights, strict=True))
        total = torch.zeros((), device=student.device)
        for size, weight in parts.items():
            target = teacher if self.relational else teacher[:, :size]
            cut = {"embedding": student[:, :size]}
            total = total + weight * self.term.per_row(cut, {"embedding": target}, labels)
        return total


def _of_both(term: Any, shown: Answers, said: Answers) -> tuple[Tensor, Tensor]:
    """The embeddings of student and teacher. Raises: RequestError for widths that do not fit."""
    student, teacher = shown["embedding"], said["embedding"]
    mine, theirs = student.shape[-1], teacher.shape[-1]
    if mine != theirs and not term.relational:
        raise RequestError(
            f"{recipe_name(type(term))}: the student's embeddings have {mine} dimensions and the "
            f"teacher's {theirs}; end the student in a projection to {theirs}, or reduce the "
            f"teacher's embeddings to {mine} by PCA, as student.dimensions does"
        )
    return student, teacher
