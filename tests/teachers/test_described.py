"""Names of classes beside a graph, and the files that hold its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from understudy.errors import RequestError
from understudy.teachers.described import class_names, weight_files


@pytest.mark.parametrize(
    "told",
    [
        ["cat", "dog"],
        {"classes": ["cat", "dog"], "task": "image-classification"},
        {"0": "cat", "1": "dog"},
        {"1": "dog", "0": "cat"},
    ],
)
def test_labels_beside_the_graph(told: Any, tmp_path: Path):
    (tmp_path / "labels.json").write_text(json.dumps(told))
    assert class_names(tmp_path / "model.onnx", {"classes": '["other"]'}) == ("cat", "dog")


def test_numbers_of_two_digits_keep_their_order(tmp_path: Path):
    (tmp_path / "labels.json").write_text(json.dumps({str(n): f"c{n}" for n in range(12)}))
    assert class_names(tmp_path / "m.onnx", {}) == tuple(f"c{n}" for n in range(12))


def test_metadata_and_then_the_configuration(tmp_path: Path):
    path = tmp_path / "model.onnx"
    assert class_names(path, {}) is None
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"0": "no", "1": "yes"}}))
    assert class_names(path, {}) == ("no", "yes")
    assert class_names(path, {"classes": '["a", 2]'}) == ("a", "2")
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"0": "LABEL_0"}}))
    assert class_names(path, {}) is None


@pytest.mark.parametrize("told", ["{", "3", "[]", '{"cat": 0}', '{"1": "dog"}', '{"classes": 2}'])
def test_what_names_no_classes_is_refused(told: str, tmp_path: Path):
    (tmp_path / "labels.json").write_text(told)
    with pytest.raises(RequestError, match=r"labels\.json (is no JSON|names no classes)"):
        class_names(tmp_path / "model.onnx", {})
    with pytest.raises(RequestError, match=r"metadata 'classes' of"):
        class_names(tmp_path / "elsewhere" / "model.onnx", {"classes": told})


def test_weights_in_files_of_their_own_are_found(tmp_path: Path):
    weights = helper.make_tensor(
        "w", TensorProto.FLOAT, (9, 2), np.ones((9, 2), np.float32).tobytes(), raw=True
    )
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", width])
        for name, width in (("x", 9), ("y", 2))
    ]
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], [weights])
    model = helper.make_model(graph)
    onnx.save(model, tmp_path / "small.onnx")
    assert weight_files(tmp_path / "small.onnx") == [tmp_path / "small.onnx"]
    onnx.save(
        model,
        tmp_path / "large.onnx",
        save_as_external_data=True,
        location="large.weights",
        size_threshold=0,
    )
    found = weight_files(tmp_path / "large.onnx")
    assert found == [tmp_path / "large.onnx", tmp_path / "large.weights"]
    assert found[1].is_file()
