"""JSON and JSON lines as tables: records, columns, rows without names, and parts of these."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from understudy.data.parts import NAMES

PAIR = ("text", "label")
"""What the two columns of rows [text, text] are called."""


def read(path: Path) -> Any:
    """The pyarrow Table of one file, or {part: Table} where it holds parts.

    A list of records [{...}, ...] or of rows [[text, label], ...], a table of columns
    {name: [...]}, or parts {train: records or rows, ...}. Columns of rows are called text and label
    where each row is two texts, and 0, 1, 2 ... otherwise.

    Raises: ValueError for anything else.
    """
    import pyarrow as pa

    value = json.loads(path.read_text(encoding="utf-8"))
    if _are_parts(value):
        return {part: _table(rows) for part, rows in value.items()}
    if _are_records(value) or _are_rows(value):
        return _table(value)
    if isinstance(value, dict) and all(isinstance(column, list) for column in value.values()):
        return pa.table(value)
    raise ValueError("expected a list of records [{...}, ...] or a table {name: [...], ...}")


def read_lines(path: Path) -> Any:
    """The pyarrow Table of a file with one record a line.

    Raises: ValueError that names the line which is none.
    """
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
    return _of_records(records)


def _table(rows: list[Any]) -> Any:
    return _of_records(rows) if _are_records(rows) else _of_rows(rows)


def _of_records(records: list[dict[str, Any]]) -> Any:
    """A pyarrow Table with every key that any record has; what a record lacks is missing."""
    import pyarrow as pa

    names = dict.fromkeys(name for record in records for name in record)
    return pa.table({name: [record.get(name) for record in records] for name in names})


def _of_rows(rows: list[list[Any]]) -> Any:
    import pyarrow as pa

    is_pair = all(len(row) == 2 and all(isinstance(cell, str) for cell in row) for row in rows)
    names = PAIR if is_pair else tuple(str(place) for place in range(len(rows[0])))
    return pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)})


def _are_parts(value: object) -> bool:
    """Whether each entry of a mapping is a list of records, or of rows.

    Lists of numbers are rather the cells of a column, unless they are named as parts are.
    """
    if not isinstance(value, dict) or not all(isinstance(some, list) for some in value.values()):
        return False
    everything = [row for some in value.values() for row in some]
    if not everything or _are_records(everything):
        return bool(everything)
    named = all(name in NAMES for name in value)
    return _are_rows(everything) and (named or _hold_text(everything))


def _are_records(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(record, Mapping) for record in value)


def _are_rows(value: object) -> bool:
    """Whether a value is a list of lists of one length, two or more."""
    if not isinstance(value, list) or not all(isinstance(row, list) for row in value):
        return False
    lengths = {len(row) for row in value}
    return len(lengths) == 1 and min(lengths) >= 2


def _hold_text(rows: list[list[Any]]) -> bool:
    return any(isinstance(cell, str) for row in rows for cell in row)
