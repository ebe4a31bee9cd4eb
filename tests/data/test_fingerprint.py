from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from understudy.data import fingerprint


def test_equal_content_has_one_fingerprint_wherever_it_lies(tmp_path: Path) -> None:
    first, second = tmp_path / "a.bin", tmp_path / "sub" / "b.bin"
    second.parent.mkdir()
    first.write_bytes(b"rows")
    second.write_bytes(b"rows")
    assert fingerprint.of_file(first) == fingerprint.of_file(second)
    assert fingerprint.of_column([first]) == fingerprint.of_column([second])
    second.write_bytes(b"rowz")
    assert fingerprint.of_files([first])[0] != fingerprint.of_files([second])[0]


def test_every_part_of_an_array_counts() -> None:
    array = np.arange(6, dtype=np.int32)
    others = [
        array.astype(np.int64),
        array.reshape(2, 3),
        array + 1,
        array[:5],
        array[::-1],
    ]
    names = {fingerprint.of_column(each) for each in (array, *others)}
    assert len(names) == 6
    assert fingerprint.of_column(array[::-1][::-1]) == fingerprint.of_column(array)


def test_large_arrays_are_hashed_in_pieces_like_whole_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.arange(1000.0).reshape(100, 10)
    whole = fingerprint.of_column(array)
    monkeypatch.setattr(fingerprint, "PIECE", 300)
    assert fingerprint.of_column(array) == whole


def test_objects_count_by_kind_and_value_and_border() -> None:
    image = Image.new("L", (2, 2), 7)
    columns = [["1"], [1], [b"1"], [None], ["1", "1"], ["11"], [1.0], [image], [np.ones(1)]]
    assert len({fingerprint.of_column(column) for column in columns}) == len(columns)
    assert fingerprint.of_columns({"a": [1]}) != fingerprint.of_columns({"b": [1]})
