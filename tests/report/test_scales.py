"""Axes: their ends, their order, and round ticks inside them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.report.scales import MOST_TICKS, Scale, logarithmic, straight

VALUES = st.lists(st.floats(1e-9, 1e12), min_size=1, max_size=9)


def test_a_straight_axis_halves_at_the_middle_and_a_logarithmic_at_the_geometric_mean():
    assert Scale(0, 10, 100, 200)(5) == 150
    assert Scale(1, 100, 0, 10, log=True)(10) == pytest.approx(5)
    assert Scale(0, 10, 200, 100)(10) == 100


@given(VALUES)
@pytest.mark.parametrize("axis", [straight, logarithmic])
def test_all_values_are_drawn_inside_in_order(axis, values):
    scale = axis(values, 40, 400)
    places = [scale(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(40 < place < 400 for place in places)


@given(VALUES)
@pytest.mark.parametrize("axis", [straight, logarithmic])
def test_ticks_are_few_and_inside(axis, values):
    scale = axis(values, 40, 400)
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= MOST_TICKS + 2
    assert ticks == sorted(ticks)
    slack = (scale.high - scale.low) * 1e-6
    assert all(scale.low - slack <= tick <= scale.high + slack for tick in ticks)


def test_ticks_are_round():
    assert straight([0.945, 0.995], 0, 1).ticks() == pytest.approx([0.95, 0.96, 0.97, 0.98, 0.99])
    assert logarithmic([3_412, 4_801_324], 0, 1).ticks() == pytest.approx([1e4, 1e5, 1e6, 1e7])
    assert logarithmic([0.9, 8], 0, 1).ticks() == pytest.approx([0.5, 1, 2, 5, 10])


def test_an_axis_of_equal_values_still_has_a_length():
    for axis in (straight, logarithmic):
        scale = axis([3.0, 3.0], 0, 100)
        assert scale(3.0) == pytest.approx(50)
    assert straight([0.0], 0, 100).high > 0


def test_what_lies_outside_is_drawn_at_the_end():
    scale = Scale(1, 10, 0, 100, log=True)
    assert (scale(0.01), scale(1e6)) == (0, 100)
    assert math.isfinite(scale(1e-300))
