"""Teachers answer in eval mode and without gradients, and can be told from one another."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax, logsumexp
from torch import nn

from understudy.errors import RequestError
from understudy.students import Blueprint
from understudy.tasks import Prepared
from understudy.tasks.folders import ModelFacts, load_network, save_network
from understudy.teachers import Ensemble, NetworkTeacher, fingerprint


@pytest.fixture
def inputs(prepared: Prepared) -> dict[str, torch.Tensor]:
    return {"image": torch.from_numpy(np.asarray(prepared.store.read("image", 0, 20)))}


def test_a_network_answers_in_eval_mode_and_without_gradients(
    small_network: Callable[..., nn.Module], inputs: dict[str, torch.Tensor]
):
    network = small_network(0, "cnn-small", 0.5).train()
    teacher = NetworkTeacher(network)
    before = fingerprint(network)
    first = teacher.answer(inputs)["logits"]
    network.train()  # as a loop around it might
    second = teacher.answer(inputs)["logits"]
    assert torch.equal(first, second)
    assert fingerprint(network) == before == teacher.fingerprint
    assert not first.requires_grad
    assert not any(weight.requires_grad for weight in network.parameters())
    assert first.shape == (20, 10)


def test_half_precision_networks_answer_in_float32():
    class Half(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image.flatten(1).half()

    assert NetworkTeacher(Half()).answer({"image": torch.ones(2, 3)})["logits"].dtype == (
        torch.float32
    )


@pytest.mark.parametrize("weights", [None, (1.0, 1.0, 1.0), (3.0, 1.0, 0.5)])
def test_an_ensemble_says_the_log_of_the_mean_probability(
    small_network: Callable[..., nn.Module],
    inputs: dict[str, torch.Tensor],
    weights: tuple[float, ...] | None,
):
    members = tuple(NetworkTeacher(small_network(seed)) for seed in range(3))
    found = Ensemble(members, weights).answer(inputs)["logits"].numpy()
    said = np.stack([member.answer(inputs)["logits"].numpy() for member in members])
    share = np.array(weights or (1, 1, 1), dtype=np.float64)
    share = (share / share.sum()).reshape(3, 1, 1)
    wanted = logsumexp(log_softmax(said.astype(np.float64), axis=2), axis=0, b=share)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1, rtol=1e-5)


def test_an_ensemble_does_not_overflow():
    class Loud(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.tensor([[1e4, -1e4]]).expand(len(image), 2)

    class Quiet(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.zeros(len(image), 2)

    teacher = Ensemble((NetworkTeacher(Loud()), NetworkTeacher(Quiet())))
    probabilities = teacher.answer({"image": torch.ones(1, 1)})["logits"].exp()
    torch.testing.assert_close(probabilities, torch.tensor([[0.75, 0.25]]))


def test_members_of_other_widths_are_told(
    small_network: Callable[..., nn.Module], inputs: dict[str, torch.Tensor]
):
    narrow = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    narrow = type(small_network())(small_network().pixels, narrow)
    teacher = Ensemble((NetworkTeacher(small_network()), NetworkTeacher(narrow)))
    with pytest.raises(RequestError) as caught:
        teacher.answer(inputs)
    assert str(caught.value) == "the teachers of the ensemble answer 10, 4 classes; they must agree"


def test_members_of_other_classes_are_told():
    def member(*classes: str) -> NetworkTeacher:
        return NetworkTeacher(nn.Flatten(), classes or None)

    assert Ensemble((member(), member("a", "b"), member("a", "b"))).classes == ("a", "b")
    assert Ensemble((member(), member())).classes is None
    with pytest.raises(RequestError) as caught:
        Ensemble((member("a", "b"), member(), member("b", "a")))
    assert str(caught.value) == (
        "the teachers of the ensemble answer [a, b] and [b, a]; they must agree, in the order too"
    )


def test_the_fingerprint_changes_with_whatever_decides_an_answer(
    small_network: Callable[..., nn.Module],
):
    network = small_network(0, "cnn-small")
    prints = {fingerprint(network)}
    for name in network.state_dict():
        other = copy.deepcopy(network)
        place = other.state_dict()[name].view(-1)[-1:]
        place += torch.ones_like(place)
        prints.add(fingerprint(other))
    prints.add(fingerprint(small_network(0, "cnn-medium")))
    assert len(prints) == len(network.state_dict()) + 2
    assert (
        len({fingerprint(nn.Sequential(nn.Flatten(), layer)) for layer in (nn.ReLU(), nn.GELU())})
        == 2
    )


def test_the_fingerprint_does_not_change_with_where_a_network_lies(
    tmp_path: Path, prepared: Prepared, small_network: Callable[..., nn.Module]
):
    network = small_network(0)
    form = prepared.facts.form
    blueprint = Blueprint("preset", "mlp-16", tuple(form["shape"]), 10)
    facts = ModelFacts("image-classification", blueprint, form, prepared.facts.classes)
    found = {fingerprint(network), fingerprint(network.train()), fingerprint(small_network(0))}
    for place in ("a", "b"):
        save_network(tmp_path / place, network.body, facts)
        found.add(fingerprint(load_network(tmp_path / place)))
    assert len(found) == 1


def test_the_fingerprint_of_an_ensemble_is_its_members_and_weights(
    small_network: Callable[..., nn.Module],
):
    one, two = (NetworkTeacher(small_network(seed)) for seed in range(2))
    made = [
        Ensemble((one, two)),
        Ensemble((two, one)),
        Ensemble((one, two), (2.0, 1.0)),
        Ensemble((one, one)),
    ]
    assert len({teacher.fingerprint for teacher in made}) == 4
    assert Ensemble((one, two), (3.0, 3.0)).fingerprint == made[0].fingerprint


def test_an_ensemble_of_several_classes_says_the_log_odds_of_the_mean_probability(
    small_network: Callable[..., nn.Module], inputs: dict[str, torch.Tensor]
):
    members = tuple(NetworkTeacher(small_network(seed)) for seed in range(3))
    found = Ensemble(members, (3.0, 1.0, 0.5), several=True)
    said = np.stack([expit(member.answer(inputs)["logits"].numpy()) for member in members])
    wanted = np.average(said.astype(np.float64), axis=0, weights=(3.0, 1.0, 0.5))
    logits = found.answer(inputs)["logits"].numpy()
    np.testing.assert_allclose(expit(logits), wanted, rtol=1e-5)
    assert found.fingerprint != Ensemble(members, (3.0, 1.0, 0.5)).fingerprint
