from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from understudy.data import near, sources
from understudy.data.checks import Finding


def find(train: NDArray[Any], test: NDArray[Any]) -> list[Finding]:
    images = np.concatenate([train, test])
    rows = np.arange(len(images))
    return near.find_near_leaks(
        near.coarse(images), rows[: len(train)], rows[len(train) :], lambda some: images[some]
    )


def noisy(images: NDArray[Any], most: int) -> NDArray[Any]:
    noise = np.random.default_rng(1).integers(-most, most + 1, images.shape)
    return np.clip(images.astype(int) + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(8, 8), (16, 32), (5, 20)])
def test_coarse_is_the_mean_of_each_cell(size: tuple[int, int]) -> None:
    images = np.random.default_rng(0).random((3, *size, 3), dtype=np.float32)
    coarse = near.coarse(images).reshape(3, 8, 8)
    edges = [np.linspace(0, side, 9).astype(int) for side in size]
    for row, column in np.ndindex(8, 8):
        (top, bottom), (left, right) = (
            (cuts[place], max(cuts[place + 1], cuts[place] + 1))
            for cuts, place in zip(edges, (row, column), strict=True)
        )
        cell = images[:, top:bottom, left:right].mean(axis=(1, 2, 3))
        np.testing.assert_allclose(coarse[:, row, column], cell, rtol=1e-5)


def test_noisy_copies_are_found_and_exact_ones_left_to_the_hashes() -> None:
    random = np.random.default_rng(0)
    blocks = random.integers(0, 256, (60, 4, 4, 3), dtype=np.uint8)
    images = blocks.repeat(8, axis=1).repeat(8, axis=2)
    (found,) = find(images[:40], np.concatenate([noisy(images[:3], 2), images[3:5], images[40:]]))
    assert (found.kind, found.count, found.rows) == ("nearly_leaked_test_rows", 3, (0, 1, 2))
    assert "3 of 25 test images nearly equal a training image" in found.text
    assert find(images[:40], images[40:]) == []


def test_images_without_any_content_do_no_harm() -> None:
    assert find(np.zeros((5, 8, 8, 1), np.uint8), np.zeros((3, 8, 8, 1), np.uint8)) == []


@pytest.mark.parametrize(("name", "train"), [("mnist", "train"), ("cifar10", "train_20k")])
def test_real_images(real: Callable[[str], Path], name: str, train: str) -> None:
    """No false alarm on real test images; most of fifty planted copies are found."""
    ours = sources.read(real(f"{name}/{train}.npz")).columns["x"][:10_000]
    theirs = sources.read(real(f"{name}/test.npz")).columns["x"][:1000]
    ours, theirs = (np.asarray(part).reshape(*part.shape[:3], -1) for part in (ours, theirs))
    assert find(ours, theirs) == []
    (found,) = find(ours, np.concatenate([theirs, noisy(ours[:50], 2)]))
    assert 40 <= found.count <= 50
    assert min(found.rows) >= 1000
