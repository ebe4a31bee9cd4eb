"""Texts that nearly equal another: a leak that exact hashes do not see."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.data.checks import Finding, finding
from understudy.data.near import equal_pairs
from understudy.store.ragged import Ragged, elements_of, offsets_of

IntArray = NDArray[np.int64]
Hashes = NDArray[np.uint64]

SHINGLE = 5
"""Characters of one shingle; characters and not words, so that every script is served."""
BANDS = 8
ROWS = 3
"""Smallest hashes in a band: texts of Jaccard 0.9 agree in one of the bands in 99.997 of 100 cases,
those of 0.3 in 20."""
NEAR = 0.9
"""Jaccard similarity of the shingles of two texts that nearly equal each other."""
ROUGHLY = 0.65
"""The share of equal smallest hashes, an estimate of the Jaccard similarity, worth a closer look;
it is below this in one of 50,000 cases where the similarity is 0.9."""
READ = 4096
"""Characters of a text that are looked at."""
BATCH = 4096
"""Texts hashed at a time."""

_RANDOM = np.random.default_rng(0)
_PLACES, _FACTORS, _SHIFTS = (
    _RANDOM.integers(0, 1 << 63, size, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    for size in (SHINGLE, BANDS * ROWS, BANDS * ROWS)
)
_MIX = np.uint64(0x9E3779B97F4A7C15)  # an odd number near 2**64 over the golden ratio


def find_near_leaks(texts: NDArray[np.object_], train: IntArray, test: IntArray) -> list[Finding]:
    """Test texts that nearly, not exactly, equal a training text.

    Nine tenths of the shingles of five characters that either text has are in both; case, spaces
    and punctuation do not count. Candidates come from MinHash, and are then compared in full. A
    text that equals a training text exactly is left to the exact hashes.

    `texts` [N] are those of all rows, `train` and `test` their row numbers. `rows` of the finding
    are positions in test.
    Source: Broder 1997, "On the resemblance and containment of documents", with the banding of
    Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", section 3.4.
    """
    seen = set(texts[train])
    new = np.array([row for row in test.tolist() if texts[row] not in seen], dtype=np.int64)
    smallest = _smallest_hashes(texts)
    pairs = _candidates(smallest, train, new)
    alike = (smallest[pairs[:, 0]] == smallest[pairs[:, 1]]).mean(axis=1)
    near = _nearly_equal(texts, pairs[alike >= ROUGHLY])
    rows = np.flatnonzero(np.isin(test, near))
    text = (
        f"{len(rows)} of {len(test)} test texts nearly equal a training text: "
        "the quality on them is not that on new texts"
    )
    return finding("nearly_leaked_test_rows", rows, text)


def plain(text: str) -> str:
    """Lower-cased words with one space between; a text without words stays as it is."""
    return " ".join(re.findall(r"\w+", text[:READ].casefold())) or text


def _shingles(texts: NDArray[Any]) -> Ragged:
    """The hash of each run of five characters of each text. Shapes: [N] -> N rows of uint64."""
    padded = [plain(text).ljust(SHINGLE) for text in texts]
    content = "".join(padded).encode("utf-32-le", "surrogatepass")
    characters = np.frombuffer(content, dtype="<u4").astype(np.uint64)
    lengths = np.array([len(text) for text in padded], dtype=np.int64)
    counts = lengths - (SHINGLE - 1)
    starts = elements_of(offsets_of(lengths)[:-1], counts)
    hashes = np.zeros(len(starts), dtype=np.uint64)
    for place, factor in enumerate(_PLACES):
        hashes += characters[starts + place] * factor
    hashes = (hashes ^ (hashes >> np.uint64(32))) * _MIX
    return Ragged(hashes ^ (hashes >> np.uint64(29)), offsets_of(counts))


def _smallest_hashes(texts: NDArray[Any]) -> Hashes:
    """For each of 24 orders of all shingles, the first one of each text. Shapes: [N] -> [N, 24]."""
    found = np.empty((len(texts), BANDS * ROWS), dtype=np.uint64)
    for start in range(0, len(texts), BATCH):
        shingles = _shingles(texts[start : start + BATCH])
        for order, (factor, shift) in enumerate(zip(_FACTORS, _SHIFTS, strict=True)):
            ordered = shingles.values * factor + shift
            smallest = np.minimum.reduceat(ordered, shingles.offsets[:-1])
            found[start : start + BATCH, order] = smallest
    return found


def _candidates(smallest: Hashes, train: IntArray, test: IntArray) -> IntArray:
    """Pairs (test row, train row) that agree in one band. Shapes: [N, 24] -> [P, 2]."""
    bands = smallest.reshape(len(smallest), BANDS, ROWS)
    hashes = (bands * _FACTORS[:ROWS]).sum(axis=2, dtype=np.uint64)
    found = [equal_pairs(hashes[:, band], train, test) for band in range(BANDS)]
    return np.unique(np.concatenate(found), axis=0)


def _nearly_equal(texts: NDArray[Any], pairs: IntArray) -> IntArray:
    """The test rows of those pairs whose shingles are nearly the same. Shapes: [P, 2] -> [K]."""
    rows = np.unique(pairs)
    shingles = _shingles(texts[rows])
    sets = {int(row): np.unique(shingles.row(place)) for place, row in enumerate(rows)}
    near: set[int] = set()
    for ours, theirs in pairs.tolist():
        if ours not in near:
            both = len(np.intersect1d(sets[ours], sets[theirs], assume_unique=True))
            if both >= NEAR * (len(sets[ours]) + len(sets[theirs]) - both):
                near.add(ours)
    return np.array(sorted(near), dtype=np.int64)
