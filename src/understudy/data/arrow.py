"""Arrow tables as columns: numbers as arrays, texts as objects, images read when needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from understudy.data.cells import Column, objects
from understudy.data.columns import KNOWN
from understudy.errors import RequestError


class Cells(Sequence[Any]):
    """Bytes, or a file's bytes or path, in an Arrow column; read a cell at a time."""

    def __init__(self, column: Any) -> None:
        self.column = column

    def __len__(self) -> int:
        return len(self.column)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Cells(self.column[index])
        value = self.column[index].as_py()
        if not isinstance(value, dict):
            return value
        return value["path"] if value["bytes"] is None else value["bytes"]


def columns_of(
    table: Any, origin: str, names: Mapping[str, tuple[str, ...]] | None = None
) -> tuple[dict[str, Column], tuple[str, ...] | None]:
    """The columns of a pyarrow Table, and the names of the classes of its label.

    `names` are the class names of columns that hold class numbers; else those in the metadata that
    Hugging Face writes. Such columns become the names themselves, None for -1.

    Raises: RequestError for two columns of one name.
    """
    if len(set(table.column_names)) < len(table.column_names):
        twice = next(name for name in table.column_names if table.column_names.count(name) > 1)
        raise RequestError(f"{origin} has two columns named '{twice}'; rename one of them")
    named = class_names(table.schema) if names is None else names
    columns = {
        name: _named(_column(table.column(name)), named[name], name, origin)
        if name in named
        else _column(table.column(name))
        for name in table.column_names
    }
    if len(named) == 1:
        return columns, next(iter(named.values()))
    labels = [named[name] for name in KNOWN["label"] if name in named]
    return columns, labels[0] if labels else None


def class_names(schema: Any) -> dict[str, tuple[str, ...]]:
    """Of each column of class numbers, the names; from the schema's Hugging Face metadata."""
    written = (schema.metadata or {}).get(b"huggingface")
    if written is None:
        return {}
    features = json.loads(written).get("info", {}).get("features", {})
    return {
        name: tuple(feature["names"])
        for name, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
    }


def _column(column: Any) -> Column:
    import pyarrow as pa

    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], kind)
    if pa.types.is_dictionary(kind):
        return _column(column.cast(kind.value_type))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or _is_file(kind):
        return Cells(column)
    if pa.types.is_nested(kind):
        return _stacked(column.to_pylist())
    if pa.types.is_null(kind):
        return objects([None] * len(column))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return np.asarray(column.to_numpy())
    if pa.types.is_boolean(kind) and column.null_count == 0:
        return np.asarray(column.to_numpy())
    return objects(column.to_pylist())


def _is_file(kind: Any) -> bool:
    """Whether a cell is {bytes, path}, as Hugging Face keeps images and audio."""
    import pyarrow as pa

    return bool(pa.types.is_struct(kind)) and {field.name for field in kind} == {"bytes", "path"}


def _stacked(values: list[Any]) -> Column:
    """Lists of equal shape as one array of numbers; others stay lists."""
    try:
        stacked = np.asarray(values)
    except ValueError:
        return objects(values)
    return stacked if stacked.dtype.kind in "biuf" else objects(values)


def _named(column: Column, names: tuple[str, ...], column_name: str, origin: str) -> Column:
    numbers = np.nan_to_num(np.asarray(column, dtype=np.float64), nan=-1).astype(np.int64)
    if len(numbers) and numbers.max() >= len(names):
        raise RequestError(
            f"{origin}: column '{column_name}' holds the class number {numbers.max()}, "
            f"but has names for {len(names)} classes only"
        )
    return np.array([*names, None], dtype=object)[numbers]
