"""Where training stands, in one safetensors file that is whole or absent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from understudy.errors import DamagedError
from understudy.files import replace_atomically
from understudy.teachers.teacher import digest_of
from understudy.training.optimizer import Both


@dataclass(frozen=True)
class Progress:
    """How far training has come: `step` batches of `epoch` are done, `curve` has the epochs before.

    `best` is the epoch with the best validation figure so far, -1 before the first.
    `loss_sum` is that of the epoch under way, for its mean.
    """

    epoch: int = 0
    step: int = 0
    best: int = -1
    loss_sum: float = 0.0
    seconds: float = 0.0
    finished: bool = False
    curve: tuple[Mapping[str, float], ...] = ()


def save(
    path: Path,
    key: str,
    progress: Progress,
    network: nn.Module,
    optimizer: torch.optim.Optimizer | Both,
    best: Mapping[str, Tensor],
) -> None:
    """Write all that continuing needs: weights, best weights, optimizer, random state, progress."""
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    tensors |= {
        f"optimizer.{index}.{name}": value
        for index, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }
    tensors["random"] = torch.get_rng_state()
    separate = {name: value.detach().clone().contiguous() for name, value in tensors.items()}
    told = json.dumps(asdict(progress))
    facts = {"key": key, "progress": told, "sha256": digest_of(separate, told)}
    replace_atomically(path, lambda temporary: save_file(separate, temporary, metadata=facts))


def restore(
    path: Path, key: str, network: nn.Module, optimizer: torch.optim.Optimizer | Both
) -> tuple[Progress, dict[str, Tensor]] | None:
    """Bring network, optimizer and random state to where the file stands; None where none fits.

    A file of another key (other data, settings or teacher) does not fit.
    Raises: DamagedError where the file does not hold what was saved.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            facts = file.metadata() or {}
            if facts["key"] != key:
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            whole = facts["sha256"] == digest_of(tensors, facts["progress"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if not whole:
        raise _damaged(path, "its hash is another")
    network.load_state_dict(_under("network.", tensors))
    _restore_optimizer(optimizer, tensors)
    torch.set_rng_state(tensors["random"])
    progress = Progress(**json.loads(facts["progress"]))
    return replace(progress, curve=tuple(progress.curve)), _under("best.", tensors)


def _damaged(path: Path, reason: str) -> DamagedError:
    return DamagedError(
        f"the checkpoint {path} is damaged ({reason}); delete it and run the same command, "
        "which then starts this training again"
    )


def _restore_optimizer(
    optimizer: torch.optim.Optimizer | Both, tensors: Mapping[str, Tensor]
) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _under("optimizer.", tensors).items():
        index, _, field_name = name.partition(".")
        state.setdefault(int(index), {})[field_name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
