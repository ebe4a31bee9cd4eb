from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from understudy.data import arrays
from understudy.errors import RequestError


def test_every_array_is_a_column(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 2, 2)), y=np.arange(3), fold=np.ones(3))
    rows = arrays.read(tmp_path / "a.npz", "a.npz")
    assert list(rows.columns) == ["x", "y", "fold"]
    assert len(rows) == 3


def test_one_array_is_x(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(8).reshape(2, 4))
    assert arrays.read(tmp_path / "a.npy", "a.npy").columns["x"].tolist()[1] == [4, 5, 6, 7]


def test_arrays_named_after_parts_are_parts(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x_train=np.zeros(3), y_train=np.zeros(3), x_test=np.ones(2), y_test=np.ones(2))
    train, test = (arrays.read(path, "a.npz", part) for part in ("train", "test"))
    assert (len(train), len(test)) == (3, 2)
    assert list(test.columns) == ["x", "y"]
    assert train.fingerprint != test.fingerprint


def test_pickled_content_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(RequestError, match=r"a\.npz holds pickled Python objects.*never loaded"):
        arrays.read(tmp_path / "a.npz", "a.npz")
    np.save(tmp_path / "a.npy", np.array([None], dtype=object))
    with pytest.raises(RequestError, match=r"a\.npy holds pickled Python objects"):
        arrays.read(tmp_path / "a.npy", "a.npy")


def test_unequal_lengths_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros(3), y=np.zeros(2))
    with pytest.raises(RequestError, match="differ in length: x has 3, y has 2 rows"):
        arrays.read(tmp_path / "a.npz", "a.npz")


@pytest.mark.parametrize("content", [b"PK\x03\x04 broken", b"\x93NUMPY", b"text"])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("a.npz", "a.npy"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RequestError, match=name):
            arrays.read(tmp_path / name, name)


def test_empty_files_single_numbers_and_absent_parts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"")
    with pytest.raises(RequestError, match="is empty"):
        arrays.read(tmp_path / "a.npz", "a.npz")
    np.savez(tmp_path / "b.npz", x=np.zeros(3), mean=np.float32(1))
    with pytest.raises(RequestError, match="array 'mean' is one number"):
        arrays.read(tmp_path / "b.npz", "b.npz")
    with pytest.raises(RequestError, match="has no parts, so '@test' names nothing"):
        arrays.read(tmp_path / "b.npz", "b.npz", "test")


def test_real_mnist(real: Callable[[str], Path]) -> None:
    rows = arrays.read(real("mnist/test.npz"), "mnist")
    assert rows.columns["x"].shape == (10_000, 28, 28)
    assert len(rows.columns["y"]) == 10_000
