"""Which of several artefacts of one student ships: a rule on their figures, and nothing else.

Figures of quality and size are the same in every run; seconds are not. So time decides only where
it is clear, by a factor of `FASTER`, and the choice says whether it did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from understudy.export.closeness import Closeness

SMALLER = 2.5
"""How many times smaller than fp32 an INT8 artefact should be; 8 bits alone would give 4."""
FASTER = 1.2
"""Seconds within this factor of the fastest count as equal: repeated timings differ that much."""
AS_SMALL = 1.1
"""Bytes within this factor of the smallest count as equal; the closer artefact is taken then."""


@dataclass(frozen=True)
class Candidate:
    """One artefact that was made, and its figures."""

    name: str
    int8: bool
    bytes: int
    seconds: float
    """Of one batch: the least of several calls, between those of the others."""
    closeness: Closeness
    within: bool
    """Whether it is within the tolerance."""
    left_out: tuple[str, ...] = ()
    """The nodes that were kept in fp32 for its sake."""


@dataclass(frozen=True)
class Choice:
    """The candidate that ships, and why."""

    candidate: Candidate
    why: str


def choose(candidates: Sequence[Candidate], whole_bytes: int) -> Choice:
    """The fastest INT8 candidate that is within tolerance and small; there must be an INT8 one.

    `whole_bytes` are those of the fp32 artefact. Where no candidate is `SMALLER` times smaller (a
    tiny graph, whose nodes weigh more than its weights) the smallest within tolerance is taken;
    where none is within tolerance, the closest.
    """
    quantised = [candidate for candidate in candidates if candidate.int8]
    fitting = [candidate for candidate in quantised if candidate.within]
    if not fitting:
        closest = min(quantised, key=lambda candidate: candidate.closeness.divergence)
        return Choice(closest, "none is within tolerance; this is the closest")
    small = [candidate for candidate in fitting if is_small(candidate.bytes, whole_bytes)]
    if not small:
        smallest = min(fitting, key=lambda candidate: (candidate.bytes, candidate.name))
        return Choice(smallest, f"none within tolerance is {SMALLER} times smaller; the smallest")
    fastest = min(candidate.seconds for candidate in small)
    fast = [candidate for candidate in small if candidate.seconds <= FASTER * fastest]
    chosen, timeless = _closest_of_the_smallest(fast), _closest_of_the_smallest(small)
    if chosen is timeless:
        return Choice(
            chosen, "the closest of the smallest within tolerance; none is clearly faster"
        )
    return Choice(chosen, f"within tolerance, and more than {FASTER} times faster by this timing")


def is_small(size: int, whole_bytes: int) -> bool:
    """Whether an artefact is small enough to be worth its loss."""
    return size * SMALLER <= whole_bytes


def _closest_of_the_smallest(candidates: Sequence[Candidate]) -> Candidate:
    most = AS_SMALL * min(candidate.bytes for candidate in candidates)
    return min(
        (candidate for candidate in candidates if candidate.bytes <= most),
        key=lambda candidate: (candidate.closeness.divergence, candidate.bytes, candidate.name),
    )
