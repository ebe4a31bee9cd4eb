"""Small networks train on one thread, and what was set before is set again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from understudy.training.threads import WORTH, fitting


@pytest.fixture(autouse=True)
def three() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


class Counted(nn.Module):
    """One matrix product of about `operations`, and a mode that must survive."""

    def __init__(self, operations: int) -> None:
        super().__init__()
        self.layer = nn.Linear(100, operations // (2 * 100 * 1000) + 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        assert not self.training
        return self.layer(image)


@pytest.mark.parametrize(("operations", "threads"), [(WORTH // 2, 1), (2 * WORTH, 3)])
def test_the_work_decides(operations: int, threads: int):
    network = Counted(operations).train()
    with fitting(network, {"image": torch.ones(1000, 100)}) as given:
        assert given == torch.get_num_threads() == threads
    assert torch.get_num_threads() == 3
    assert network.training


def test_threads_are_given_back_after_a_failure():
    with pytest.raises(KeyboardInterrupt), fitting(Counted(0), {"image": torch.ones(1000, 100)}):
        assert torch.get_num_threads() == 1
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 3
