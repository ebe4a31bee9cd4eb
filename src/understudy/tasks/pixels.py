"""From stored pixels to what a network reads: one affine map, inside the network and its export."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.data.images import LUMINANCE


class Pixels(nn.Module):
    """Stored images to normalised planes, in the size and the number of channels of a network.

    Resizes and turns grey as reading files does: antialiased, by luminance.
    Shapes: [B, H, W, C] of bytes or floats -> [B, channels, height, width] of float32.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], size: tuple[int, int] | None = None
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("scale", 1 / torch.tensor(std, dtype=torch.float32).view(1, -1, 1, 1))
        self.size = None if size is None else (size[0], size[1])

    def extra_repr(self) -> str:
        """The size too decides the answers, and so belongs to a teacher's fingerprint."""
        return f"size={self.size}"

    def forward(self, image: Tensor) -> Tensor:
        planes = image.permute(0, 3, 1, 2).to(torch.float32)
        channels = self.mean.shape[1]
        if planes.shape[1] == 1 and channels == 3:
            planes = planes.expand(-1, 3, -1, -1)
        elif planes.shape[1] == 3 and channels == 1:
            weights = torch.tensor(LUMINANCE, device=planes.device).view(1, 3, 1, 1)
            planes = (planes * weights).sum(dim=1, keepdim=True)
        if self.size is not None and tuple(planes.shape[2:]) != self.size:
            planes = functional.interpolate(planes, self.size, mode="bilinear", antialias=True)
        return (planes - self.mean) * self.scale


class ImageNetwork(nn.Module):
    """A plain network behind its own preprocessing; the network itself stays untouched in `body`.

    Shapes: image [B, H, W, C] as stored -> logits [B, classes].
    """

    def __init__(self, pixels: Pixels, body: nn.Module) -> None:
        super().__init__()
        self.pixels = pixels
        self.body = body

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.body(self.pixels(image))
        return logits
