"""Writing one shard: checked, encoded, and put under its name when it is whole."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from understudy.errors import RequestError, did_you_mean
from understudy.store.codecs import Codec
from understudy.store.folders import Folder
from understudy.store.index import OFFSETS, Column, Index
from understudy.store.ragged import Array, Ragged, Values
from understudy.store.shards import Tensor, Written, write_shard
from understudy.store.sidecar import Sidecar, shard_name, sidecar_name

CHUNK = 8192
"""Entries decoded at a time to measure the error of a codec."""


def publish_shard(
    folder: Folder, index: Index, shard: int, values: Mapping[str, Values]
) -> Sidecar:
    """Write a shard and then its sidecar, each whole or not at all.

    Two writers of one shard replace each other's file; where their bytes differ and they end in the
    same instant, the hash tells, and the shard is asked again.

    Raises: RequestError where the values are not what the index says, or the disk is full.
    """
    tensors, errors = encoded(folder.root, index, shard, values)
    written: list[Written] = []
    folder.publish(shard_name(shard), lambda path: written.append(write_shard(path, tensors)))
    sidecar = Sidecar(
        rows=len(index.span(shard)),
        tensors={
            name: {"dtype": tensor.kind, "shape": list(tensor.values.shape)}
            for name, tensor in tensors.items()
        },
        bytes=written[-1].bytes,
        sha256=written[-1].sha256,
        errors=errors,
    )
    content = (json.dumps(sidecar.to_json(), indent=2) + "\n").encode()
    folder.publish(sidecar_name(shard), lambda path: path.write_bytes(content))
    return sidecar


def encoded(
    root: str, index: Index, shard: int, values: Mapping[str, Values]
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """The tensors of a shard by name, and the largest error of each column that a codec changed."""
    names = [column.name for column in index.columns]
    for name in values:
        if name not in names:
            raise RequestError(
                f"shard {shard} of {root}: the store has no column '{name}'; "
                f"{did_you_mean(name, names)}"
            )
    tensors: dict[str, Tensor] = {}
    errors: dict[str, float] = {}
    for column in index.columns:
        try:
            if column.name not in values:
                raise RequestError("it is missing")
            entries = checked(column, values[column.name], len(index.span(shard)))
            parts = column.coding().encode(entries)
        except RequestError as error:
            raise RequestError(
                f"shard {shard} of {root}, column '{column.name}': {error}"
            ) from error
        tensors |= {f"{column.name}{suffix}": tensor for suffix, tensor in parts.items()}
        given = values[column.name]
        if isinstance(given, Ragged):
            tensors[column.name + OFFSETS] = Tensor("I64", given.offsets)
        if column.codec in ("fp16", "bf16", "int8"):
            errors[column.name] = largest_error(column.coding(), parts, entries)
    return tensors, errors


def checked(column: Column, values: Values, rows: int) -> Array:
    """The entries of a column [n, *shape]. Raises RequestError where they are not as announced."""
    if isinstance(values, Ragged) != column.ragged:
        wanted = "Ragged(values, offsets)" if column.ragged else "one array"
        raise RequestError(f"{wanted} is wanted, and {type(values).__name__} came")
    entries = values.values if isinstance(values, Ragged) else values
    if entries.dtype.name != column.dtype or entries.shape[1:] != column.shape:
        raise RequestError(
            f"entries are {column.dtype} of shape {list(column.shape)}, "
            f"and {entries.dtype.name} of shape {list(entries.shape[1:])} came"
        )
    if len(values) != rows:
        raise RequestError(f"the shard has {rows} rows, and {len(values)} came")
    if isinstance(values, Ragged):
        offsets = values.offsets
        whole = offsets.dtype == np.int64 and offsets[0] == 0 and offsets[-1] == len(entries)
        if not whole or (offsets[1:] < offsets[:-1]).any():
            raise RequestError(
                f"offsets are int64, rise from 0 and end at the {len(entries)} elements; "
                f"{offsets.dtype} from {offsets[0]} to {offsets[-1]} came"
            )
    return entries


def largest_error(codec: Codec, parts: Mapping[str, Tensor], entries: Array) -> float:
    """The largest absolute difference between finite values and what is read back of them."""
    views = {suffix: tensor.values for suffix, tensor in parts.items()}
    largest = 0.0
    for start in range(0, len(entries), CHUNK):
        exact = entries[start : start + CHUNK]
        read = np.empty_like(exact)
        codec.take(views, np.arange(start, start + len(exact)), read)
        finite = np.isfinite(exact)
        largest = max(largest, float(np.abs(read[finite] - exact[finite]).max(initial=0)))
    return largest
