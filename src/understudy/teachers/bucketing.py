"""Batches of texts that are nearly equally long, so that little is computed for padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SPREAD = 0.125
"""How much of its longest row a batch may pad the others by; near it, costs are flat."""


def by_length(
    lengths: NDArray[np.integer[Any]], budget: int, spread: float = SPREAD
) -> list[NDArray[np.int64]]:
    """Row numbers of each batch, in rising order; every row in one batch, the longest rows first.

    No row is shorter than (1 - spread) of the longest of its batch, so that at most that part of
    what is computed is padding. The longest first: what does not fit in memory shows at once.
    Shapes: tokens of each row [N]; the sum of rows x longest of a batch is at most `budget`, in
        tokens, except where a single row is longer.
    Limits: spread 0 gives batches of equal lengths, without any padding; 1 fills every budget.
    """
    falling = lengths.astype(np.int64)  # narrow or unsigned numbers have no room for what follows
    order = np.argsort(-falling, kind="stable").astype(np.int64)
    falling = falling[order]
    batches, start = [], 0
    while start < len(order):
        longest = int(falling[start])
        fits = start + max(1, budget // max(longest, 1))
        near = int(np.searchsorted(-falling, -longest * (1 - spread), side="right"))
        stop = min(fits, near)
        batches.append(np.sort(order[start:stop]))
        start = stop
    return batches


def in_order(batches: Sequence[NDArray[Any]], parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """What was said of each batch, put back into the order of the rows.

    Shapes: row numbers [b] and answers [b, ...] of each batch -> [N, ...].
    """
    order = np.argsort(np.concatenate(batches), kind="stable")
    joined: NDArray[Any] = np.concatenate(parts)[order]
    return joined


def padded_part(lengths: NDArray[np.integer[Any]], batches: Sequence[NDArray[Any]]) -> float:
    """The part of all computed tokens that is padding, from 0 to 1."""
    computed = sum(len(rows) * int(lengths[rows].max()) for rows in batches)
    return 1 - float(lengths.sum()) / computed if computed else 0.0
