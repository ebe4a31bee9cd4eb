"""How fast models answer, measured side by side.

Models take turns, so that a slow minute of the machine falls on all of them. A model answers one
row at a time for its latency, then growing batches for its throughput.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from understudy.evaluation.predictor import Inputs, Predictor, rows_between, rows_in

BATCHES = (8, 32, 128, 512)
MOST_CALLS = 1000
"""Of one model at one batch size; more would not move a percentile."""
FEWEST_CALLS = 3


@dataclass(frozen=True)
class Speed:
    """Latency of one row in milliseconds; rows per second at the best batch size."""

    p50_ms: float
    p95_ms: float
    throughput_per_s: float
    best_batch: int
    threads: int
    calls: int
    """How many single rows were timed."""


@dataclass
class _Turns:
    """One model's calls at one batch size, in seconds."""

    budget: float
    seconds: list[float] = field(default_factory=list)

    @property
    def open(self) -> bool:
        if len(self.seconds) < FEWEST_CALLS:
            return True
        return sum(self.seconds) < self.budget and len(self.seconds) < MOST_CALLS


def measure(
    predictors: Mapping[str, Predictor],
    inputs: Inputs,
    seconds: float = 1.0,
    threads: int = 1,
    seed: int = 0,
) -> dict[str, Speed]:
    """Time all models on the same rows, about `seconds` each: half for latency, half for batches.

    A slow model gets fewer turns, but never fewer than three, and skips batches of which a single
    call would take more than half its seconds. Torch and BLAS are held to `threads`; a runtime that
    fixes its threads when it loads a model (ONNX Runtime) must have been loaded with as many.
    """
    generator = np.random.default_rng(seed)
    rows = rows_in(inputs)
    sizes = sorted({min(batch, rows) for batch in BATCHES})
    share = seconds / 2 / len(sizes)
    with _held_to(threads), _no_collection():
        single = _rounds(predictors, inputs, 1, seconds / 2, generator)
        rates = {name: {1: 1.0 / float(np.median(times))} for name, times in single.items()}
        for size in sizes:
            fitting = {
                name: predictor
                for name, predictor in predictors.items()
                if size / max(rates[name].values()) <= seconds / 2
            }
            for name, times in _rounds(fitting, inputs, size, share, generator).items():
                rates[name][size] = size / float(np.median(times))
    return {name: _speed(times, rates[name], threads) for name, times in single.items()}


def _speed(single: list[float], rates: Mapping[int, float], threads: int) -> Speed:
    p50, p95 = np.quantile(single, [0.5, 0.95]) * 1000.0
    best = max(rates, key=lambda size: rates[size])
    return Speed(float(p50), float(p95), rates[best], best, threads, len(single))


def _rounds(
    predictors: Mapping[str, Predictor],
    inputs: Inputs,
    size: int,
    budget: float,
    generator: np.random.Generator,
) -> dict[str, list[float]]:
    """Call every model once a round, in a new order each, on the same rows; the first is a warm-up.

    Returns the seconds of every later call. A model whose budget is spent drops out.
    """
    turns = {name: _Turns(budget) for name in predictors}
    chunks = max(1, rows_in(inputs) // size)
    for predictor in predictors.values():
        _timed(predictor.predict, rows_between(inputs, 0, size))
    turn = 0
    while waiting := [name for name, model in turns.items() if model.open]:
        first = turn % chunks * size
        chunk = rows_between(inputs, first, first + size)
        for place in generator.permutation(len(waiting)):
            name = waiting[place]
            turns[name].seconds.append(_timed(predictors[name].predict, chunk))
        turn += 1
    return {name: model.seconds for name, model in turns.items()}


def _timed(predict: Callable[[Inputs], object], chunk: Inputs) -> float:
    started = perf_counter()
    predict(chunk)
    return perf_counter() - started


@contextmanager
def _held_to(threads: int) -> Iterator[None]:
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    try:
        with threadpool_limits(limits=threads):
            torch.set_num_threads(threads)
            yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage collector inside a timed call."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
