"""SHA-256 of content: equal for equal rows, wherever and under whatever name they are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from understudy.data.cells import Column

THREADS = 8
PIECE = 1 << 24
"""Bytes hashed at a time."""


def of_parts(*parts: str | bytes) -> str:
    """Of texts and bytes in order; where one ends and the next begins counts."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    return digest.hexdigest()


def of_file(path: Path) -> str:
    """Of the bytes of one file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_files(paths: Iterable[Path]) -> list[str]:
    """Of each of many files, in order."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(of_file, paths))


def of_columns(columns: Mapping[str, Column]) -> str:
    """Of names, kinds and values of columns in memory; file paths count by what the files hold."""
    parts = [part for name, column in columns.items() for part in (name, of_column(column))]
    return of_parts(*parts)


def of_column(column: Column) -> str:
    """Of an array's dtype, shape and bytes, or of each object."""
    if isinstance(column, np.ndarray) and column.dtype != object:
        digest = hashlib.sha256(f"{column.dtype.str} {column.shape}".encode())
        rows = max(1, PIECE // max(1, column[:1].nbytes))
        for start in range(0, len(column), rows):
            digest.update(np.ascontiguousarray(column[start : start + rows]).tobytes())
        return digest.hexdigest()
    return of_parts(*(part for value in column for part in _cell(value)))


def _cell(value: Any) -> tuple[str, str | bytes]:
    """The kind and the content of one object."""
    if isinstance(value, str):
        return "text", value
    if isinstance(value, bytes):
        return "bytes", value
    if isinstance(value, Path):
        return "file", of_file(value) if value.is_file() else str(value)
    if isinstance(value, np.ndarray):
        return f"{value.dtype.str} {value.shape}", np.ascontiguousarray(value).tobytes()
    if value is None or isinstance(value, int | float | bool | np.generic):
        return type(value).__name__, repr(value)
    from PIL import Image

    if isinstance(value, Image.Image):
        return f"image {value.mode} {value.size}", value.tobytes()
    return type(value).__name__, repr(value)
