from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, TensorDataset

from understudy.data import memory
from understudy.data.rows import Rows
from understudy.errors import RequestError

X = np.arange(24.0, dtype=np.float32).reshape(6, 2, 2)
Y = np.array([0, 1, 0, 1, 0, 1])


def read(source: object) -> Rows:
    return memory.read(source, Path.cwd())


class Pairs(Dataset[tuple[Image.Image, int]]):
    def __len__(self) -> int:
        return 3

    def __getitem__(self, row: int) -> tuple[Image.Image, int]:
        if row >= 3:
            raise IndexError
        return Image.new("L", (4, 4), row), row % 2


TENSORS = (torch.from_numpy(X), torch.from_numpy(Y))
SAME = {
    "arrays": (X, Y),
    "tensors": TENSORS,
    "table": {"x": X, "y": Y},
    "lists": {"x": list(X), "y": Y.tolist()},
    "torch dataset": TensorDataset(*TENSORS),
    "loader": DataLoader(TensorDataset(*TENSORS), batch_size=4),
    "batches": [(X[:4], Y[:4]), (X[4:], Y[4:])],
    "pairs": list(zip(X, Y, strict=True)),
    "generator": ((x, y) for x, y in zip(X, Y, strict=True)),
    "records": [{"x": x, "y": y} for x, y in zip(X, Y, strict=True)],
}


@pytest.mark.parametrize("kind", SAME)
def test_every_form_gives_the_same_rows(kind: str) -> None:
    rows = read(SAME[kind])
    np.testing.assert_array_equal(rows.columns["x"], X)
    np.testing.assert_array_equal(rows.columns["y"], Y)
    assert rows.fingerprint == read((X, Y)).fingerprint


def test_inputs_alone_have_no_y() -> None:
    for source in (X, torch.from_numpy(X), list(X), DataLoader(TensorDataset(TENSORS[0]), 4)):
        rows = read(source)
        assert list(rows.columns) == ["x"]
        np.testing.assert_array_equal(rows.columns["x"], X)


def test_pil_images_stay_what_they_are() -> None:
    rows = read(Pairs())
    assert [image.getpixel((0, 0)) for image in rows.columns["x"]] == [0, 1, 2]
    assert rows.columns["y"].tolist() == [0, 1, 0]


def test_text_labels_in_batches() -> None:
    rows = read([(X[:2], ["a", "b"]), (X[2:3], ["c"])])
    assert list(rows.columns["y"]) == ["a", "b", "c"]


def test_files_are_found_and_known_by_content(pictures: Path) -> None:
    rows = memory.read({"file": ["cat/0.png", "dog/0.png"], "label": ["cat", "dog"]}, pictures)
    assert rows.columns["file"][0] == str(pictures / "cat/0.png")
    before = rows.fingerprint
    (pictures / "cat/0.png").write_bytes((pictures / "cat/1.png").read_bytes())
    again = memory.read({"file": ["cat/0.png", "dog/0.png"], "label": ["cat", "dog"]}, pictures)
    assert again.fingerprint != before


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (7, "a source of type int cannot be read"),
        ([], "list is empty: it gave no rows"),
        ([(1, 2, 3)], "gives tuples of 3"),
        ([{"x": 1}, {"z": 1}], "gives rows of different kinds: x and then z"),
        ((X, Y[:4]), "differ in length: x has 6, y has 4 rows"),
    ],
)
def test_anything_else_is_told(source: object, told: str) -> None:
    with pytest.raises(RequestError, match=told):
        read(source)
