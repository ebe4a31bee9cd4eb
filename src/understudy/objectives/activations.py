"""Learning a teacher's hidden features, row by row.

Student and teacher come at the same number of places (see `places.py`); where a formula compares
feature with feature they come at the same width too.
"""

from __future__ import annotations

import torch
from torch import Tensor

from understudy.objectives.places import places, unit
from understudy.objectives.probabilities import widened

FIRST_VARIANCE = 5.0
"""What VID's variances begin at."""


def hint_error(student: Tensor, teacher: Tensor) -> Tensor:
    """The mean squared difference over all features of a row.

    Shapes: student [B, ...], teacher the same -> [B].
    Zero:   when, and only when, all features are equal.
    Source: Romero et al. 2015 (FitNets), arXiv:1412.6550, equation 3, as the mean that
            HobbitLong/RepDistiller `FitNet.py` takes with a weight of 100; their regressor is our
            adapter. Over several layers: Jiao et al. 2020 (TinyBERT), arXiv:1909.10351.
    """
    return (widened(student) - widened(teacher)).square().flatten(1).mean(dim=1)


def attention_transfer(student: Tensor, teacher: Tensor) -> Tensor:
    """The mean squared difference of two attention maps: where the features are strong.

    A map is the mean over the channels of the squares, as one vector of length 1.
    Shapes: student [B, C, H, W], teacher [B, C', H, W]; or [B, T, D], [B, T, D'] -> [B].
    Zero:   when, and only when, one map is the other stretched.
    Source: Zagoruyko, Komodakis 2017, arXiv:1612.03928, equation 2, as in their `utils.py`: mean
            over places, without the paper's halving, for a weight of 1000 summed over the layers.
    """
    shown, said = (unit(places(each).square().mean(dim=-1)) for each in (student, teacher))
    return (shown - said).square().mean(dim=-1)


def neuron_selectivity(student: Tensor, teacher: Tensor) -> Tensor:
    """The squared distance of two sets of channels, each taken as a pattern over the places.

    It is the squared maximum mean discrepancy under the kernel (x . y)**2 of patterns of length 1.
    Shapes: student [B, C, H, W], teacher [B, C', H, W]; or [B, T, D], [B, T, D'] -> [B].
    Zero:   when both sets of patterns have the same second moments; then their order is free.
    Source: Huang, Wang 2017 (NST), arXiv:1707.01219, with the polynomial kernel, d = 2
            and c = 0, as in HobbitLong/RepDistiller `NST.py`, with a weight of 50.
    """
    shown, said = (unit(places(each).transpose(1, 2)) for each in (student, teacher))

    def kernel(first: Tensor, second: Tensor) -> Tensor:
        return (first @ second.transpose(1, 2)).square().mean(dim=(1, 2))

    return kernel(said, said) + kernel(shown, shown) - 2 * kernel(shown, said)


def cosine_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """1 - cosine of the features at each place, mean over the places; between 0 and 2.

    Computed as half the squared distance of the two directions, which is exactly 0 for equal ones;
    features that are all 0 are at 1/2 from any others.
    Shapes: student [B, D], [B, T, D] or [B, C, H, W], teacher the same -> [B].
    Zero:   when, and only when, the features of each place are the other's stretched.
    Source: Sanh et al. 2019 (DistilBERT), arXiv:1910.01108, section 2, at a weight of 1.
    """
    difference = unit(places(student)) - unit(places(teacher))
    return 0.5 * difference.square().sum(dim=-1).mean(dim=-1)


def variational_information(
    student: Tensor, teacher: Tensor, variance: Tensor | None = None
) -> Tensor:
    """Minus the log-likelihood of the teacher's features, without its constant, mean over them.

    The student gives their means; one variance a feature is learnt, and is 5 until then.
    Shapes: student [B, D], [B, T, D] or [B, C, H, W], teacher the same, variance [B, D] or [B, C]
            -> [B].
    Zero:   never; its least value for given errors is where the variance is their mean square, and
            for a given variance where student and teacher are equal.
    Source: Ahn et al. 2019 (VID), arXiv:1904.05835, as in HobbitLong/RepDistiller
            `VID.py`, with a weight of 1.
    """
    squares = (places(student) - places(teacher)).square()
    first = torch.full_like(squares[:, 0], FIRST_VARIANCE)
    spread = widened(first if variance is None else variance).unsqueeze(1)
    return 0.5 * (squares / spread + spread.log()).mean(dim=(1, 2))
