"""How many threads a training step deserves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

WORTH = 200_000_000
"""Floating-point operations of a forward pass below which threads wait longer than they help."""


@contextmanager
def fitting(network: nn.Module, inputs: Mapping[str, Tensor]) -> Iterator[int]:
    """Hold torch to one thread while a small network trains; yields the number of threads.

    It follows from the network and the batch alone, never from a measured time: sums depend on how
    they are cut into threads, and a run that is continued must compute as it began.
    """
    before = torch.get_num_threads()
    threads = before if _operations(network, inputs) >= WORTH else 1
    torch.set_num_threads(threads)
    try:
        yield threads
    finally:
        torch.set_num_threads(before)


def _operations(network: nn.Module, inputs: Mapping[str, Tensor]) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    mode = network.training
    network.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(*inputs.values())
    network.train(mode)
    return int(counter.get_total_flops())
