"""What is learnt beside the student to compare its features with the teacher's, and then dropped.

An adapter takes the student's answers and gives more of them, by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.objectives.activations import FIRST_VARIANCE
from understudy.objectives.places import at_size, common_size, width
from understudy.objectives.term import Answers

LEAST_VARIANCE = 1e-5
TAP = "tap/"
"""How the name of an answer begins that holds hidden features."""


@dataclass(frozen=True)
class Pair:
    """A place in the student and one in the teacher, each named by its module path."""

    student: str
    teacher: str

    @property
    def shown(self) -> str:
        """The name of the student's answer."""
        return tap(self.student)

    @property
    def said(self) -> str:
        """The name of the teacher's answer."""
        return tap(self.teacher)

    def learnt(self, what: str) -> str:
        """The name of what an adapter gives for this pair."""
        return f"{what}:{self.student}>{self.teacher}"


def tap(path: str) -> str:
    """The name of the answer that holds the features at a module path."""
    return f"{TAP}{path}"


class Projection(nn.Module):
    """A linear map of the features of every place, which for maps is a 1x1 convolution.

    Shapes: [B, D] -> [B, D'], [B, T, D] -> [B, T, D'], [B, C, H, W] -> [B, C', H, W].
    Source: the regressor of FitNets (Romero et al. 2015, arXiv:1412.6550, section 2.2) and the
            matrix of TinyBERT; without the normalisation and ReLU that RepDistiller puts behind it,
            since a tap may lie before a ReLU.
    """

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width_in, width_out)

    def forward(self, features: Tensor) -> Tensor:
        if features.ndim != 4:
            projected: Tensor = self.linear(features)
            return projected
        weight = self.linear.weight[:, :, None, None]
        return functional.conv2d(features, weight, self.linear.bias)


class Projections(nn.Module):
    """One projection a pair, to the teacher's width and at most its size.

    Gives `projected:STUDENT>TEACHER` for every pair.
    """

    def __init__(self, pairs: Mapping[Pair, tuple[tuple[int, ...], tuple[int, ...]]]) -> None:
        super().__init__()
        self.pairs = tuple(pairs)
        self.sizes = tuple(common_size(*shapes) for shapes in pairs.values())
        self.projections = nn.ModuleList(
            self.projection(width(mine), width(theirs)) for mine, theirs in pairs.values()
        )

    def projection(self, width_in: int, width_out: int) -> nn.Module:
        """The map of one pair."""
        return Projection(width_in, width_out)

    def forward(self, shown: Answers) -> dict[str, Tensor]:
        return {
            pair.learnt("projected"): projection(at_size(shown[pair.shown], size))
            for pair, size, projection in zip(self.pairs, self.sizes, self.projections, strict=True)
        }


class Variational(Projections):
    """VID's regressor, three linear maps with ReLU between, and a variance for each feature.

    Gives `projected:...` and `variance:STUDENT>TEACHER` [B, D] for every pair.
    Source: HobbitLong/RepDistiller `VID.py`: middle width that of the teacher, first variance 5;
            theirs are without biases.
    """

    def __init__(self, pairs: Mapping[Pair, tuple[tuple[int, ...], tuple[int, ...]]]) -> None:
        super().__init__(pairs)
        first = math.log(math.expm1(FIRST_VARIANCE - LEAST_VARIANCE))
        self.scales = nn.ParameterList(
            torch.full((width(theirs),), first) for _, theirs in pairs.values()
        )

    def projection(self, width_in: int, width_out: int) -> nn.Module:
        """Three maps instead of one."""
        return nn.Sequential(
            Projection(width_in, width_out),
            nn.ReLU(),
            Projection(width_out, width_out),
            nn.ReLU(),
            Projection(width_out, width_out),
        )

    def forward(self, shown: Answers) -> dict[str, Tensor]:
        found = super().forward(shown)
        for pair, scale in zip(self.pairs, self.scales, strict=True):
            variance = functional.softplus(scale.float()) + LEAST_VARIANCE
            # One a row, as all answers are, so that they can be cut into parts.
            found[pair.learnt("variance")] = variance.expand(len(shown[pair.shown]), -1)
        return found
