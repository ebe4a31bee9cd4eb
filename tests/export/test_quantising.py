"""Every way on small real graphs: what it writes computes the same, in fewer bytes."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from understudy.export.quantising import (
    WAYS,
    Way,
    make,
    ways_for,
    weighted_nodes,
)

BY_NAME = {way.name: way for way in WAYS}


def save(path: Path, nodes: list[Any], weights: dict[str, Any], inputs: list[Any]) -> Path:
    graph = helper.make_graph(
        nodes,
        "graph",
        inputs,
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "classes"])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    opset = helper.make_opsetid("", 20)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=10, producer_name="ours")
    model.metadata_props.add(key="task", value="a task")
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def text_graph(path: Path) -> Path:
    """A table, a matrix, a ReLU and a linear layer."""
    draw = np.random.default_rng(0)
    weights = {
        "table": draw.normal(size=(500, 64)).astype(np.float32),
        "inner": draw.normal(size=(64, 96)).astype(np.float32) / 8,
        "head": draw.normal(size=(5, 96)).astype(np.float32) / 8,
        "bias": draw.normal(size=5).astype(np.float32),
        "axis": np.array([1], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["tokens"], "look_up"),
        helper.make_node("MatMul", ["tokens", "inner"], ["hidden"], "inner_layer"),
        helper.make_node("Relu", ["hidden"], ["positive"], "positive"),
        helper.make_node("ReduceMean", ["positive", "axis"], ["mean"], "mean", keepdims=0),
        helper.make_node("Gemm", ["mean", "head", "bias"], ["logits"], "head_layer", transB=1),
    ]
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "tokens"])
    return save(path, nodes, weights, [ids])


def image_graph(path: Path) -> Path:
    """Two convolutions with ReLUs, and a linear layer."""
    draw = np.random.default_rng(0)
    weights = {
        "first": draw.normal(size=(16, 1, 3, 3)).astype(np.float32) / 3,
        "second": draw.normal(size=(32, 16, 3, 3)).astype(np.float32) / 12,
        "head": draw.normal(size=(5, 32 * 36)).astype(np.float32) / 30,
    }
    nodes = [
        helper.make_node("Conv", ["image", "first"], ["a"], "first_layer", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], "first_positive"),
        helper.make_node("Conv", ["b", "second"], ["c"], "second_layer", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["d"], "second_positive"),
        helper.make_node("Flatten", ["d"], ["e"], "flat"),
        helper.make_node("Gemm", ["e", "head"], ["logits"], "head_layer", transB=1),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 6, 6])
    return save(path, nodes, weights, [image])


ROWS: dict[str, dict[str, Any]] = {
    "text": {"ids": np.random.default_rng(1).integers(0, 500, (40, 7))},
    "image": {"image": np.random.default_rng(1).normal(size=(41, 1, 6, 6)).astype(np.float32)},
}
GRAPHS: dict[str, Callable[[Path], Path]] = {"text": text_graph, "image": image_graph}
EXPECTED = {
    "text": ["dynamic", "blocks", "weights", "fp16"],
    "image": ["static", "dynamic", "blocks", "weights", "fp16"],
}


def answers(path: Path, rows: dict[str, Any]) -> Any:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["logits"], rows)[0]


def types(path: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(path).graph.node)


@pytest.mark.parametrize("kind", GRAPHS)
def test_each_way_fits_the_graph_and_computes_nearly_the_same(kind: str, tmp_path: Path):
    source = GRAPHS[kind](tmp_path / "source.onnx")
    assert [way.name for way in ways_for(source)] == EXPECTED[kind]
    wanted = answers(source, ROWS[kind])
    for way in ways_for(source):
        target = tmp_path / f"{way.name}.onnx"
        make(way, source, target, ROWS[kind])
        found = answers(target, ROWS[kind])
        assert 0 < np.abs(found - wanted).max() < 0.05 * np.abs(wanted).max(), way.name
        assert target.stat().st_size < source.stat().st_size, way.name


SIGNS = {
    ("image", "static"): {"QuantizeLinear", "DequantizeLinear", "Conv"},
    ("text", "dynamic"): {"DynamicQuantizeLinear", "MatMulInteger"},
    ("text", "blocks"): {"MatMulNBits"},
    ("text", "weights"): {"Cast", "Mul", "Gather", "MatMul", "Gemm"},
    ("image", "weights"): {"Cast", "Mul", "Conv", "Gemm"},
}


@pytest.mark.parametrize(("kind", "way"), SIGNS)
def test_large_weights_lie_in_the_file_as_bytes(kind: str, way: str, tmp_path: Path):
    source, target = GRAPHS[kind](tmp_path / "source.onnx"), tmp_path / "target.onnx"
    make(BY_NAME[way], source, target, ROWS[kind])
    assert SIGNS[kind, way] <= set(types(target))
    stored = {tensor.name: tensor for tensor in onnx.load(target).graph.initializer}
    large = [name for name, tensor in stored.items() if np.prod(tensor.dims) > 600]
    assert large
    for name in large:
        assert stored[name].data_type in (TensorProto.INT8, TensorProto.UINT8), name


def test_stored_weights_are_exact_to_half_a_step_of_their_channel(tmp_path: Path):
    source, target = text_graph(tmp_path / "source.onnx"), tmp_path / "target.onnx"
    make(BY_NAME["weights"], source, target, ROWS["text"])
    before = {t.name: numpy_helper.to_array(t) for t in onnx.load(source).graph.initializer}
    after = {t.name: numpy_helper.to_array(t) for t in onnx.load(target).graph.initializer}
    for name, scales in {"table": (500, 1), "inner": (1, 96), "head": (5, 1)}.items():
        scale = after[f"{name}_scale"]
        assert scale.shape == scales
        off = np.abs(after[f"{name}_bytes"] * scale - before[name])
        assert np.all(off <= 0.5001 * scale)
        assert np.abs(after[f"{name}_bytes"]).max() == 127


def test_constants_are_multiplied_out_when_the_file_is_loaded(tmp_path: Path):
    """Otherwise every answer would multiply out the whole table."""
    source, target = text_graph(tmp_path / "source.onnx"), tmp_path / "target.onnx"
    make(BY_NAME["weights"], source, target, ROWS["text"])
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    onnxruntime.InferenceSession(str(target), options, providers=["CPUExecutionProvider"])
    assert not {"Cast", "Mul", "DequantizeLinear"} & set(types(tmp_path / "loaded.onnx"))


@pytest.mark.parametrize(
    ("kind", "way", "left_out", "weights"),
    [
        ("image", "static", "second_layer", "second"),
        ("image", "weights", "second_layer", "second"),
        ("text", "dynamic", "inner_layer", "inner"),
        ("text", "dynamic", "head_layer", "head"),
        ("text", "blocks", "inner_layer", "inner"),
        ("text", "blocks", "head_layer", "head"),
        ("text", "weights", "inner_layer", "inner"),
    ],
)
def test_a_node_that_is_left_out_keeps_its_weights(
    kind: str, way: str, left_out: str, weights: str, tmp_path: Path
):
    source, target = GRAPHS[kind](tmp_path / "source.onnx"), tmp_path / "target.onnx"
    assert left_out in weighted_nodes(source)
    wanted = {t.name: numpy_helper.to_array(t) for t in onnx.load(source).graph.initializer}
    make(BY_NAME[way], source, target, ROWS[kind], [left_out])
    kept = [numpy_helper.to_array(t) for t in onnx.load(target).graph.initializer]
    same = [w for w in kept if w.size == wanted[weights].size and w.dtype == np.float32]
    assert any(np.isin(values, wanted[weights]).all() for values in same)
    make(BY_NAME[way], source, target, ROWS[kind])
    shrunk = [numpy_helper.to_array(t) for t in onnx.load(target).graph.initializer]
    assert not [w for w in shrunk if w.size == wanted[weights].size and w.dtype == np.float32]


def test_matrices_that_a_graph_rearranges_first_are_shrunk_too(tmp_path: Path):
    """As PyTorch's export does with the gates of an LSTM."""
    draw = np.random.default_rng(0)
    weights = {
        "gates": draw.normal(size=(8, 64)).astype(np.float32),
        "first": np.array([0], dtype=np.int64),
        "last": np.array([5], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Slice", ["gates", "first", "last", "first"], ["some"], "some"),
        helper.make_node("Gemm", ["x", "some"], ["logits"], "layer", transB=1),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 64])
    source, target = save(tmp_path / "source.onnx", nodes, weights, [x]), tmp_path / "target.onnx"
    rows = {"x": draw.normal(size=(9, 64)).astype(np.float32)}
    make(BY_NAME["weights"], source, target, rows)
    assert "gates_bytes" in {tensor.name for tensor in onnx.load(target).graph.initializer}
    np.testing.assert_allclose(answers(target, rows), answers(source, rows), atol=0.5)


