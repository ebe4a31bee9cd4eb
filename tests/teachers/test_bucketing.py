"""Batches by length hold every row once, within their budget, and with little padding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from understudy.teachers.bucketing import SPREAD, by_length, in_order, padded_part

LENGTHS = arrays(np.int64, st.integers(0, 200), elements=st.integers(0, 512))
BUDGETS = st.integers(1, 20_000)


@given(LENGTHS, BUDGETS, st.floats(0, 1))
def test_every_row_is_in_one_batch(lengths: np.ndarray, budget: int, spread: float):
    batches = by_length(lengths, budget, spread)
    assert sorted(np.concatenate([*batches, np.array([], int)])) == list(range(len(lengths)))
    assert all(len(rows) and (np.diff(rows) > 0).all() for rows in batches)


@given(LENGTHS, BUDGETS, st.floats(0, 1))
def test_no_batch_is_over_its_budget_but_for_single_rows(
    lengths: np.ndarray, budget: int, spread: float
):
    for rows in by_length(lengths, budget, spread):
        assert len(rows) == 1 or len(rows) * lengths[rows].max() <= budget


@given(LENGTHS, BUDGETS, st.sampled_from([0.0, 0.05, SPREAD, 0.5]))
def test_padding_is_within_the_spread(lengths: np.ndarray, budget: int, spread: float):
    batches = by_length(lengths, budget, spread)
    assert padded_part(lengths, batches) <= spread + 1e-12
    for rows in batches:
        assert lengths[rows].min() >= (1 - spread) * lengths[rows].max() - 1e-9


@given(LENGTHS, BUDGETS)
def test_answers_come_back_in_the_order_of_the_rows(lengths: np.ndarray, budget: int):
    batches = by_length(lengths, budget)
    if batches:
        answers = np.stack([lengths, -lengths], axis=1)
        assert np.array_equal(in_order(batches, [answers[rows] for rows in batches]), answers)


def test_the_longest_rows_come_first_and_equal_ones_as_they_stand():
    batches = by_length(np.array([3, 9, 3, 10, 3, 3]), budget=9)
    assert [rows.tolist() for rows in batches] == [[3], [1], [0, 2, 4], [5]]


def test_narrow_integers_do_not_overflow():
    batches = by_length(np.full(300, 120, np.uint8), budget=4096)
    assert [len(rows) for rows in batches] == [34] * 8 + [28]


def test_it_pads_far_less_than_rows_as_they_come():
    generator = np.random.default_rng(0)
    lengths = np.clip(generator.lognormal(3, 0.6, 4000), 3, 256).astype(np.int64)
    plain = [np.arange(start, start + 32) for start in range(0, 4000, 32)]
    sorted_ones = by_length(lengths, 4096)
    assert padded_part(lengths, plain) > 0.5
    assert padded_part(lengths, sorted_ones) < 0.07
    assert len(sorted_ones) < 60


@pytest.mark.parametrize("rows", [0, 1])
def test_few_rows(rows: int):
    assert len(by_length(np.full(rows, 5), 100)) == rows
    assert padded_part(np.zeros(rows, np.int64), by_length(np.zeros(rows, np.int64), 4)) == 0
