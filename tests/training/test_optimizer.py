"""Adam on the rows that a batch touches, beside AdamW for everything else."""

import copy

import pytest
import torch
from torch import nn

from understudy.training.optimizer import Both, clipped, optimizer_of
from understudy.training.settings import Training

TRAINING = Training(learning_rate=0.1, weight_decay=0.0)


class Tiny(nn.Module):
    def __init__(self, sparse: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(6, 3, sparse=sparse)
        self.head = nn.Linear(3, 2)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.table(ids).mean(1)).square().sum()


def step(network: nn.Module, optimizer: torch.optim.Optimizer | Both, ids: list[int]) -> None:
    network(torch.tensor([ids])).backward()
    optimizer.step()
    optimizer.zero_grad()


def test_only_rows_that_were_touched_move():
    network = Tiny()
    before = network.table.weight.detach().clone()
    step(network, optimizer_of(network, TRAINING), [1, 4])
    moved = (network.table.weight != before).any(1)
    assert moved.tolist() == [False, True, False, False, True, False]


def test_where_every_row_is_touched_it_is_adam():
    sparse, dense = Tiny(), Tiny(sparse=False)
    both, adam = optimizer_of(sparse, TRAINING), optimizer_of(dense, TRAINING)
    assert isinstance(both, Both)
    assert isinstance(adam, torch.optim.AdamW)
    for _ in range(3):
        for network, optimizer in ((sparse, both), (dense, adam)):
            step(network, optimizer, list(range(6)))
    torch.testing.assert_close(sparse.table.weight, dense.table.weight, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(sparse.head.weight, dense.head.weight, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sparse", [True, False])
def test_its_state_restored_it_goes_on_bit_for_bit(sparse: bool):
    network = Tiny(sparse)
    optimizer = optimizer_of(network, TRAINING)
    step(network, optimizer, [0, 2])
    other = copy.deepcopy(network)
    restored = optimizer_of(other, TRAINING)
    state = optimizer.state_dict()
    assert all(torch.is_tensor(v) for values in state["state"].values() for v in values.values())
    groups = restored.state_dict()["param_groups"]
    restored.load_state_dict({"state": copy.deepcopy(state["state"]), "param_groups": groups})
    for one, adam in ((network, optimizer), (other, restored)):
        step(one, adam, [2, 5])
    assert torch.equal(network.table.weight, other.table.weight)
    assert torch.equal(network.head.weight, other.head.weight)


def test_the_rate_of_all_groups_can_be_set():
    optimizer = optimizer_of(Tiny(), TRAINING)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    network = Tiny()
    both = optimizer_of(network, TRAINING)
    for group in both.param_groups:
        group["lr"] = 0.0
    before = copy.deepcopy(network.state_dict())
    step(network, both, [0, 1])
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_clipping_shortens_the_dense_gradient_alone():
    network = Tiny()
    (100 * network(torch.tensor([[1, 4]]))).backward()
    rows = network.table.weight.grad.to_dense().clone()
    clipped(network, 1.0)
    dense = torch.cat([network.head.weight.grad.flatten(), network.head.bias.grad])
    assert float(dense.norm()) == pytest.approx(1.0, rel=1e-4)
    assert torch.equal(network.table.weight.grad.to_dense(), rows)


def test_a_table_alone_needs_no_other_optimizer():
    both = optimizer_of(nn.Embedding(4, 2, sparse=True), TRAINING)
    assert isinstance(both, Both)
    assert len(both.optimizers) == 1
