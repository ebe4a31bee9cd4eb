import pytest
import torch
from torch import nn

from understudy.errors import RequestError
from understudy.objectives import HiddenFeatures, SoftLabels, as_objective
from understudy.students.cnn import Cnn
from understudy.students.mlp import Mlp
from understudy.training.pairing import _spread, blocks, paired

INPUTS = {"image": torch.zeros(2, 1, 8, 8)}


def cnn(width: int = 4) -> nn.Module:
    return Cnn((8, 8, 1), 10, width)


def mlp(*widths: int) -> nn.Module:
    return Mlp((8, 8, 1), 10, widths)


class Blocks(nn.Module):
    """Blocks that stand in a list, with a list inside each, and give tokens in a tuple."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Block() for _ in range(depth))
        self.head = nn.Linear(8, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        tokens = image.flatten(0, 1)
        for layer in self.layers:
            (tokens,) = layer(tokens)
        return self.head(tokens.mean(dim=1))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Sequential(nn.Linear(8, 8), nn.ReLU()), nn.Linear(8, 8))

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.inner(tokens),)


class Bare(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.flatten(1)[:, :10]


@pytest.mark.parametrize(
    ("network", "found"),
    [
        (cnn(), ["stages.0", "stages.2", "stages.4"]),
        (mlp(16, 8), ["layers.1", "layers.3"]),
        (Blocks(4), ["layers.0", "layers.1", "layers.2", "layers.3"]),
        (
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 10)),
            ["0"],
        ),
    ],
    ids=["cnn", "mlp", "blocks", "layers"],
)
def test_blocks_are_found_in_order(network: nn.Module, found: list[str]):
    network.train()
    assert blocks(network, INPUTS) == found
    assert network.training
    assert all(not module._forward_hooks for module in network.modules())


def test_pairs_are_spread_evenly_and_end_with_the_last():
    layers = list("abcdefghijkl")
    assert _spread(layers, 3) == ["d", "h", "l"]
    assert _spread(layers[:4], 3) == ["a", "c", "d"]
    assert _spread(layers[:3], 3) == ["a", "b", "c"]
    assert _spread(layers, 1) == ["l"]


@pytest.mark.parametrize(
    ("student", "teacher", "pairs"),
    [
        (cnn(), cnn(8), {f"stages.{at}": f"stages.{at}" for at in (0, 2, 4)}),
        (mlp(8), mlp(16, 16), {"layers.1": "layers.3"}),
        (Blocks(2), Blocks(6), {"layers.0": "layers.2", "layers.1": "layers.5"}),
    ],
    ids=["cnn", "mlp", "blocks"],
)
def test_auto_pairs_both_networks(student: nn.Module, teacher: nn.Module, pairs: dict[str, str]):
    asked = 0.5 * SoftLabels() + 2 * HiddenFeatures(method="linear_cka")
    found = paired(asked, student, teacher, INPUTS)
    assert found == 0.5 * SoftLabels() + 2 * HiddenFeatures(pairs, "linear_cka")


def test_what_is_given_is_kept_once_both_paths_are_found():
    given = as_objective(HiddenFeatures({"stages.0": "layers.1"}))
    assert paired(given, cnn(), mlp(16), INPUTS) == given
    with pytest.raises(
        RequestError, match=r"the teacher has no module 'layer.1'; nearest are: 'layers.1'"
    ):
        paired(as_objective(HiddenFeatures({"stages.0": "layer.1"})), cnn(), mlp(16), INPUTS)
    with pytest.raises(RequestError, match=r"the student has no module 'stages.0'"):
        paired(given, mlp(16), cnn(), INPUTS)


def test_a_network_without_any_place_is_refused():
    with pytest.raises(RequestError, match="'auto' finds no hidden features in Bare; give pairs"):
        blocks(Bare(), INPUTS)
