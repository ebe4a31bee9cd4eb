"""AdamW, and for tables of tokens Adam on the rows that a batch touches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from understudy.training.settings import Training


def optimizer_of(network: nn.Module, training: Training) -> torch.optim.Optimizer | Both:
    """AdamW, with no decay on biases and normalisation; beside it, Adam for sparse tables.

    A module says by `sparse` that its table's gradient has rows for the tokens of a batch alone.
    """
    sparse = {
        id(weight)
        for module in network.modules()
        if getattr(module, "sparse", False)
        for weight in module.parameters(recurse=False)
    }
    learnt = [weight for weight in network.parameters() if weight.requires_grad]
    tables = [weight for weight in learnt if id(weight) in sparse]
    dense = [weight for weight in learnt if id(weight) not in sparse]
    adam = _adamw(dense, training) if dense else None
    if not tables:
        assert adam is not None
        return adam
    rows = torch.optim.SparseAdam(tables, lr=training.learning_rate)
    return Both(adam, rows) if adam else Both(rows)


def _adamw(weights: Sequence[Tensor], training: Training) -> torch.optim.Optimizer:
    groups = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": training.weight_decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=training.learning_rate, fused=True)


class Both:
    """Several optimizers, each with weights of its own, as one.

    Dense AdamW passes over a whole table in every step, however few rows a batch has: 11.7 million
    numbers for a few hundred tokens. Adam on the touched rows does not move the others, as that of
    SparseAdam of PyTorch; its tables have no weight decay.
    """

    def __init__(self, *optimizers: torch.optim.Optimizer) -> None:
        self.optimizers = optimizers

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of all."""
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def step(self) -> None:
        """One step of each."""
        for optimizer in self.optimizers:
            optimizer.step()

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """The state of each weight, numbered through; tensors alone."""
        state: dict[int, dict[str, Tensor]] = {}
        first = 0
        for optimizer in self.optimizers:
            own = optimizer.state_dict()
            for number, values in own["state"].items():
                state[first + number] = {
                    name: torch.as_tensor(value) for name, value in values.items()
                }
            first += _count(own)
        return {"state": state, "param_groups": self.param_groups}

    def load_state_dict(self, stored: Mapping[str, Any]) -> None:
        """Take up such a state."""
        first = 0
        for optimizer in self.optimizers:
            own = optimizer.state_dict()
            count = _count(own)
            mine = {
                number - first: _plain(values, optimizer)
                for number, values in stored["state"].items()
                if first <= number < first + count
            }
            optimizer.load_state_dict({"state": mine, "param_groups": own["param_groups"]})
            first += count


def _count(state: Mapping[str, Any]) -> int:
    return sum(len(group["params"]) for group in state["param_groups"])


def _plain(values: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The state of one weight in the kinds that its optimizer keeps: SparseAdam counts in ints."""
    counts = isinstance(optimizer, torch.optim.SparseAdam)
    return {
        name: int(value) if counts and name == "step" else value for name, value in values.items()
    }


def clipped(network: nn.Module, most: float) -> None:
    """Shorten the gradient of all dense weights to a length; rows of tables stay as they are."""
    dense = [
        weight
        for weight in network.parameters()
        if weight.grad is not None and not weight.grad.is_sparse
    ]
    nn.utils.clip_grad_norm_(dense, most)
