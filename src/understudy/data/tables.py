"""Tables in files: CSV, JSON, JSON lines, Parquet, Arrow and Feather."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from understudy.data import fingerprint, linked
from understudy.data.arrow import columns_of
from understudy.data.rows import Rows
from understudy.errors import RequestError

DELIMITERS = {".csv": ",", ".tsv": "\t"}


def read(path: Path, origin: str) -> Rows:
    """The rows of one table; `TABLES` says which endings are known.

    Raises: RequestError where the file is empty or is not what its ending says.
    """
    import pyarrow as pa

    if path.stat().st_size == 0:
        raise RequestError(f"{origin} is empty: the file holds 0 bytes")
    try:
        table = TABLES[path.suffix.lower()](path)
    except (pa.ArrowException, ValueError, OSError) as error:
        told = " ".join(str(error).split())
        raise RequestError(f"{origin} cannot be read as {path.suffix}: {told}") from error
    columns, classes = columns_of(table, origin)
    if not len(table):
        raise RequestError(f"{origin} is empty: it has a header and no rows")
    _refuse_unreadable_text(table, path, origin)
    columns, files = linked.resolve(columns, path.parent, origin)
    content = fingerprint.of_file(path)
    return Rows(
        columns, origin, fingerprint.of_parts(content, files) if files else content, classes
    )


def _read_csv(path: Path) -> Any:
    """One block for the whole file, so that a column's type is inferred from all of its values."""
    from pyarrow import csv

    block = min(max(path.stat().st_size, 1 << 16) + 1, (1 << 31) - 1)
    return csv.read_csv(
        path,
        csv.ReadOptions(block_size=block),
        csv.ParseOptions(delimiter=DELIMITERS[path.suffix.lower()], newlines_in_values=True),
    )


def _read_json(path: Path) -> Any:
    """A list of records, a table of columns, or {"data": [records]}."""
    import pyarrow as pa

    value = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(value, dict) and len(value) == 1 and _is_records(next(iter(value.values()))):
        value = next(iter(value.values()))
    if _is_records(value):
        return _table(value)
    if isinstance(value, dict) and all(isinstance(column, list) for column in value.values()):
        return pa.table(value)
    raise ValueError("expected a list of records [{...}, ...] or a table {name: [...], ...}")


def _read_json_lines(path: Path) -> Any:
    records = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from error
            if not isinstance(record, dict):
                raise ValueError(f"line {number}: expected a record {{name: value}}")
            records.append(record)
    return _table(records)


def _table(records: list[dict[str, Any]]) -> Any:
    """A pyarrow Table with every key that any record has; what a record lacks is missing."""
    import pyarrow as pa

    names = dict.fromkeys(name for record in records for name in record)
    return pa.table({name: [record.get(name) for record in records] for name in names})


def _is_records(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(record, dict) for record in value)


def _read_parquet(path: Path) -> Any:
    from pyarrow import parquet

    return parquet.read_table(path, partitioning=None)


def _read_arrow(path: Path) -> Any:
    """The file format, mapped into memory, or the stream that Hugging Face datasets writes."""
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        try:
            return pa.ipc.open_file(source).read_all()
        except pa.ArrowInvalid:
            source.seek(0)
            return pa.ipc.open_stream(source).read_all()


def _refuse_unreadable_text(table: Any, path: Path, origin: str) -> None:
    """pyarrow reads text that is not UTF-8 as bytes, which no column of a CSV can be."""
    if path.suffix.lower() not in DELIMITERS:
        return
    unreadable = [field.name for field in table.schema if str(field.type) == "binary"]
    if unreadable:
        raise RequestError(
            f"{origin}: column '{unreadable[0]}' holds text that is not UTF-8; "
            "save the file with UTF-8 encoding"
        )


TABLES: Mapping[str, Callable[[Path], Any]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".json": _read_json,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
    ".arrow": _read_arrow,
    ".feather": _read_arrow,
}
