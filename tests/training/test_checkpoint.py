"""A checkpoint gives back all that continuing needs, or says that it is damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from understudy.errors import DamagedError
from understudy.training.checkpoint import Progress, restore, save

PROGRESS = Progress(
    epoch=2,
    step=5,
    best=1,
    loss_sum=1 / 3,
    seconds=1.5,
    curve=({"loss": 0.1 + 0.2, "validation": 0.5}, {"loss": 1e-17, "validation": 2 / 3}),
)


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    made = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 4), nn.Linear(4, 4))
    made[3].weight = made[2].weight
    return made


def trained(seed: int, steps: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    made = network(seed)
    optimizer = torch.optim.AdamW(made.parameters(), fused=True)
    for _ in range(steps):
        optimizer.zero_grad()
        made(torch.randn(6, 3)).square().sum().backward()
        optimizer.step()
    return made, optimizer


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, nn.Module, torch.optim.Optimizer, dict]:
    made, optimizer = trained(0, 3)
    best = {name: value + 1 for name, value in made.state_dict().items()}
    path = tmp_path / "checkpoint.safetensors"
    save(path, "key", PROGRESS, made, optimizer, best)
    return path, made, optimizer, best


def test_everything_comes_back_bit_for_bit(saved: tuple):
    path, made, optimizer, best = saved
    wanted_random = torch.rand(4)
    other, fresh = trained(1, 1)
    found = restore(path, "key", other, fresh)
    assert found is not None
    progress, best_found = found
    assert progress == PROGRESS
    assert torch.equal(torch.rand(4), wanted_random)
    assert best_found.keys() == best.keys()
    for name, value in best.items():
        assert torch.equal(best_found[name], value)
        assert best_found[name].dtype == value.dtype
    for name, value in made.state_dict().items():
        assert torch.equal(other.state_dict()[name], value)
    assert other[3].weight is other[2].weight
    states = [one.state_dict()["state"] for one in (optimizer, fresh)]
    assert states[0].keys() == states[1].keys()
    for index, state in states[0].items():
        for name, value in state.items():
            assert torch.equal(states[1][index][name], value)


def test_a_step_after_restoring_is_the_step_that_would_have_been(saved: tuple):
    path, made, optimizer, _ = saved
    other, fresh = trained(1, 0)
    batch = torch.randn(6, 3)
    for one, its in ((made, optimizer), (other, fresh)):
        if one is other:
            assert restore(path, "key", one, its) is not None
        its.zero_grad()
        one(batch).square().sum().backward()
        its.step()
    for name, value in made.state_dict().items():
        assert torch.equal(other.state_dict()[name], value)


def test_a_file_of_another_key_does_not_fit(saved: tuple):
    path, *_ = saved
    other, fresh = trained(1, 1)
    before = {name: value.clone() for name, value in other.state_dict().items()}
    assert restore(path, "another", other, fresh) is None
    assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())


def test_no_file_is_no_checkpoint(tmp_path: Path):
    made, optimizer = trained(0, 0)
    assert restore(tmp_path / "none", "key", made, optimizer) is None


def flip(place: float) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[int(place * (len(content) - 1))] ^= 1
        path.write_bytes(content)

    return spoil


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, path)


@pytest.mark.parametrize(
    "spoil", [flip(0.0), flip(0.7), flip(0.9), flip(1.0), truncate, empty, foreign]
)
def test_a_damaged_file_is_told(saved: tuple, spoil: Callable[[Path], None]):
    path, *_ = saved
    spoil(path)
    made, optimizer = trained(1, 1)
    before = {name: value.clone() for name, value in made.state_dict().items()}
    with pytest.raises(DamagedError) as caught:
        restore(path, "key", made, optimizer)
    told = str(caught.value)
    assert told.startswith(f"the checkpoint {path} is damaged (")
    assert told.endswith(
        "); delete it and run the same command, which then starts this training again"
    )
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())


def test_no_flipped_bit_is_taken_for_the_truth(saved: tuple):
    path, *_ = saved
    content = path.read_bytes()
    wanted = trained(0, 3)[0].state_dict()
    for place in range(0, len(content), 61):
        spoilt = bytearray(content)
        spoilt[place] ^= 1 << (place % 8)
        path.write_bytes(spoilt)
        made, optimizer = trained(1, 1)
        try:
            found = restore(path, "key", made, optimizer)
        except DamagedError:
            continue
        # The bit was in the key, or in the blanks between: nothing that is read has changed.
        assert found is None or found[0] == PROGRESS
        if found is not None:
            state = made.state_dict()
            assert all(torch.equal(state[name], value) for name, value in wanted.items())
