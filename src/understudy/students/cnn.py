"""Small convolutional students at three sizes: `cnn-small`, `cnn-medium`, `cnn-large`."""

from __future__ import annotations

from torch import Tensor, nn

WIDTHS = {"small": 8, "medium": 16, "large": 48}
"""Channels of the first stage; the second and third have two and four times as many."""


class Cnn(nn.Module):
    """Three stages of two 3x3 convolutions with batch normalisation, halving the image between.

    The last maps are averaged over a 2x2 grid, so that a little of *where* survives.
    Shapes: [B, C, H, W] -> [B, classes], H and W at least 8.
    """

    def __init__(
        self, shape: tuple[int, int, int], classes: int, width: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        height, breadth, channels = shape
        self.stages = nn.Sequential(
            _stage(channels, width),
            nn.MaxPool2d(2),
            _stage(width, 2 * width),
            nn.MaxPool2d(2),
            _stage(2 * width, 4 * width),
        )
        self.pool = nn.AvgPool2d((max(1, height // 4 // 2), max(1, breadth // 4 // 2)))
        cells = _pooled(height) * _pooled(breadth)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Dropout(dropout), nn.Linear(4 * width * cells, classes)
        )

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.head(self.pool(self.stages(pixels)))
        return logits


def _pooled(side: int) -> int:
    quarter = side // 4
    return quarter // max(1, quarter // 2)


def _stage(channels_in: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )
