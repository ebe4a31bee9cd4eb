import pytest
import torch

from understudy.objectives.adapters import Pair, Projection, Projections, Variational, tap

MAPS, VECTORS = Pair("a.0", "b.1"), Pair("head", "norm")
SHAPES = {MAPS: ((2, 3, 8, 8), (2, 5, 4, 4)), VECTORS: ((2, 6), (2, 7))}
SHOWN = {"tap/a.0": torch.randn(2, 3, 8, 8), "tap/head": torch.randn(2, 6)}


def test_a_pair_names_its_answers():
    assert (MAPS.shown, MAPS.said) == ("tap/a.0", "tap/b.1") == (tap("a.0"), tap("b.1"))
    assert MAPS.learnt("projected") == "projected:a.0>b.1"


def test_a_projection_is_the_same_at_every_place():
    project = Projection(3, 5)
    maps = torch.randn(2, 3, 4, 4)
    found = project(maps)
    assert found.shape == (2, 5, 4, 4)
    torch.testing.assert_close(found[:, :, 1, 2], project(maps[:, :, 1, 2]))
    assert project(torch.randn(2, 9, 3)).shape == (2, 9, 5)


def test_projections_give_the_teachers_width_at_the_smaller_size():
    found = Projections(SHAPES)(SHOWN)
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "projected:a.0>b.1": (2, 5, 4, 4),
        "projected:head>norm": (2, 7),
    }


def test_vids_adapter_begins_with_a_variance_of_five_and_can_learn_it():
    adapter = Variational(SHAPES)
    found = adapter(SHOWN)
    assert found["projected:a.0>b.1"].shape == (2, 5, 4, 4)
    variance = found["variance:a.0>b.1"]
    assert variance.shape == (2, 5)
    assert variance[0].tolist() == pytest.approx([5.0] * 5, rel=1e-5)
    sum(value.sum() for value in found.values()).backward()
    assert all(weight.grad is not None for weight in adapter.parameters())
    assert sum("scales" in name for name, _ in adapter.named_parameters()) == 2
