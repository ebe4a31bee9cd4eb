"""Rows that are in memory already: arrays, tensors, pairs, and loaders that give batches."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence, Sized
from pathlib import Path
from typing import Any

import numpy as np

from understudy.data import fingerprint, linked
from understudy.data.cells import as_column, is_tensor
from understudy.data.rows import Rows
from understudy.errors import RequestError

PAIR = ("x", "y")


def read(source: Any, base: Path) -> Rows:
    """A table {name: values}, a pair (x, y), an array x, or an iterable of pairs or of batches.

    What is iterated is read once, in the order it comes: a loader that shuffles or augments gives
    other rows, with another fingerprint, each time. File names count from `base`.

    Raises: RequestError for anything else.
    """
    if isinstance(source, Mapping):
        return _rows(source, "the table given", base)
    if isinstance(source, tuple) and len(source) == 2:
        return _rows(dict(zip(PAIR, source, strict=True)), "the pair (x, y) given", base)
    if isinstance(source, np.ndarray) or is_tensor(source):
        return _rows({"x": source}, "the array given", base)
    name = type(source).__name__
    if _is_torch_dataset(source):
        pairs = (source[row] for row in range(len(source)))
        return _rows(_gathered(pairs, name, batched=False), name, base)
    if isinstance(source, Iterable):
        return _rows(_gathered(source, name, batched=_gives_batches(source)), name, base)
    raise RequestError(
        f"a source of type {name} cannot be read; give a path, sklearn:NAME, hub:OWNER/NAME, "
        "a table {name: values}, a pair (x, y) of arrays, or an iterable of pairs or batches"
    )


def _rows(values: Mapping[Any, Any], origin: str, base: Path) -> Rows:
    columns = {str(name): as_column(value) for name, value in values.items()}
    columns, files = linked.resolve(columns, base, origin)
    content = fingerprint.of_columns(
        {name: column for name, column in columns.items() if not linked.names_files(column)}
    )
    named = fingerprint.of_parts(content, files) if files else content
    return Rows(columns, origin, named)


def _gathered(items: Iterable[Any], origin: str, *, batched: bool | None) -> dict[str, list[Any]]:
    """The columns of many pairs or records, or of batches of them; None: each item shows which."""
    columns: dict[str, list[Any]] = {}
    for item in items:
        record = _record(item, origin)
        if columns and columns.keys() != record.keys():
            raise RequestError(
                f"{origin} gives rows of different kinds: {', '.join(columns)} "
                f"and then {', '.join(record)}"
            )
        is_batch = _is_batch(record) if batched is None else batched
        for name, value in record.items():
            columns.setdefault(name, []).extend(value if is_batch else [value])
    if not columns:
        raise RequestError(f"{origin} is empty: it gave no rows")
    return columns


def _record(item: Any, origin: str) -> dict[str, Any]:
    if isinstance(item, Mapping):
        return dict(item)
    if not isinstance(item, tuple | list):
        return {"x": item}
    if len(item) not in (1, 2):
        raise RequestError(
            f"{origin} gives tuples of {len(item)}; expected x, (x, y) or {{name: value}}"
        )
    return dict(zip(PAIR, item, strict=False))


def _is_batch(record: Mapping[str, Any]) -> bool:
    """Whether each value holds one entry a row: a batch has as many labels as inputs."""
    values = list(record.values())
    if len(values) == 1:
        return False
    if any(np.ndim(value) == 0 if _is_array(value) else not _is_list(value) for value in values):
        return False
    return len({len(value) for value in values}) == 1


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray | np.generic) or is_tensor(value)


def _is_torch_dataset(value: object) -> bool:
    torch = sys.modules.get("torch")
    return (
        torch is not None
        and isinstance(value, torch.utils.data.Dataset)
        and isinstance(value, Sized)
        and not isinstance(value, Iterable)
    )


def _gives_batches(value: object) -> bool | None:
    """True or False for a torch DataLoader, None where it has to be seen from what comes."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(value, torch.utils.data.DataLoader):
        return None
    return value.batch_size is not None or value.batch_sampler is not None
