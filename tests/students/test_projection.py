"""Principal directions against an independent reference, and a file that tells of damage."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from understudy.errors import RequestError
from understudy.students.projection import Projection, evening, fitted, read_projection

ROWS, WIDE = 300, 20


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """Vectors that lie mostly along a few directions, and whose mean is not zero."""
    generator = np.random.default_rng(5)
    scales = np.linspace(3.0, 0.2, WIDE)
    turned = np.linalg.qr(generator.normal(size=(WIDE, WIDE)))[0]
    found = (generator.normal(size=(ROWS, WIDE)) * scales) @ turned + 0.4
    return found.astype(np.float32)


def reference(vectors: np.ndarray, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """By singular values in float64, of the vectors at length one, about the origin."""
    rows = vectors.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    _, scales, directions = np.linalg.svd(rows, full_matrices=False)
    return directions[:dimensions].T, (scales**2 / (scales**2).sum())[:dimensions]


def blocks(vectors: np.ndarray, size: int = 77) -> list[np.ndarray]:
    return [vectors[start : start + size] for start in range(0, len(vectors), size)]


@pytest.mark.parametrize("dimensions", [1, 6, WIDE])
def test_directions_are_those_of_the_singular_values(vectors: np.ndarray, dimensions: int):
    found = fitted(blocks(vectors), dimensions)
    wanted, shares = reference(vectors, dimensions)
    mine = found.directions.numpy().astype(np.float64)
    np.testing.assert_allclose(np.abs((mine * wanted).sum(0)), 1.0, atol=1e-5)
    np.testing.assert_allclose(mine.T @ mine, np.eye(dimensions), atol=1e-6)
    np.testing.assert_allclose(found.shares.numpy(), shares, atol=1e-6)
    assert found.kept == pytest.approx(min(1.0, shares.sum()), abs=1e-6)
    largest = np.abs(mine).argmax(axis=0)
    assert (mine[largest, np.arange(dimensions)] > 0).all()


@pytest.mark.parametrize("lengths", [(), (4,), (3, 9)])
def test_numbers_carry_alike_between_lengths_that_span_the_leading_spaces(
    vectors: np.ndarray, lengths: tuple[int, ...]
):
    dimensions = 14
    plain, even = fitted(blocks(vectors), dimensions), fitted(blocks(vectors), dimensions, lengths)
    rows = vectors.astype(np.float64) / np.linalg.norm(vectors, axis=1, keepdims=True)
    edges = [0, *lengths, dimensions]
    for start, stop in itertools.pairwise(edges):
        wanted = reference(vectors, stop)[0]
        mine = even.directions.numpy()[:, :stop].astype(np.float64)
        np.testing.assert_allclose(mine @ mine.T, wanted @ wanted.T, atol=1e-5)
        part = slice(start, stop)
        spread = [np.ptp(each.shares.numpy()[part]) for each in (plain, even)]
        assert spread[1] < 0.7 * spread[0]
    assert even.kept == pytest.approx(plain.kept, abs=1e-6)
    measured = ((rows @ even.directions.numpy()) ** 2).sum(0) / ROWS
    np.testing.assert_allclose(even.shares.numpy(), measured, atol=0.05)
    mine = even.directions.numpy().astype(np.float64)
    np.testing.assert_allclose(mine.T @ mine, np.eye(dimensions), atol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_the_turn_is_a_rotation(size: int):
    from scipy.fft import dct

    np.testing.assert_allclose(evening(size), dct(np.eye(size), axis=-1, norm="ortho"), atol=1e-12)
    np.testing.assert_allclose(evening(size).T @ evening(size), np.eye(size), atol=1e-12)


def test_the_same_vectors_in_other_blocks_and_lengths_give_the_same(vectors: np.ndarray):
    one = fitted(blocks(vectors), 6)
    assert fitted(blocks(vectors), 6).digest == one.digest
    longer = vectors * np.linspace(0.5, 9.0, ROWS, dtype=np.float32)[:, None]
    for other in (fitted(blocks(vectors, 10), 6), fitted(blocks(longer), 6)):
        torch.testing.assert_close(other.directions, one.directions, atol=1e-5, rtol=1e-4)


def test_as_many_directions_as_there_are_change_no_cosine(vectors: np.ndarray):
    found = fitted(blocks(vectors), WIDE)
    moved = found.of_array(vectors)
    plain = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(moved @ moved.T, plain @ plain.T, atol=1e-5)
    assert not np.allclose(moved, plain, atol=0.1)


def test_projected_vectors_have_length_one_and_none_becomes_nan(vectors: np.ndarray):
    found = fitted(blocks(vectors), 6)
    given = torch.from_numpy(vectors[:9]).clone()
    given[3] = 0.0
    lengths = found.of(given).norm(dim=-1)
    assert lengths.tolist() == pytest.approx([1.0] * 3 + [0.0] + [1.0] * 5, abs=1e-5)
    torch.testing.assert_close(found.along(given), given @ found.directions)


def test_leading_dimensions_are_the_teachers_own():
    found = Projection.leading(5, 2)
    assert found.along(torch.arange(5.0)).tolist() == [0.0, 1.0]
    assert found.kept is None


def test_fewer_vectors_than_dimensions_are_refused(vectors: np.ndarray):
    with pytest.raises(RequestError, match="7 texts to learn from do not show the 8 principal"):
        fitted([vectors[:7]], 8)
    with pytest.raises(RequestError, match="0 texts"):
        fitted([], 1)
    assert fitted([vectors[:8]], 8).dimensions == 8


def test_it_reads_back_what_was_saved(vectors: np.ndarray, tmp_path: Path):
    path = tmp_path / "projection.safetensors"
    for saved in (fitted(blocks(vectors), 6), Projection.leading(9, 4)):
        saved.save(path)
        again = read_projection(path)
        assert again.digest == saved.digest
        assert torch.equal(again.directions, saved.directions)
        assert load_file(path)["directions"].dtype == np.float32
        saved.save(tmp_path / "second.safetensors")
        assert (tmp_path / "second.safetensors").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("damage", ["bit", "cut", "missing", "other"])
def test_a_damaged_file_is_told(damage: str, vectors: np.ndarray, tmp_path: Path):
    from safetensors.numpy import save_file

    path = tmp_path / "projection.safetensors"
    fitted(blocks(vectors), 6).save(path)
    content = bytearray(path.read_bytes())
    content[-30] ^= 4
    if damage == "bit":
        path.write_bytes(content)
    elif damage == "cut":
        path.write_bytes(content[:-40])
    elif damage == "missing":
        path.unlink()
    else:
        save_file({"directions": vectors[:6].T.copy(), "shares": vectors[0, :6].copy()}, path)
    with pytest.raises(RequestError, match=r"projection in '.*' (cannot be read|is damaged)"):
        read_projection(path)


def test_vectors_that_are_not_the_teachers_are_refused():
    found = Projection.leading(5, 2)
    with pytest.raises(RequestError, match=r"shape \[3, 4\]; the teacher's have the shape \[texts"):
        found.of_array(np.zeros((3, 4)))
    with pytest.raises(RequestError, match=r"shape \[5\]"):
        found.of_array(np.zeros(5))
    with pytest.raises(RequestError, match="NaN or infinite"):
        found.of_array(np.full((1, 5), np.nan))
