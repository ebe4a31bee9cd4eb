"""Lists of candidates as plain arrays: into a graph and out of it, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCALE = 20.0
"""Times a cosine, so that its softmax over documents can be sharp: a temperature of 0.05."""


def one_by_one(lists: Mapping[str, NDArray[Any]], most: int | None = None) -> dict[str, Any]:
    """The texts or pairs of lists as rows of their own. Shapes: [B, P, T] -> [B * P or most, T]."""
    return {
        name: np.ascontiguousarray(values.reshape(-1, values.shape[-1])[:most])
        for name, values in lists.items()
    }


def scores_from(outputs: NDArray[Any], rows: int, apart: bool) -> NDArray[np.float32]:
    """What `PairScores` and `CosineScores` make of the outputs of their bodies, without torch.

    Shapes: [B * K, 1], or, `apart`, vectors [B * (1 + K), D] -> [B, K].
    """
    if not apart:
        return np.asarray(outputs.reshape(rows, -1), np.float32)
    lengths = np.linalg.norm(outputs, axis=1, keepdims=True)
    unit = (outputs / np.maximum(lengths, 1e-12)).reshape(rows, -1, outputs.shape[1])
    return np.asarray(SCALE * (unit[:, :1] * unit[:, 1:]).sum(-1), np.float32)
