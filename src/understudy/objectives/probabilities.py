"""From logits to probabilities, safely: what every formula of soft labels begins with.

All of it in float32 at least: half-precision logits are widened, float64 is kept.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEAST = -1e4
"""The log-probability that stands for none. Its exponential is exactly 0, and 0 times it is 0,
where 0 times minus infinity, and infinity less infinity, would be NaN."""


def widened(values: Tensor) -> Tensor:
    """The same numbers in float32, or in float64 where they came so.

    Shapes: [...] -> [...].
    Zero:   nothing is lost.
    Source: half-precision sums over a vocabulary are off in the second digit.
    """
    return values if values.dtype == torch.float64 else values.float()


def log_probabilities(logits: Tensor, *, temperature: float = 1.0) -> Tensor:
    """The logarithm of softmax(logits / temperature); a logit of minus infinity rules a class out.

    Shapes: [..., C] -> [..., C].
    Zero:   for a class that has all the probability; LEAST for a class that has none.
    Source: Hinton, Vinyals, Dean 2015, arXiv:1503.02531, equation 1.
    """
    return torch.log_softmax(widened(logits) / temperature, dim=-1).clamp(min=LEAST)


def relative_entropy(of: Tensor, given: Tensor) -> Tensor:
    """KL(of || given) between two tables of log-probabilities, in nats, one number a row.

    Shapes: of [..., C], given [..., C] -> [...].
    Zero:   when, and only when, both rows are the same.
    Source: Kullback, Leibler 1951, On Information and Sufficiency.
    """
    return (of.exp() * (of - given)).sum(dim=-1)