def test_labels_stay_and_nothing_is_said_of_tools(tmp_path: Path):
    for kind, graph in GRAPHS.items():
        source = graph(tmp_path / "source.onnx")
        for way in ways_for(source):
            target = tmp_path / "target.onnx"
            make(way, source, target, ROWS[kind])
            model = onnx.load(target)
            assert [(p.key, p.value) for p in model.metadata_props] == [("task", "a task")]
            assert (model.producer_name, model.doc_string) == ("ours", "")
            assert not any(node.doc_string or node.metadata_props for node in model.graph.node)
            assert str(tmp_path).encode() not in target.read_bytes()
            assert [i.name for i in model.graph.input] == list(ROWS[kind])


PROCESS = """
import hashlib, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_quantising import GRAPHS, ROWS, make, ways_for
folder = Path(sys.argv[2])
for kind, graph in GRAPHS.items():
    source = graph(folder / "source.onnx")
    for way in ways_for(source):
        make(way, source, folder / "target.onnx", ROWS[kind])
        print(kind, way.name, hashlib.sha256((folder / "target.onnx").read_bytes()).hexdigest())
"""


def test_other_processes_write_the_same_bytes(tmp_path: Path):
    """Sets of names are ordered by hashes, which differ from process to process."""
    told = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", PROCESS, str(Path(__file__).parent), str(folder)],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        assert done.returncode == 0, done.stderr
        told.append(done.stdout)
    assert told[0] == told[1]
    assert len(told[0].splitlines()) == sum(map(len, EXPECTED.values()))


