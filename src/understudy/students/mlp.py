"""Fully connected students: `mlp-16`, `mlp-800-800`, any widths."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Tensor, nn


class Mlp(nn.Module):
    """Flattened pixels, then hidden layers with ReLU.

    Shapes: [B, C, H, W] -> [B, classes].
    """

    def __init__(
        self, shape: tuple[int, int, int], classes: int, widths: Sequence[int], dropout: float = 0.0
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        width_in = prod(shape)
        for width in widths:
            layers += [nn.Linear(width_in, width), nn.ReLU(inplace=True)]
            if dropout:
                layers.append(nn.Dropout(dropout))
            width_in = width
        layers.append(nn.Linear(width_in, classes))
        self.layers = nn.Sequential(*layers)

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.layers(pixels)
        return logits
