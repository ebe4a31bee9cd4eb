"""Learning how a teacher relates the rows of a batch to each other, whatever the two widths.

Every formula gives one number a row, whose mean is the authors' loss of the batch; all are over
pairs of rows, so that they depend on micro-batches. A batch of one row has no relations.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from understudy.objectives.places import at_size, flat, unit

FAINT = 1e-7
"""What the authors of PKT add to a probability before its logarithm."""


def similarity_preserving(student: Tensor, teacher: Tensor) -> Tensor:
    """The squared difference of two similarity matrices, whose rows have length 1, over B.

    Shapes: student [B, ...], teacher [B, ...] -> [B].
    Zero:   when each row is similar to the others in the same proportions.
    Source: Tung, Mori 2019, arXiv:1907.09682, as in HobbitLong/RepDistiller
            `Similarity.py`, with a weight of 3000.
    """
    shown, said = (unit(flat(each) @ flat(each).T) for each in (student, teacher))
    return (shown - said).square().mean(dim=1)


def distance_relations(student: Tensor, teacher: Tensor) -> Tensor:
    """Huber's loss of the distances between rows, each over the mean distance of its side.

    Shapes: student [B, ...], teacher [B, ...] -> [B].
    Zero:   when all distances are in the same proportions.
    Source: Park et al. 2019 (RKD), arXiv:1904.05068, as in lenscloth/RKD
            `metric/loss.py`: mean over all B**2 pairs, with a weight of 1 (for classification 25).
    """
    shown, said = (_distances(flat(each)) for each in (student, teacher))
    return functional.smooth_l1_loss(shown, said, reduction="none").mean(dim=1)


def _distances(vectors: Tensor) -> Tensor:
    # By differences: what (x - y)**2 loses as x**2 - 2xy + y**2 is all there is between near rows.
    found = torch.cdist(vectors, vectors, compute_mode="donot_use_mm_for_euclid_dist")
    return found / (found.sum() / (found > 0).sum().clamp(min=1)).clamp(min=FAINT)


def angle_relations(student: Tensor, teacher: Tensor) -> Tensor:
    """Huber's loss of the cosines of the angles that two rows make at a third, mean over pairs.

    Takes B**3 + B**2 D numbers of memory: for batches of some 64 rows.
    Shapes: student [B, ...], teacher [B, ...] -> [B], one number for each vertex.
    Zero:   when all angles are the same.
    Source: Park et al. 2019 (RKD), arXiv:1904.05068, as in lenscloth/RKD
            `metric/loss.py`, with a weight of 2 (for classification 50).
    """
    shown, said = (_angles(flat(each)) for each in (student, teacher))
    return functional.smooth_l1_loss(shown, said, reduction="none").mean(dim=(1, 2))


def _angles(vectors: Tensor) -> Tensor:
    edges = unit(vectors.unsqueeze(0) - vectors.unsqueeze(1))
    return edges @ edges.transpose(1, 2)


def probabilistic_transfer(student: Tensor, teacher: Tensor) -> Tensor:
    """KL between the chances of picking each row as a neighbour, by similarity, over B.

    The similarity is (1 + cosine) / 2, and the chances of a row add up to 1.
    Shapes: student [B, ...], teacher [B, ...] -> [B].
    Zero:   when the chances are the same.
    Source: Passalis, Tefas 2018 (PKT), arXiv:1803.10837, with the cosine kernel, as in
            passalis/probabilistic_kt: a mean over all B**2 pairs, whence a weight of 30000.
    """
    shown, said = (_chances(flat(each)) for each in (student, teacher))
    return (said * ((said + FAINT) / (shown + FAINT)).log()).mean(dim=1)


def _chances(vectors: Tensor) -> Tensor:
    directions = unit(vectors)
    likeness = (directions @ directions.T + 1) / 2
    return likeness / likeness.sum(dim=1, keepdim=True).clamp(min=FAINT)


def correlation_congruence(
    student: Tensor, teacher: Tensor, *, gamma: float = 0.4, order: int = 2
) -> Tensor:
    """The mean squared difference of two kernel matrices, over the rows of a batch.

    The kernel is the Taylor series of exp(-gamma * |x - y|**2) for directions, to an order.
    Shapes: student [B, ...], teacher [B, ...] -> [B].
    Zero:   when all pairs of rows have the same cosine.
    Source: Peng et al. 2019 (CC), arXiv:1904.01802, with their gamma and order and a
            mean over the B**2 pairs; the weight is 0.02 there.
    """

    def kernel(vectors: Tensor) -> Tensor:
        directions = unit(vectors)
        cosines = directions @ directions.T
        series = [
            (2 * gamma) ** power / math.factorial(power) * cosines**power
            for power in range(order + 1)
        ]
        return math.exp(-2 * gamma) * torch.stack(series).sum(dim=0)

    return (kernel(flat(student)) - kernel(flat(teacher))).square().mean(dim=1)


def linear_cka(student: Tensor, teacher: Tensor) -> Tensor:
    """1 - linear centred kernel alignment of the batch, which all rows share; between 0 and 1.

    Computed as half the squared distance of the two centred kernels at length 1, which is exactly 0
    for equal features. With fewer rows than features it is flattering: rather for large batches.
    Shapes: student [B, ...], teacher [B, ...] -> [B].
    Zero:   when one side is the other turned, shifted and stretched.
    Source: Kornblith et al. 2019, arXiv:1905.00414, section 3, there a measure of likeness.
    """

    def kernel(vectors: Tensor) -> Tensor:
        centred = vectors - vectors.mean(dim=0)
        return unit((centred @ centred.T).flatten())

    shared = 0.5 * (kernel(flat(student)) - kernel(flat(teacher))).square().sum()
    return shared.expand(len(student))


def contrast_in_batch(student: Tensor, teacher: Tensor, *, temperature: float = 0.07) -> Tensor:
    """InfoNCE: the row's own teacher features are to be found among those of the whole batch.

    Cosines of features averaged over the places, over a temperature, are the logits of a choice.
    Shapes: student [B, D], [B, T, D] or [B, C, H, W], teacher the same -> [B], in nats.
    Zero:   in the limit of a student whose rows are nearer to their own than to all others, and for
            a batch of one row; not at the teacher, whose rows are alike.
    Source: van den Oord et al. 2018, arXiv:1807.03748, equation 4. It stands in for CRD (Tian et
            al. 2020, arXiv:1910.10699), whose temperature it takes: the other rows of the batch
            instead of a memory of 16,384, and the teacher's features without a learnt embedding,
            so that the target does not move. Their weight is 0.8.
    """
    shown, said = (unit(at_size(each, ())) for each in (student, teacher))
    own = torch.arange(len(shown), device=shown.device)
    return functional.cross_entropy(shown @ said.T / temperature, own, reduction="none")
