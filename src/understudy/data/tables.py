"""Tables in files: CSV, JSON, JSON lines, Parquet, Arrow and Feather."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from understudy.data import delimited, fingerprint, json_tables, linked, parts
from understudy.data.arrow import columns_of
from understudy.data.rows import Rows
from understudy.errors import RequestError


def read(path: Path, origin: str, part: str | None = None) -> Rows:
    """The rows of one table, or of one part of a JSON file; `TABLES` says which endings are known.

    Raises: RequestError where the file is empty or is not what its ending says, and for a part that
    is not there.
    """
    import pyarrow as pa

    if path.stat().st_size == 0:
        raise RequestError(f"{origin} is empty: the file holds 0 bytes")
    try:
        table = TABLES[path.suffix.lower()](path)
    except (pa.ArrowException, ValueError, OSError) as error:
        told = " ".join(str(error).split())
        raise RequestError(f"{origin} cannot be read as {path.suffix}: {told}") from error
    chosen = None
    if isinstance(table, dict):
        chosen = parts.choose(table, part, origin)
        table = table[chosen]
    elif part is not None:
        raise RequestError(f"{origin} has no parts, so '@{part}' names nothing in it")
    columns, classes = columns_of(table, origin)
    if not len(table):
        raise RequestError(f"{origin} is empty: it has a header and no rows")
    _refuse_unreadable_text(table, path, origin)
    columns, files = linked.resolve(columns, path.parent, origin)
    content = [fingerprint.of_file(path), *filter(None, (chosen, files))]
    named = fingerprint.of_parts(*content) if len(content) > 1 else content[0]
    return Rows(columns, origin, named, classes)


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
    if path.suffix.lower() not in delimited.DELIMITERS:
        return
    unreadable = [field.name for field in table.schema if str(field.type) == "binary"]
    if unreadable:
        raise RequestError(
            f"{origin}: column '{unreadable[0]}' holds text that is not UTF-8; "
            "save the file with UTF-8 encoding"
        )


TABLES: Mapping[str, Callable[[Path], Any]] = {
    ".csv": delimited.read,
    ".tsv": delimited.read,
    ".json": json_tables.read,
    ".jsonl": json_tables.read_lines,
    ".ndjson": json_tables.read_lines,
    ".parquet": _read_parquet,
    ".arrow": _read_arrow,
    ".feather": _read_arrow,
}