def test_the_tools_neither_speak_nor_change_how_the_process_logs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    sys.modules.pop("onnxruntime.quantization.matmul_nbits_quantizer", None)
    root = logging.getLogger()
    before = (list(root.handlers), root.level, root.manager.disable)
    for kind, graph in GRAPHS.items():
        source = graph(tmp_path / "source.onnx")
        for way in ways_for(source):
            make(way, source, tmp_path / "target.onnx", ROWS[kind])
    assert (list(root.handlers), root.level, root.manager.disable) == before
    assert capfd.readouterr() == ("", "")


def test_what_a_tool_cannot_do_is_raised_and_logging_is_as_before(tmp_path: Path):
    def fails(source: Path, target: Path, rows: Any, left_out: Any) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        make(Way("fails", (), True, fails), tmp_path / "a", tmp_path / "b", {})
    assert logging.getLogger().manager.disable == 0


def test_a_graph_without_weights_can_only_become_fp16(tmp_path: Path):
    nodes = [helper.make_node("Flatten", ["image"], ["logits"], "flat")]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 2, 2])
    source = save(tmp_path / "source.onnx", nodes, {}, [image])
    assert [way.name for way in ways_for(source)] == ["weights", "fp16"]
    with pytest.raises(ValueError, match="no matrix"):
        make(BY_NAME["weights"], source, tmp_path / "target.onnx", ROWS["image"])
    assert weighted_nodes(source) == []
