"""Whether a pass computes in bfloat16: where that is faster on this machine, and near enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

TOLERANCE = 0.9999
"""The least cosine between what a teacher says of a row in bfloat16 and in fp32."""
WORTH = 0.8
"""The part of the time that bfloat16 may take at most; a gain near the noise is none."""
ROUNDS = 3
"""How often each is timed, in turns; the least counts."""

Asked = Callable[[Sequence[Any]], NDArray[np.float32]]
"""Batches of rows to answers [B, D], one row each."""


@dataclass(frozen=True)
class Trial:
    """How a few real rows were answered in bfloat16, beside fp32."""

    cosine: float
    """The least of all rows."""
    seconds: float
    seconds_in_fp32: float

    @property
    def is_worth_it(self) -> bool:
        """Whether bfloat16 is near enough and clearly faster."""
        return self.cosine >= TOLERANCE and self.seconds <= WORTH * self.seconds_in_fp32


def multiplies_bf16() -> bool:
    """Whether this processor has instructions for bfloat16, so that a trial makes sense."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def tried(
    in_fp32: Asked,
    in_bf16: Asked,
    batches: Sequence[Any],
    clock: Callable[[], float] = time.perf_counter,
) -> Trial:
    """Ask in both ways about the same rows, in turns."""
    seconds: dict[Asked, list[float]] = {in_fp32: [], in_bf16: []}
    said: dict[Asked, NDArray[np.float32]] = {}
    for _ in range(ROUNDS):
        for ask, taken in seconds.items():
            began = clock()
            said[ask] = ask(batches)
            taken.append(clock() - began)
    return Trial(
        _least_cosine(said[in_fp32], said[in_bf16]), min(seconds[in_bf16]), min(seconds[in_fp32])
    )


def _least_cosine(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Shapes: [B, ...] twice. Zero: -1 where an answer is not finite, or one of two is all 0."""
    one, other = (each.reshape(len(each), -1).astype(np.float64) for each in (first, second))
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosines = np.where((one == other).all(1), 1.0, -1.0)
    there = np.isfinite(lengths) & (lengths > 0)
    np.divide((one * other).sum(1), lengths, out=cosines, where=there)
    return float(cosines.min())
