"""Features are read where the path says, as they were there, and no hook stays behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from understudy.errors import RequestError
from understudy.students.cnn import Cnn
from understudy.tasks import Prepared
from understudy.teachers import NetworkTeacher, Tapped
from understudy.teachers.taps import captured, features_of, module_at
from understudy.teachers.teaching import bytes_per_row, knowledge_key, provenance, recorded, teach

IMAGES = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return Cnn((8, 8, 1), 10, 4).eval()


def hooks(network: nn.Module) -> Iterator[int]:
    return (len(module._forward_hooks) for module in network.modules())


def test_features_are_what_the_module_gave(network: nn.Module):
    with captured(network, ("stages.0", "head.0")) as found:
        network(IMAGES)
    with torch.no_grad():
        torch.testing.assert_close(found["tap/stages.0"], network.stages[0](IMAGES))
    assert found["tap/head.0"].ndim == 2
    assert set(found) == {"tap/stages.0", "tap/head.0"}


def test_a_relu_in_place_behind_it_does_not_change_them(network: nn.Module):
    with captured(network, ("stages.0.1",)) as found:
        network(IMAGES)
    assert float(found["tap/stages.0.1"].detach().min()) < 0


def test_gradients_go_through_them(network: nn.Module):
    with captured(network, ("stages.0",)) as found:
        network(IMAGES)
    found["tap/stages.0"].sum().backward()
    assert float(network.stages[0][0].weight.grad.abs().sum()) > 0
    assert network.stages[2][0].weight.grad is None


def test_hooks_are_gone_afterwards_whatever_happens(network: nn.Module):
    with pytest.raises(RuntimeError), captured(network, ("stages.0", "stages.2")):
        assert sum(hooks(network)) == 2
        network(torch.zeros(1, 5, 8, 8))
    assert sum(hooks(network)) == 0
    with pytest.raises(RequestError), captured(network, ("stages.0", "no")):
        raise AssertionError
    assert sum(hooks(network)) == 0


def test_a_wrong_path_is_told_the_nearest(network: nn.Module):
    with pytest.raises(RequestError) as error:
        module_at(network, "stage.2")
    assert str(error.value) == (
        "hidden_features: the network has no module 'stage.2'; nearest are: "
        "'stages.2', 'stages.4.2', 'stages.2.5'"
    )
    with pytest.raises(RequestError, match=r"has no module ''; nearest are: 'stages'"):
        module_at(network, "")


def test_the_body_may_be_left_out_of_a_path(small_network: Callable[..., nn.Module]):
    network = small_network()
    assert module_at(network, "layers.1") is module_at(network, "body.layers.1")


@pytest.mark.parametrize("output", [(IMAGES, None), {"last": IMAGES}, IMAGES])
def test_of_several_outputs_the_first_counts(output: object):
    assert features_of(output, "x") is IMAGES


@pytest.mark.parametrize("output", [None, (), torch.zeros(3), torch.zeros(1, 1, 1, 1, 1), "text"])
def test_what_is_no_feature_is_refused(output: object):
    with pytest.raises(RequestError, match=r"hidden_features: 'x' gives .*; name a module that"):
        features_of(output, "x")


@pytest.fixture
def cnn(small_network: Callable[..., nn.Module]) -> Callable[..., Tapped]:
    def make(paths: tuple[str, ...] = ("stages.0", "stages.2"), pool: int | None = 4) -> Tapped:
        return Tapped(NetworkTeacher(small_network(0, "cnn-small")), paths, pool)

    return make


def pixels(prepared: Prepared) -> dict[str, Tensor]:
    return {"image": torch.from_numpy(prepared.inputs(np.arange(300), ("image",))["image"])}


def test_a_tapped_teacher_gives_its_features_averaged_down(
    cnn: Callable[..., Tapped], prepared: Prepared
):
    inputs = pixels(prepared)
    small, whole = cnn(), cnn(pool=None)
    said, all_of_it = small.answer(inputs), whole.answer(inputs)
    assert torch.equal(said["logits"], whole.teacher.answer(inputs)["logits"])
    assert said["tap/stages.0"].shape == (300, 8, 4, 4)
    assert all_of_it["tap/stages.0"].shape == (300, 8, 8, 8)
    torch.testing.assert_close(
        said["tap/stages.0"], torch.nn.functional.avg_pool2d(all_of_it["tap/stages.0"], 2)
    )
    assert not said["tap/stages.2"].requires_grad
    assert small.fingerprint == whole.fingerprint == whole.teacher.fingerprint
    with pytest.raises(RequestError, match=r"has no module 'stages.7'"):
        cnn(("stages.7",))


def test_features_are_stored_beside_the_logits_in_half_precision(
    cnn: Callable[..., Tapped], prepared: Prepared, tmp_path: Path
):
    teacher = cnn()
    store = teach(teacher, prepared, ("image",), tmp_path / "s", rows_per_shard=90)
    wanted = teacher.answer(pixels(prepared))
    assert recorded(teacher) == ("logits", "tap/stages.0", "tap/stages.2") == tuple(wanted)
    for name in ("tap/stages.0", "tap/stages.2"):
        found = np.asarray(store.read(name, 0, 300))
        assert found.dtype == np.float32
        assert found.any()
        np.testing.assert_allclose(found, wanted[name].numpy(), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(store.read("logits", 0, 300), wanted["logits"], rtol=1e-5, atol=1e-5)
    numbers = 8 * 16 + 16 * 16
    assert bytes_per_row(10, "fp32", numbers) == 40 + 2 * numbers
    assert store.bytes / 300 == pytest.approx(bytes_per_row(10, "fp32", numbers), rel=0.1)


def test_other_taps_and_another_size_are_other_knowledge(
    cnn: Callable[..., Tapped], prepared: Prepared
):
    teachers = [cnn(), cnn(pool=2), cnn(pool=None), cnn(("stages.0",)), cnn().teacher]
    keys = {knowledge_key(teacher, prepared, "fp32") for teacher in teachers}
    assert len(keys) == 5
    assert knowledge_key(cnn(), prepared, "fp32") in keys
    told = provenance(cnn(), prepared, "fp32")
    assert told["recorded"] == ["logits", "tap/stages.0", "tap/stages.2"]
    assert (told["pool"], told["tap_codec"]) == (4, "fp16")
    assert "pool" not in provenance(cnn().teacher, prepared, "fp32")
