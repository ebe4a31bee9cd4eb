"""The rule, case by case."""

from __future__ import annotations

from itertools import permutations

import pytest

from understudy.export.choosing import Candidate, choose
from understudy.export.closeness import Closeness

WHOLE = 1000


def candidate(
    name: str,
    size: int = 250,
    seconds: float = 1.0,
    divergence: float = 0.001,
    within: bool = True,
    int8: bool = True,
) -> Candidate:
    return Candidate(name, int8, size, seconds, Closeness(divergence, 1.0, 0.0), within)


CASES = {
    "clearly faster wins": (
        [candidate("near", seconds=1.3, divergence=1e-5), candidate("fast", divergence=5e-3)],
        "fast",
        "faster by this timing",
    ),
    "of two about as fast and small the closer": (
        [candidate("near", 270, 1.15, 1e-5), candidate("fast", 250, 1.0, 5e-3)],
        "near",
        "none is clearly faster",
    ),
    "of two about as fast the much smaller": (
        [candidate("near", 390, 1.0, 1e-5), candidate("tiny", 250, 1.1, 5e-3)],
        "tiny",
        "none is clearly faster",
    ),
    "fast but out of tolerance": (
        [candidate("near", seconds=3.0), candidate("fast", seconds=0.1, within=False)],
        "near",
        "none is clearly faster",
    ),
    "fast but large": (
        [candidate("near", seconds=3.0), candidate("large", 401, 0.1)],
        "near",
        "none is clearly faster",
    ),
    "not INT8": (
        [candidate("near", 390), candidate("half", 100, 0.1, 0.0, int8=False)],
        "near",
        "none is clearly faster",
    ),
    "a tiny graph": (
        [candidate("fast", 700, 0.1), candidate("small", 600, 9.0)],
        "small",
        "none within tolerance is 2.5 times smaller",
    ),
    "none within tolerance": (
        [
            candidate("fast", 250, 0.1, 0.3, within=False),
            candidate("closest", 300, 9.0, 0.2, within=False),
            candidate("whole", 1000, int8=False),
        ],
        "closest",
        "none is within tolerance",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_which_is_chosen_and_why_whatever_their_order(case: str):
    candidates, expected, why = CASES[case]
    for order in permutations(candidates):
        choice = choose(order, WHOLE)
        assert choice.candidate.name == expected
        assert why in choice.why


def test_time_decides_nothing_below_the_factor():
    """Whatever two timings say of candidates that are about as fast, the same one ships."""
    for seconds in (0.85, 0.95, 1.0, 1.05, 1.19):
        pair = [candidate("a", 250, 1.0, 2e-3), candidate("b", 255, seconds, 1e-3)]
        assert choose(pair, WHOLE).candidate.name == "b"


def test_equals_are_told_apart_by_name():
    assert choose([candidate("b"), candidate("a")], WHOLE).candidate.name == "a"
