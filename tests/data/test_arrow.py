from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from understudy.data.arrow import Cells, columns_of
from understudy.errors import RequestError


def test_each_kind_of_column() -> None:
    table = pa.table(
        {
            "whole": [1, 2],
            "holed": pa.array([1, None], pa.int64()),
            "real": [0.5, None],
            "flag": [True, False],
            "text": ["a", None],
            "kind": pa.array(["x", "y"]).dictionary_encode(),
            "grid": [[[1, 2], [3, 4]], [[5, 6], [7, 8]]],
            "ragged": [[1], [1, 2]],
            "bytes": [b"p", b"q"],
            "nothing": pa.nulls(2),
        }
    )
    columns, classes = columns_of(table, "t")
    assert classes is None
    assert columns["whole"].dtype == np.int64
    assert np.isnan(columns["holed"][1])
    assert columns["flag"].dtype == bool
    assert list(columns["text"]) == ["a", None]
    assert list(columns["kind"]) == ["x", "y"]
    assert columns["grid"].shape == (2, 2, 2)
    assert list(columns["ragged"]) == [[1], [1, 2]]
    assert isinstance(columns["bytes"], Cells)
    assert list(columns["bytes"]) == [b"p", b"q"]
    assert list(columns["bytes"][1:]) == [b"q"]
    assert list(columns["nothing"]) == [None, None]


def test_images_as_hugging_face_keeps_them() -> None:
    cells = [{"bytes": b"png", "path": "a.png"}, {"bytes": None, "path": "b.png"}]
    columns, _ = columns_of(pa.table({"image": cells}), "t")
    assert list(columns["image"]) == [b"png", "b.png"]


def test_class_numbers_become_the_names_in_the_metadata() -> None:
    features = {"label": {"names": ["dog", "cat"], "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({"label": [1, 0, -1]}).replace_schema_metadata(metadata)
    columns, classes = columns_of(table, "t")
    assert classes == ("dog", "cat")
    assert list(columns["label"]) == ["cat", "dog", None]


def test_of_several_class_columns_the_label_gives_the_classes() -> None:
    table = pa.table({"label": [0, 1], "other": [0, 0]})
    _, classes = columns_of(table, "t", {"other": ("a", "b"), "label": ("c", "d")})
    assert classes == ("c", "d")


def test_a_class_number_without_a_name_is_refused() -> None:
    with pytest.raises(RequestError, match="class number 2, but has names for 2 classes only"):
        columns_of(pa.table({"label": [0, 2]}), "t", {"label": ("a", "b")})


def test_two_columns_of_one_name_are_refused() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    with pytest.raises(RequestError, match="two columns named 'x'"):
        columns_of(table, "t")
