"""Ways to make an ONNX file smaller, each one function, most through ONNX Runtime's own tools.

Settings are measured ones: convolutions are quantised statically, per channel and with weights in
7 bits (on processors without VNNI the sum of two products of 8 bits overflows 16: a small CNN stood
at 0.011 nats from its student with 8 bits, and at 0.0003 with 7); tables and matrices dynamically
or in blocks of 32, with 8 bits.
"""

from __future__ import annotations

import contextlib
import io
import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Rows = Mapping[str, Any]
"""Arrays by the name of the input that reads them, all of the same number of rows."""

CALIBRATED_ON = 200
"""Rows for static calibration; more moved no figure."""
STATIC = ("Conv", "Gemm", "MatMul", "Relu", "MaxPool", "AveragePool", "GlobalAveragePool")
"""Quantised statically. Softmax, normalisation and sums of residuals stay in fp32: quantised too,
they cost an encoder ten points of accuracy."""
DYNAMIC = ("MatMul", "Gemm", "Gather")
"""Quantised dynamically: convolutions become eight times slower that way."""
LEAVABLE = ("Conv", "Gemm", "MatMul")
"""Nodes that can be left out, one by one."""
FEW = 256
"""Matrices of fewer weights stay as they are: they are constants, or too small to matter."""
FLOAT = 1
"""ONNX's number for fp32."""

Make = Callable[[Path, Path, Rows, Sequence[str]], None]


@dataclass(frozen=True)
class Way:
    """`make(source, target, rows, left_out)` writes a smaller file; nodes left out stay fp32."""

    name: str
    wants: tuple[str, ...]
    """It is worth trying where the graph has a node of one of these types."""
    int8: bool
    make: Make


def static(source: Path, target: Path, rows: Rows, left_out: Sequence[str]) -> None:
    """Weights and activations in INT8 (QDQ), the ranges of the latter by percentile over rows."""
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, quantize_static

    quantize_static(
        source,
        target,
        _OneByOne(rows, CALIBRATED_ON),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=list(STATIC),
        per_channel=True,
        reduce_range=True,
        nodes_to_exclude=list(left_out),
        calibrate_method=CalibrationMethod.Percentile,
        extra_options={"MatMulConstBOnly": True},
    )


def dynamic(source: Path, target: Path, rows: Rows, left_out: Sequence[str]) -> None:
    """Weights and tables in INT8, activations quantised as they come."""
    _dynamic(source, target, DYNAMIC, left_out)


def blocks(source: Path, target: Path, rows: Rows, left_out: Sequence[str]) -> None:
    """Tables in INT8, matrices in 8 bits with a scale for every 32 weights (MatMulNBits)."""
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    # This also turns Gemm, which the next tool does not know, into MatMul and Add.
    _dynamic(source, target, ("Gather",), ())
    quantiser = MatMulNBitsQuantizer(
        onnx.load(target),
        bits=8,
        block_size=32,
        is_symmetric=True,
        accuracy_level=4,
        nodes_to_exclude=_also_as_matmul(left_out),
    )
    quantiser.process()
    quantiser.model.save_model_to_file(str(target), False)


def weights(source: Path, target: Path, rows: Rows, left_out: Sequence[str]) -> None:
    """Matrices and tables stored in INT8, and multiplied out when the file is loaded.

    Cast and Mul of constants are folded by the runtime before the first answer, so that all is
    computed as fast as in fp32; DequantizeLinear is not folded, and was three times slower.
    Raises: ValueError where there is no matrix.
    """
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(source)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    unfolding: list[Any] = []
    for name, users in _matrices(model.graph, left_out).items():
        values, scale = _in_bytes(numpy_helper.to_array(stored.pop(name)), users[0])
        stored[f"{name}_bytes"] = numpy_helper.from_array(values, f"{name}_bytes")
        stored[f"{name}_scale"] = numpy_helper.from_array(scale, f"{name}_scale")
        cast = f"{name}_cast"
        unfolding += [
            helper.make_node("Cast", [f"{name}_bytes"], [cast], cast, to=FLOAT),
            helper.make_node("Mul", [cast, f"{name}_scale"], [name], f"{name}_unfolded"),
        ]
    if not unfolding:
        raise ValueError("there is no matrix of weights")
    _replace(model.graph.node, [*unfolding, *model.graph.node])
    _replace(model.graph.initializer, list(stored.values()))
    target.write_bytes(model.SerializeToString())


