"""Names of our own networks, and what they mean."""

from __future__ import annotations

import pytest
import torch

from understudy.errors import RequestError
from understudy.students.presets import PRESETS, is_preset, preset_network, static_sizes

IDS = torch.tensor([[4, 5, 6], [7, 0, 0]])
MASK = torch.tensor([[1, 1, 1], [1, 0, 0]])


@pytest.mark.parametrize(
    ("name", "image", "text"),
    [
        ("cnn-small", True, False),
        ("small", True, True),
        ("tiny", False, True),
        ("cnn", False, True),
        ("mlp-16", True, False),
        ("mlp-7-9-11", True, False),
        ("mlp-0", False, False),
        ("mlp-", False, False),
        ("static", False, True),
        ("static-64", False, True),
        ("static-64-0", False, True),
        ("static-0", False, False),
        ("static-64-8-2", False, False),
        ("bilstm", False, True),
        ("", False, False),
    ],
)
def test_a_name_is_known_for_what_it_reads(name: str, image: bool, text: bool):
    assert is_preset(name, "image") is image
    assert is_preset(name, "text") is text
    assert is_preset(name) is (image or text)


@pytest.mark.parametrize("name", PRESETS["text"])
def test_every_preset_for_texts_answers_and_is_drawn_from_the_seed(name: str):
    def made():
        torch.manual_seed(0)
        return preset_network(name, "text", (60, 16), 3, 0.0).eval()

    with torch.no_grad():
        said, again = made()(IDS, MASK), made()(IDS, MASK)
        alone = made()(IDS[1:, :1], MASK[1:, :1])
    assert said.shape == (2, 3)
    assert torch.equal(said, again)
    torch.testing.assert_close(alone, said[1:], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", PRESETS["image"])
def test_every_preset_for_images_answers(name: str):
    network = preset_network(name, "image", (8, 8, 1), 3, 0.0).eval()
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 3)


def test_the_sizes_are_those_of_the_name():
    def shapes(name: str) -> list[tuple[int, ...]]:
        network = preset_network(name, "text", (60, 16), 3, 0.0)
        return [tuple(weight.shape) for weight in network.parameters() if weight.ndim == 2]

    assert (60, 24) in shapes("static-24-7")
    assert (7, 24) in shapes("static-24-7")
    assert (3, 24) in shapes("static-24-0")
    assert (60, 128) in shapes("static")
    assert (512, 128) in shapes("static")


def test_images_that_are_too_small_get_another_network():
    with pytest.raises(RequestError, match=r"at least 8 x 8 pixels, these are 4 x 9; take an mlp"):
        preset_network("cnn-small", "image", (4, 9, 1), 3, 0.0)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("static", (None, 0)),
        ("static-384", (384, 0)),
        ("static-384-0", (384, 0)),
        ("static-384-1024", (384, 1024)),
    ],
)
def test_a_static_name_holds_a_width_and_hidden_units(name: str, sizes: tuple[int | None, int]):
    assert static_sizes(name) == sizes
