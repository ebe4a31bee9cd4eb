"""Resampling, against a plain loop and against theory."""

import numpy as np
import pytest
from scipy import sparse, stats

from understudy.evaluation import bootstrap
from understudy.evaluation.bootstrap import Interval, Resampled, resampled_means


def test_means_are_those_of_the_drawn_rows():
    table = np.random.default_rng(0).random((11, 3)).astype(np.float32)
    drawn = np.random.default_rng(5).integers(0, 11, size=(40, 11), dtype=np.int32)
    expected = [table[rows].mean(axis=0) for rows in drawn]
    np.testing.assert_allclose(resampled_means(table, 40, seed=5), expected, rtol=1e-6)


def test_blocks_share_one_stream(monkeypatch):
    monkeypatch.setattr(bootstrap, "CELLS_AT_ONCE", 33)
    test_means_are_those_of_the_drawn_rows()


def test_sparse_tables_give_the_same():
    table = (np.random.default_rng(0).random((30, 4)) > 0.5).astype(np.float32)
    dense, thin = (resampled_means(kind(table), 20, 1) for kind in (np.asarray, sparse.csr_array))
    assert np.array_equal(dense, thin)


def test_draws_depend_on_the_seed_and_only_on_it():
    table = np.arange(20.0)[:, None]
    assert np.array_equal(resampled_means(table, 10, 1), resampled_means(table, 10, 1))
    assert not np.array_equal(resampled_means(table, 10, 1), resampled_means(table, 10, 2))


def test_the_interval_of_a_share_is_the_binomial_one():
    rows = 2000
    table = (np.arange(rows) < 1400)[:, None].astype(np.float32)
    draws = resampled_means(table, 4000, 0)[:, 0]
    interval = Resampled(0.7, draws).interval()
    low, high = stats.binom(rows, 0.7).interval(0.95)
    assert interval.low == pytest.approx(low / rows, abs=0.002)
    assert interval.high == pytest.approx(high / rows, abs=0.002)


def test_intervals_cover_the_truth_about_nineteen_times_in_twenty():
    generator = np.random.default_rng(3)
    covered = 0
    for seed in range(200):
        sample = (generator.random(150) < 0.7).astype(np.float32)[:, None]
        draws = resampled_means(sample, 300, seed)[:, 0]
        interval = Resampled(float(sample.mean()), draws).interval()
        covered += interval.low <= 0.7 <= interval.high
    assert 0.89 <= covered / 200 <= 0.99


def test_pairing_removes_what_two_models_share():
    generator = np.random.default_rng(0)
    hard = generator.random(500) < 0.5
    better = hard | (generator.random(500) < 0.02)
    first, second = (
        Resampled(
            float(right.mean()), resampled_means(right[:, None].astype(np.float32), 500, 0)[:, 0]
        )
        for right in (better, hard)
    )
    paired = (first - second).interval()
    assert paired.value == pytest.approx(better.mean() - hard.mean())
    alone = first.interval()
    assert paired.high - paired.low < 0.5 * (alone.high - alone.low)


def test_ratios_leave_out_draws_without_a_denominator():
    top, bottom = (
        Resampled(1.0, np.array([1.0, 1.0, 1.0])),
        Resampled(2.0, np.array([0.0, 2.0, 4.0])),
    )
    ratio = top.over(bottom)
    assert ratio.value == 0.5
    assert ratio.draws.tolist() == [0.5, 0.25]


def test_zero_is_in_an_interval_that_touches_it():
    assert Interval(0.1, 0.0, 0.2).holds_zero
    assert not Interval(0.1, 0.01, 0.2).holds_zero
    assert not Interval(-0.1, -0.2, -0.01).holds_zero