def half(source: Path, target: Path, rows: Rows, left_out: Sequence[str]) -> None:
    """Everything in fp16 but the inputs and the outputs."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), target)


WAYS = (
    Way("static", ("Conv",), True, static),
    Way("dynamic", DYNAMIC, True, dynamic),
    Way("blocks", ("MatMul", "Gemm", "Gather"), True, blocks),
    Way("weights", (), True, weights),
    Way("fp16", (), False, half),
)


def make(way: Way, source: Path, target: Path, rows: Rows, left_out: Sequence[str] = ()) -> None:
    """Write one candidate: without a word on the screen, and the same bytes each time.

    Raises: whatever the tools raise where they cannot.
    """
    with _quietly():
        way.make(source, target, rows, left_out)
    _settle(source, target)


def ways_for(source: Path) -> list[Way]:
    """The ways that are worth trying on a graph."""
    import onnx

    types = {node.op_type for node in onnx.load(source, load_external_data=False).graph.node}
    return [way for way in WAYS if not way.wants or types & set(way.wants)]


def weighted_nodes(source: Path) -> list[str]:
    """The nodes that multiply by weights, in the order of the graph."""
    import onnx

    graph = onnx.load(source).graph
    stored = {tensor.name for tensor in graph.initializer if tensor.data_type == FLOAT}
    return [
        node.name
        for node in graph.node
        if node.op_type in LEAVABLE and len(node.input) > 1 and node.input[1] in stored
    ]


def _dynamic(source: Path, target: Path, types: Sequence[str], left_out: Sequence[str]) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        source,
        target,
        op_types_to_quantize=list(types),
        per_channel=True,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=_also_as_matmul(left_out),
    )


def _also_as_matmul(names: Sequence[str]) -> list[str]:
    """The tools split Gemm into nodes with names of their own before they look for names."""
    return [name for node in names for name in (node, f"{node}_MatMul")]


def _matrices(graph: Any, left_out: Sequence[str]) -> dict[str, list[Any]]:
    """Stored matrices worth shrinking, with the nodes that use them, none of which is left out."""
    found: dict[str, list[Any]] = {
        tensor.name: []
        for tensor in graph.initializer
        if tensor.data_type == FLOAT and len(tensor.dims) >= 2 and math.prod(tensor.dims) >= FEW
    }
    for node in graph.node:
        for name in node.input:
            if name in found:
                found[name].append(node)
    return {
        name: users
        for name, users in found.items()
        if users and not any(node.name in left_out for node in users)
    }


def _in_bytes(values: Any, user: Any) -> tuple[Any, Any]:
    """Weights as bytes, and the scales that give them back to within half a step.

    Every output of a layer has a scale of its own, and so has every row of a table.
    """
    transposed = any(entry.name == "transB" and entry.i for entry in user.attribute)
    in_columns = user.op_type == "MatMul" or (user.op_type == "Gemm" and not transposed)
    summed = (-2,) if in_columns else tuple(range(1, values.ndim))
    most = np.abs(values).max(axis=summed, keepdims=True)
    scale = np.where(most > 0, most / 127.0, 1.0).astype(np.float32)
    return np.rint(values / scale).astype(np.int8), scale


def _replace(field: Any, values: Sequence[Any]) -> None:
    """Put other messages into a repeated field, some of which may be its own."""
    fresh = [type(value).FromString(value.SerializeToString()) for value in values]
    del field[:]
    field.extend(fresh)


class _OneByOne:
    """Feeds a calibration row by row: batches of different lengths cannot be stacked by it."""

    def __init__(self, rows: Rows, most: int) -> None:
        self.rows = rows
        self.left = iter(range(min(most, len(next(iter(rows.values()))))))

    def get_next(self) -> dict[str, Any] | None:
        row = next(self.left, None)
        if row is None:
            return None
        return {name: values[row : row + 1] for name, values in self.rows.items()}


def _settle(source: Path, target: Path) -> None:
    """Give a candidate the labels of its source, and one order; drop what the tools say of it."""
    import onnx

    origin, model = onnx.load(source, load_external_data=False), onnx.load(target)
    model.producer_name, model.producer_version = origin.producer_name, origin.producer_version
    model.ClearField("metadata_props")
    model.metadata_props.extend(origin.metadata_props)
    graph = model.graph
    # What is known of the values between is made again by whoever loads the file.
    graph.ClearField("value_info")
    for part in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        part.ClearField("doc_string")
    for part in (graph, *graph.node, *graph.initializer):
        part.ClearField("metadata_props")
    _replace(graph.initializer, sorted(graph.initializer, key=lambda tensor: str(tensor.name)))
    target.write_bytes(model.SerializeToString(deterministic=True))


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The tools print their progress, and one sets up the logging of the whole process."""
    root = logging.getLogger()
    handlers, level, disabled = list(root.handlers), root.level, root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        root.handlers[:] = handlers
        root.setLevel(level)
