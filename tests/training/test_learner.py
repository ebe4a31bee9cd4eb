"""What is learnt beside the student is trained, kept and continued with it, and never saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from understudy.errors import RequestError
from understudy.objectives import HiddenFeatures, Objective, SoftLabels, as_objective
from understudy.objectives.hidden import METHODS
from understudy.store import Store
from understudy.tasks import Prepared
from understudy.teachers import NetworkTeacher, Tapped
from understudy.teachers.teaching import recorded, teach
from understudy.training.knowledge import Live, Stored
from understudy.training.learner import Learner, learner_of
from understudy.training.loop import train
from understudy.training.selfcheck import selfcheck
from understudy.training.settings import Training
from understudy.training.step import Lesson, answers_of

PAIRS = {"stages.0": "stages.2", "stages.4": "stages.4"}
HINT = 1.0 * SoftLabels(4.0) + 0.1 * HiddenFeatures(PAIRS)
QUICK = Training(epochs=2, batch_size=64, patience=None, checkpoint_seconds=1e-6)


class Killed(Exception):
    """Stands for the end of the process."""


class Mortal:
    """Knowledge that dies after so many batches."""

    def __init__(self, inner: Stored, calls: int) -> None:
        self.inner = inner
        self.calls = calls

    def of(self, rows: np.ndarray, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        if self.calls == 0:
            raise Killed
        self.calls -= 1
        return self.inner.of(rows, inputs)

    def announce(self, rows: np.ndarray) -> None:
        self.inner.announce(rows)


@pytest.fixture(scope="module")
def tapped(small_network: Callable[..., nn.Module]) -> Tapped:
    return Tapped(NetworkTeacher(small_network(7, "cnn-medium")), tuple(PAIRS.values()), 2)


@pytest.fixture(scope="module")
def kept(tapped: Tapped, prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Store:
    root = tmp_path_factory.mktemp("taps") / "store"
    return teach(tapped, prepared, ("image",), root, rows_per_shard=100)


@pytest.fixture
def hidden(kept: Store, tapped: Tapped, prepared: Prepared) -> Callable[..., Lesson]:
    """Makes a lesson that reads stored features."""

    def make(objective: Objective = HINT) -> Lesson:
        return Lesson(prepared, ("image",), Stored(kept, frozenset(recorded(tapped))), objective)

    return make


@pytest.fixture
def student(small_network: Callable[..., nn.Module]) -> Callable[[int], nn.Module]:
    return lambda seed=0: small_network(seed, "cnn-small")


def test_without_taps_the_network_learns_alone(
    lesson: Callable[..., Lesson], student: Callable[..., nn.Module]
):
    network = student()
    assert learner_of(network, lesson(), 0) is network
    logits = torch.zeros(2, 3)
    assert answers_of(logits) == {"logits": logits}
    assert answers_of({"logits": logits, "tap/a": logits}).keys() == {"logits", "tap/a"}


def test_a_learner_shows_logits_taps_and_what_the_adapter_makes_of_them(
    hidden: Callable[..., Lesson], student: Callable[..., nn.Module], prepared: Prepared
):
    network = student().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    random = torch.get_rng_state()
    learner = learner_of(network, hidden(), 0)
    assert torch.equal(torch.get_rng_state(), random)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    pixels = torch.from_numpy(prepared.inputs(np.arange(5), ("image",))["image"])
    shown = learner.eval()(pixels)
    assert {name: tuple(value.shape) for name, value in shown.items()} == {
        "logits": (5, 10),
        "tap/stages.0": (5, 8, 8, 8),
        "tap/stages.4": (5, 32, 2, 2),
        "projected:stages.0>stages.2": (5, 32, 2, 2),
        "projected:stages.4>stages.4": (5, 64, 2, 2),
    }
    torch.testing.assert_close(shown["logits"], network(pixels))


def test_the_adapter_begins_from_the_seed_alone(
    hidden: Callable[..., Lesson], student: Callable[..., nn.Module]
):
    def first(seed: int) -> Tensor:
        torch.rand(3)
        return next(learner_of(student(), hidden(), seed).adapters.parameters())

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_passes_the_self_check_and_learns(
    method: str,
    hidden: Callable[..., Lesson],
    student: Callable[..., nn.Module],
    tapped: Tapped,
    tmp_path: Path,
):
    term = HiddenFeatures(PAIRS, method)
    asked = hidden(METHODS[method].weight * term)
    made = student()
    # An untrained teacher has no class order to speak of.
    selfcheck_without_order(asked, made, tapped)
    found = train(made, asked, replace(QUICK, epochs=3), key="k", path=tmp_path / "c")
    losses = [point["loss"] for point in found.curve]
    assert losses[-1] < losses[0]


def selfcheck_without_order(lesson: Lesson, network: nn.Module, teacher: Tapped) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("understudy.training.selfcheck.class_order", lambda *_: None)
        assert "class_order" in selfcheck(lesson, network, teacher)


def test_features_of_another_teacher_are_found_out(
    hidden: Callable[..., Lesson],
    student: Callable[..., nn.Module],
    small_network: Callable[..., nn.Module],
):
    other = NetworkTeacher(small_network(8, "cnn-medium"))
    with pytest.raises(RequestError, match=r"the stored (logits|tap/stages.[24]) are not what"):
        selfcheck(hidden(), student(), Tapped(other, tuple(PAIRS.values()), 2))


def test_shapes_that_do_not_fit_are_refused_before_the_first_step(
    hidden: Callable[..., Lesson], student: Callable[..., nn.Module]
):
    wrong = as_objective(HiddenFeatures({"head.0": "stages.4"}, "attention_transfer"))
    with pytest.raises(RequestError, match=r"attention_transfer of head.0 and stages.4, 128 and"):
        learner_of(student(), hidden(wrong), 0)


def test_stored_and_live_features_teach_the_same(
    hidden: Callable[..., Lesson],
    student: Callable[..., nn.Module],
    tapped: Tapped,
    tmp_path: Path,
):
    found = []
    for name, lesson in (
        ("stored", hidden()),
        ("live", replace(hidden(), knowledge=Live(tapped, hidden().prepared))),
    ):
        outcome = train(student(), lesson, QUICK, key="k", path=tmp_path / name)
        found.append(outcome.curve[-1]["loss"])
    assert found[0] == pytest.approx(found[1], rel=1e-2)


@pytest.mark.parametrize("method", ["hint", "variational_information", "similarity_preserving"])
def test_killed_and_continued_it_ends_with_the_same_weights_bit_for_bit(
    method: str,
    hidden: Callable[..., Lesson],
    student: Callable[..., nn.Module],
    tmp_path: Path,
):
    asked = hidden(1.0 * SoftLabels() + 1.0 * HiddenFeatures(PAIRS, method))
    whole = student()
    wanted = train(whole, asked, QUICK, key="k", path=tmp_path / "whole")
    path, deaths = tmp_path / "killed", 0
    while True:
        # One call more than it dies after: the first tells the shapes.
        dying = replace(asked, knowledge=Mortal(asked.knowledge, 3 + deaths))
        network = student(deaths if path.exists() else 0)
        torch.manual_seed(deaths)
        try:
            found = train(network, dying, QUICK, key="k", path=path)
            break
        except Killed:
            deaths += 1
    assert deaths >= 2
    assert [dict(point) for point in found.curve] == [dict(point) for point in wanted.curve]
    for name, value in whole.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name


def test_the_checkpoint_holds_the_adapter_and_the_network_does_not(
    hidden: Callable[..., Lesson], student: Callable[..., nn.Module], tmp_path: Path
):
    network = student()
    names = list(network.state_dict())
    train(network, hidden(), QUICK, key="k", path=tmp_path / "c")
    with safe_open(tmp_path / "c", framework="pt") as file:
        held = list(file.keys())
    assert any("adapters.0.projections.1.linear.weight" in name for name in held)
    assert list(network.state_dict()) == names
    assert all(not module._forward_hooks for module in network.modules())


def test_what_is_learnt_beside_it_is_learnt(
    hidden: Callable[..., Lesson], student: Callable[..., nn.Module]
):
    from understudy.training.step import Worker

    asked = hidden()
    learner = learner_of(student(), asked, 0)
    assert isinstance(learner, Learner)
    before = [weight.detach().clone() for weight in learner.adapters.parameters()]
    worker = Worker.of(learner, QUICK)
    worker.step(asked, np.arange(32))
    after = list(learner.adapters.parameters())
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
