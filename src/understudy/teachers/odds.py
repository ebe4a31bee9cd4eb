"""Probabilities as logits, for teachers that give no logits of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOOR = 1e-6
"""The least probability of a class: forests and neighbours say 0, which has no logarithm."""

Table = NDArray[Any]


def logarithms(probabilities: Table) -> Table:
    """The logits of one class a row: logarithms. Shapes: [B, C] -> [B, C]."""
    logits: Table = np.log(np.clip(probabilities, FLOOR, 1.0))
    return logits


def log_odds(probabilities: Table) -> Table:
    """The logits of several classes a row: ln p / (1 - p), each class by itself.

    Shapes: [B, C] -> [B, C].
    """
    bounded = np.clip(np.asarray(probabilities, dtype=np.float64), FLOOR, 1.0 - FLOOR)
    logits: Table = np.log(bounded) - np.log1p(-bounded)
    return logits
