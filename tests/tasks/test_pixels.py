"""The affine map in front of every network, against numpy and Pillow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from understudy.data import images
from understudy.tasks.pixels import ImageNetwork, Pixels
from understudy.teachers import fingerprint

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (3, 7, 5, 1), np.uint8)
COLOUR = RANDOM.integers(0, 256, (3, 7, 5, 3), np.uint8)
FLOATS = RANDOM.normal(size=(3, 7, 5, 3)).astype(np.float32)
MEAN, STD = (120.0, 90.0, 30.0), (50.0, 60.0, 2.0)


def planes(stored: np.ndarray) -> np.ndarray:
    return stored.astype(np.float64).transpose(0, 3, 1, 2)


def through(stored: np.ndarray, *arguments: object) -> np.ndarray:
    shown = Pixels(*arguments)(torch.from_numpy(stored))
    assert shown.dtype == torch.float32
    return shown.numpy()


@pytest.mark.parametrize("stored", [COLOUR, FLOATS])
def test_colour_is_normalised_channel_by_channel(stored: np.ndarray):
    wanted = (planes(stored) - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
    np.testing.assert_allclose(through(stored, MEAN, STD), wanted, rtol=1e-5, atol=1e-5)


def test_grey_becomes_three_equal_channels():
    wanted = (planes(GREY) - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
    np.testing.assert_allclose(through(GREY, MEAN, STD), wanted, rtol=1e-5, atol=1e-5)


def test_colour_becomes_grey_as_where_files_are_read():
    shown = through(COLOUR, (0.0,), (1.0,))[:, 0]
    pillow = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in COLOUR])
    assert np.abs(shown - pillow).max() <= 1
    floats, _ = images.to_pixels(FLOATS, channels=1)
    np.testing.assert_allclose(through(FLOATS, (0.0,), (1.0,))[:, 0], floats[..., 0], atol=1e-6)


@pytest.mark.parametrize("size", [(7, 5), (14, 20), (3, 2), (4, 9)])
def test_images_are_resized_as_pillow_does(size: tuple[int, int]):
    shown = through(FLOATS, (0.0,) * 3, (1.0,) * 3, size)
    assert shown.shape == (3, 3, *size)
    for image, row in np.ndindex(3, 3):
        plane = Image.fromarray(np.ascontiguousarray(FLOATS[image, :, :, row]))
        wanted = np.asarray(plane.resize(size[::-1], Image.Resampling.BILINEAR))
        np.testing.assert_allclose(shown[image, row], wanted, atol=1e-5)


def test_a_size_that_is_there_already_changes_no_bit():
    wanted = through(COLOUR, MEAN, STD)
    for size in ((7, 5), [7, 5]):  # from JSON it is a list
        assert through(COLOUR, MEAN, STD, size).tobytes() == wanted.tobytes()


def test_all_that_decides_an_answer_is_in_the_fingerprint():
    made = [
        fingerprint(Pixels(mean, std, size))
        for mean, std, size in (
            ((0.0,), (1.0,), None),
            ((1.0,), (1.0,), None),
            ((0.0,), (2.0,), None),
            ((0.0,), (1.0,), (4, 4)),
            ((0.0,), (1.0,), (4, 5)),
        )
    ]
    assert len(set(made)) == 5
    assert fingerprint(Pixels((0.0,), (1.0,), [4, 5])) == made[-1]


def test_the_network_reads_what_the_pixels_give():
    body = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(105, 2))
    network = ImageNetwork(Pixels(MEAN, STD), body)
    stored = torch.from_numpy(COLOUR)
    assert torch.equal(network(stored), body(network.pixels(stored)))
    assert network.body is body
