"""Rows to train, test and validation: stratified, seeded, no row's copy on the other side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.errors import RequestError

IntArray = NDArray[np.int64]


def split(
    labels: IntArray,
    shares: Mapping[str, float],
    seed: int,
    groups: NDArray[Any] | None = None,
) -> dict[str, IntArray]:
    """The sorted row numbers of each part; every row is in exactly one.

    Each class is shared out by `shares` (they sum to 1), and each part gets at least one row of it
    where there are enough; a class with fewer rows goes to the parts in the order of `shares`.
    Rows of equal `groups` stay together; a group counts as the class of its first labelled row.
    Rows without a label (-1) go to the first part, `train`.

    Shapes: labels [N], groups [N].
    Raises: RequestError where a part would be empty, or the shares are no shares.
    """
    parts = list(shares)
    _refuse_bad_shares(shares)
    group = _group_numbers(len(labels), groups)
    group_class = _class_of_groups(labels, group)
    weights = np.bincount(group, minlength=len(group_class))
    generator = np.random.default_rng(seed)
    part_of_group = np.zeros(len(group_class), dtype=np.int64)
    for number in np.unique(group_class[group_class >= 0]):
        members = generator.permutation(np.flatnonzero(group_class == number))
        phase = generator.random()
        part_of_group[members] = _share_out(weights[members], list(shares.values()), phase)
    part_of_row = part_of_group[group]
    found = {part: np.flatnonzero(part_of_row == place) for place, part in enumerate(parts)}
    for part, rows in found.items():
        if not len(rows):
            raise RequestError(
                f"empty split: no row is left for '{part}' ({len(labels)} rows, "
                f"{int((labels >= 0).sum())} with a label, {len(group_class)} of them different); "
                f"give more labelled rows, or a source of its own for '{part}'"
            )
    return found


def _share_out(weights: IntArray, shares: list[float], phase: float) -> IntArray:
    """The part of each group of one class, the groups being in random order.

    Systematic sampling: groups lie end to end on a line of length 1, the parts too, and a point in
    each group, the same for all (`phase`), says where it belongs. So every share is met as closely
    as whole rows allow, and on average exactly.
    """
    if len(weights) <= len(shares):
        return np.arange(len(weights))
    points = (np.cumsum(weights) - weights * phase) / weights.sum()
    placed = np.searchsorted(np.cumsum(shares)[:-1], points)
    for part in range(len(shares)):
        counts = np.bincount(placed, minlength=len(shares))
        if not counts[part]:
            placed[np.flatnonzero(placed == counts.argmax())[-1]] = part
    return np.asarray(placed, dtype=np.int64)


def _group_numbers(rows: int, groups: NDArray[Any] | None) -> IntArray:
    if groups is None:
        return np.arange(rows)
    return np.asarray(np.unique(groups, return_inverse=True)[1].reshape(-1), dtype=np.int64)


def _class_of_groups(labels: IntArray, group: IntArray) -> IntArray:
    """The label of each group's first labelled row, -1 where none has one."""
    found = np.full(int(group.max(initial=-1)) + 1, -1, dtype=np.int64)
    backwards = np.flatnonzero(labels >= 0)[::-1]
    found[group[backwards]] = labels[backwards]
    return found


def _refuse_bad_shares(shares: Mapping[str, float]) -> None:
    if min(shares.values()) <= 0 or abs(sum(shares.values()) - 1) > 1e-6:
        told = ", ".join(f"{part} {share:g}" for part, share in shares.items())
        raise RequestError(f"the shares of the parts must be above 0 and sum to 1, not {told}")
