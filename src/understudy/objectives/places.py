"""Hidden features in the three forms in which networks hold them, and ways between the forms.

A vector a row [B, D], a vector a token [B, T, D], or a map a channel [B, C, H, W]; a place is a
token or a pixel of a map, and a vector a row has one place. All in float32 at least.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from understudy.objectives.probabilities import widened

TINY = 1e-12
"""A squared length below which a vector has no direction."""


def places(features: Tensor) -> Tensor:
    """The features of every place of every row.

    Shapes: [B, D] -> [B, 1, D], [B, T, D] as it is, [B, C, H, W] -> [B, H * W, C].
    Zero:   nothing is lost.
    Source: a 1x1 convolution sees a map as a list of places.
    """
    wide = widened(features)
    if wide.ndim == 4:
        return wide.flatten(2).transpose(1, 2)
    return wide.unsqueeze(1) if wide.ndim == 2 else wide


def flat(features: Tensor) -> Tensor:
    """All features of a row as one vector.

    Shapes: [B, ...] -> [B, D].
    Zero:   nothing is lost.
    Source: what the relational losses of HobbitLong/RepDistiller do first.
    """
    return widened(features).flatten(1)


def unit(vectors: Tensor) -> Tensor:
    """The vectors at length 1; one of length 0 stays, with a finite gradient.

    Shapes: [..., D] -> [..., D].
    Limits: the vector itself where its squared length is below TINY.
    Source: `normalize` of PyTorch, whose gradient at length 0 is 1e12 times what comes in.
    """
    squares = vectors.square().sum(dim=-1, keepdim=True)
    return vectors / squares.where(squares > TINY, 1.0).sqrt()


def at_size(features: Tensor, size: tuple[int, ...]) -> Tensor:
    """Maps averaged down to height and width, no larger than they are; () averages all places.

    Shapes: [B, C, H, W] -> [B, C, h, w], or [B, C] at size (); other forms as they are, but for
            [B, T, D] -> [B, D] at size ().
    Limits: the maps themselves where they are that size.
    Source: adaptive average pooling, as in HobbitLong/RepDistiller `distiller_zoo/AT.py`.
    """
    if not size:
        return places(features).mean(dim=1)
    wide = widened(features)
    if wide.ndim != 4 or wide.shape[2:] == size:
        return wide
    return functional.adaptive_avg_pool2d(wide, (size[0], size[1]))


def common_size(mine: tuple[int, ...], theirs: tuple[int, ...]) -> tuple[int, ...]:
    """The height and width at which features of two shapes [B, ...] meet.

    The smaller of both for two maps, () for a vector beside features with places.
    """
    if len(mine) == len(theirs) == 4:
        return (min(mine[2], theirs[2]), min(mine[3], theirs[3]))
    return mine[1:-1] if len(mine) == len(theirs) else ()


def width(shape: tuple[int, ...]) -> int:
    """The features of one place, for a shape [B, ...]."""
    return shape[1] if len(shape) == 4 else shape[-1]
