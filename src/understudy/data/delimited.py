"""CSV and TSV files, with or without a line of names, and with quotes that may be plain ones."""

from __future__ import annotations

import csv
import itertools
import re
from pathlib import Path
from typing import Any

from understudy.data.columns import KNOWN

DELIMITERS = {".csv": ",", ".tsv": "\t"}
SAMPLE = 1000
"""Rows from which it is told whether the first line holds names."""
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
NAMES = frozenset(name for names in KNOWN.values() for name in names)
OPENED = re.compile(rb'(?:^|\t)"', re.MULTILINE)
QUOTED = re.compile(rb'(?:^|\t)"(?:[^"]|"")*+"(?=\t|\r?$)', re.MULTILINE)


def read(path: Path) -> Any:
    """The pyarrow Table of one file; without a line of names the columns are called 0, 1, 2 ...

    One block for the whole file, so that a column's type is inferred from all of its values.
    """
    from pyarrow import csv as arrow_csv

    delimiter, quoted = DELIMITERS[path.suffix.lower()], _quotes(path)
    first, *others = _sample(path, delimiter, quoted)
    named = has_names(first, others)
    return arrow_csv.read_csv(
        path,
        arrow_csv.ReadOptions(
            block_size=min(max(path.stat().st_size, 1 << 16) + 1, (1 << 31) - 1),
            column_names=None if named else [str(number) for number in range(len(first))],
        ),
        arrow_csv.ParseOptions(
            delimiter=delimiter,
            quote_char='"' if quoted else False,
            newlines_in_values=quoted,
        ),
    )


def has_names(first: list[str], others: list[list[str]]) -> bool:
    """Whether the first line of a table names its columns.

    It does not where one of its cells is a number, unless these count up by one as in 0, 1, 2 or
    2023, 2024, or where one of its values stands again below, as a class does. It does in any case
    where a name is a well-known one, such as text or label, and no cell a number.
    """
    cells = [cell.strip() for cell in first]
    numbers = [float(cell) for cell in cells if NUMBER.fullmatch(cell)]
    if numbers:
        counting = all(after - before == 1 for before, after in itertools.pairwise(numbers))
        return counting and len(numbers) >= 2 and len(cells) >= 3
    if NAMES & {cell.lower() for cell in cells}:
        return True
    return not any(
        cell and any(cell == other[place].strip() for other in others if place < len(other))
        for place, cell in enumerate(cells)
    )


def _quotes(path: Path) -> bool:
    """Whether quotes enclose cells; in a TSV whose cells open with one and do not close, they are
    part of the text."""
    if path.suffix.lower() != ".tsv":
        return True
    content = path.read_bytes()
    if b'"' not in content:
        return True
    return len(OPENED.findall(content)) <= len(QUOTED.findall(content))


def _sample(path: Path, delimiter: str, quoted: bool) -> list[list[str]]:
    """The first rows, at least one; a cell too long for Python's reader ends them."""
    quoting: Any = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    rows: list[list[str]] = []
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        try:
            for row in csv.reader(lines, delimiter=delimiter, quoting=quoting):
                if row:
                    rows.append(row)
                if len(rows) == SAMPLE:
                    break
        except csv.Error:
            pass
    return rows or [[""]]
