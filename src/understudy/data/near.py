"""Images that nearly equal another: a leak that exact hashes do not see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.data.checks import Finding, finding

IntArray = NDArray[np.int64]

GRID = 8
LEVELS = 8
"""Grey levels that tell coarse images apart, over the range of all of them."""
BANDS = 4
"""Hashes of one coarse image, each over a quarter of its cells: one that agrees is enough."""
BATCH = 1024
"""Pairs compared in full at a time."""
BUCKET = 32
"""Training images compared with one test image, per hash; a limit to the work."""
DIFFERENCE = 0.02
"""Mean absolute difference, as a share of the range of all images."""
CONTRAST = 0.05
"""The same as a share of the image's own contrast (mean absolute deviation from its mean), for
images that are mostly background: without it, one in ten of MNIST's ones nearly equals another."""


def coarse(images: NDArray[Any]) -> NDArray[np.float32]:
    """The mean grey of each cell of an 8 x 8 grid. Shapes: [N, H, W, C] -> [N, 64]."""
    cells = images.sum(axis=3, dtype=np.float32) / images.shape[3]
    for axis in (1, 2):
        edges = np.linspace(0, cells.shape[axis], GRID + 1).astype(np.int64)
        # Where an image has fewer rows than the grid, reduceat takes the one that is there.
        sums = np.add.reduceat(cells, edges[:-1], axis=axis)
        widths = np.maximum(np.diff(edges), 1).astype(np.float32)
        cells = sums / np.expand_dims(widths, tuple({0, 1, 2} - {axis}))
    return np.asarray(cells.reshape(len(images), GRID * GRID), dtype=np.float32)


def find_near_leaks(
    coarse_images: NDArray[np.float32],
    train: IntArray,
    test: IntArray,
    images: Callable[[IntArray], NDArray[Any]],
) -> list[Finding]:
    """Test images that nearly, not exactly, equal a training image.

    They differ by at most 2% of the range in the mean over all pixels, and by at most 5% of the
    image's own contrast. Candidates share a coarse hash, and are then compared in full; the search
    is quick and may miss some.

    `coarse_images` [N, 64] are those of all rows, `train` and `test` their row numbers, and
    `images(rows)` gives some of them as [B, H, W, C]. `rows` of the finding are positions in test.
    """
    spread = float(np.ptp(coarse_images)) or 1.0
    pairs = _candidates(coarse_images, train, test, spread)
    gaps = np.abs(coarse_images[pairs[:, 0]] - coarse_images[pairs[:, 1]]).mean(axis=1)
    # A mean over cells differs at most as much as the pixels do; cells may differ a little in size.
    pairs = pairs[gaps <= 1.25 * DIFFERENCE * spread]
    near = np.zeros(len(coarse_images), dtype=bool)
    for start in range(0, len(pairs), BATCH):
        some = pairs[start : start + BATCH]
        wanted, places = np.unique(some, return_inverse=True)
        pixels, places = images(wanted), places.reshape(some.shape)
        close = _nearly_equal(pixels[places[:, 0]], pixels[places[:, 1]], spread)
        near[some[close, 0]] = True
    rows = np.flatnonzero(near[test])
    text = (
        f"{len(rows)} of {len(test)} test images nearly equal a training image: "
        "the quality on them is not that on new images"
    )
    return finding("nearly_leaked_test_rows", rows, text)


def _candidates(
    coarse_images: NDArray[np.float32], train: IntArray, test: IntArray, spread: float
) -> IntArray:
    """Pairs (test row, train row) that share a hash. Shapes: -> [P, 2]."""
    scaled = (coarse_images - coarse_images.min()) * (LEVELS / spread)
    powers = np.uint64(LEVELS + 1) ** np.arange(GRID * GRID // BANDS, dtype=np.uint64)
    found = []
    # Cells just beside the border of two levels agree when the borders are moved by half a level.
    for shift in (0.0, 0.5):
        levels = (scaled + shift).astype(np.uint64)
        for band in range(BANDS):
            hashes = (levels[:, band::BANDS] * powers).sum(axis=1, dtype=np.uint64)
            found.append(equal_pairs(hashes, train, test))
    return np.unique(np.concatenate(found), axis=0)


def equal_pairs(hashes: NDArray[np.uint64], train: IntArray, test: IntArray) -> IntArray:
    """Pairs (test row, train row) of equal hash, at most `BUCKET` for each test row."""
    order = train[np.argsort(hashes[train], kind="stable")]
    first = np.searchsorted(hashes[order], hashes[test], side="left")
    last = np.searchsorted(hashes[order], hashes[test], side="right")
    counts = np.minimum(last - first, BUCKET)
    ours = np.repeat(np.arange(len(test)), counts)
    nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.stack([test[ours], order[first[ours] + nth]], axis=1)


def _nearly_equal(ours: NDArray[Any], theirs: NDArray[Any], spread: float) -> NDArray[np.bool_]:
    """Whether each pair is close but not equal. Shapes: [P, H, W, C] twice -> [P]."""
    pixels = ours.reshape(len(ours), -1).astype(np.float32)
    gaps = np.abs(pixels - theirs.reshape(len(theirs), -1)).mean(axis=1)
    contrast = np.abs(pixels - pixels.mean(axis=1, keepdims=True)).mean(axis=1)
    largest = np.minimum(DIFFERENCE * spread, CONTRAST * contrast)
    return np.asarray((gaps > 0) & (gaps <= largest), dtype=np.bool_)
