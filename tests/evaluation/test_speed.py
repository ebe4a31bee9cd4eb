"""Taking turns, holding threads, and what is reported. No test here depends on a clock."""

import gc
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from understudy.evaluation import speed
from understudy.evaluation.speed import BATCHES, FEWEST_CALLS, measure

INPUTS = {"image": np.arange(600)[:, None]}


@dataclass
class Recording:
    """Writes down who was asked for how many rows, and in what surroundings."""

    name: str
    calls: list = field(default_factory=list)
    surroundings: set = field(default_factory=set)

    def predict(self, inputs):
        rows = inputs["image"]
        self.calls.append((self.name, len(rows), int(rows[0, 0])))
        blas = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
        self.surroundings.add((torch.get_num_threads(), gc.isenabled(), max(blas, default=1)))
        return np.zeros((len(rows), 2), np.float32)


@pytest.fixture
def recorded(monkeypatch):
    """Three models that write into one list, on a clock that ticks 1 ms a look."""
    monkeypatch.setattr(speed, "perf_counter", iter(np.arange(0, 1e3, 1e-3)).__next__)
    calls: list = []
    return {name: Recording(name, calls) for name in "abc"}


def test_models_take_turns_in_changing_order_on_the_same_rows(recorded):
    measure(recorded, INPUTS, seconds=0.05)
    single = [call for call in recorded["a"].calls if call[1] == 1]
    rounds = [single[first : first + 3] for first in range(0, 60, 3)]
    assert all({name for name, _, _ in turn} == set("abc") for turn in rounds)
    assert all(len({row for _, _, row in turn}) == 1 for turn in rounds)
    orders = {tuple(name for name, _, _ in turn) for turn in rounds[1:]}
    assert len(orders) > 3
    assert [turn[0][2] for turn in rounds[1:6]] == [0, 1, 2, 3, 4]


def test_batches_grow_to_the_rows_there_are(recorded):
    measure(recorded, INPUTS, seconds=0.05)
    sizes = [size for _, size, _ in recorded["a"].calls]
    assert sorted(set(sizes)) == [1, *BATCHES]
    assert sizes == sorted(sizes)
    recorded["a"].calls.clear()
    measure(recorded, {"image": np.arange(20)[:, None]}, seconds=0.05)
    assert sorted({size for _, size, _ in recorded["a"].calls}) == [1, 8, 20]


def test_a_clock_that_ticks_evenly_gives_even_figures(recorded):
    found = measure(recorded, INPUTS, seconds=0.1)
    assert set(found) == set("abc")
    for model in found.values():
        assert model.p50_ms == pytest.approx(1.0)
        assert model.p95_ms == pytest.approx(1.0)
        assert model.best_batch == 512
        assert model.throughput_per_s == pytest.approx(512_000)
        assert model.threads == 1
        assert model.calls == pytest.approx(50, abs=1)


def test_a_model_without_time_is_called_the_fewest_times_and_not_in_batches(recorded):
    found = measure(recorded, INPUTS, seconds=0.0)
    assert {size for _, size, _ in recorded["a"].calls} == {1}
    assert found["a"].calls == FEWEST_CALLS
    assert found["a"].best_batch == 1
    assert len(recorded["a"].calls) == 3 * (FEWEST_CALLS + 1)


def test_threads_and_collector_are_held_and_given_back(recorded):
    torch_before, pools_before = torch.get_num_threads(), threadpool_info()
    torch.set_num_threads(2)
    try:
        measure(recorded, INPUTS, seconds=0.01)
        assert recorded["b"].surroundings == {(1, False, 1)}
        assert torch.get_num_threads() == 2
        assert gc.isenabled()
    finally:
        torch.set_num_threads(torch_before)
    assert threadpool_info() == pools_before


def test_threads_are_given_back_after_a_failure():
    class Failing:
        name = "failing"

        def predict(self, inputs):
            raise ValueError("broken")

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ValueError, match="broken"):
            measure({"failing": Failing()}, INPUTS, seconds=0.01)
        assert torch.get_num_threads() == 2
        assert gc.isenabled()
    finally:
        torch.set_num_threads(before)
