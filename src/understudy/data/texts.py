"""Columns of cells as clean texts, and texts as bytes for the column store."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.data.cells import Column, objects, source_row
from understudy.data.checks import Finding, finding
from understudy.errors import RequestError
from understudy.store.ragged import Ragged, offsets_of

Texts = NDArray[np.object_]
"""Shape [N], each a str."""

SEPARATOR = "\x1f"
"""Stands between the texts of one row that has several; no cleaned cell contains it."""
MOST_BYTES = 1 << 16
"""Of one text, in UTF-8: some 10,000 words, more than any small student reads."""

UNCLEAN = re.compile(r"[^\n\t\x20-\x7e]")
LINE_END = re.compile("\r\n?|[\x85\u2028\u2029]")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
SURROGATE = re.compile("[\ud800-\udfff]")


def to_texts(columns: Sequence[Column], names: Sequence[str] = ()) -> Texts:
    r"""One text a row: a cell, or the cells of several columns joined by `SEPARATOR`.

    Each is in Unicode's composed form (NFC), its lines end in \n, and control characters other than
    \n and \t are gone. Half a surrogate pair, which no encoding can hold, becomes U+FFFD.
    `names` are what messages call the columns; they are numbered where missing.

    Shapes: columns of N cells each -> [N].
    Raises: RequestError for cells that are missing, blank or no text.
    """
    told = tuple(names) or tuple(str(number) for number in range(len(columns)))
    parts = [_cleaned(column, name) for column, name in zip(columns, told, strict=True)]
    if len(parts) == 1:
        return objects(parts[0])
    return objects([SEPARATOR.join(cells) for cells in zip(*parts, strict=True)])


def cut_texts(texts: Texts, most_bytes: int = MOST_BYTES) -> tuple[Texts, list[Finding]]:
    """Each part of each text cut to so many bytes of UTF-8, between characters; and which were."""
    # A character takes at most four bytes, so that few texts need to be measured.
    long = [row for row, text in enumerate(texts) if len(text) * 4 > most_bytes]
    cut, changed = texts.copy(), []
    for row in long:
        cut[row] = SEPARATOR.join(_cut(part, most_bytes) for part in texts[row].split(SEPARATOR))
        if cut[row] != texts[row]:
            changed.append(row)
    text = f"{len(changed)} of {len(texts)} texts are over {most_bytes:,} bytes and were cut there"
    return cut, finding("cut_texts", np.array(changed, dtype=np.int64), text)


def utf8(texts: Sequence[str] | Texts) -> Ragged:
    """Texts as UTF-8, for the column store: uint8 values, one row a text."""
    encoded = [text.encode() for text in texts]
    lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
    return Ragged(np.frombuffer(b"".join(encoded), dtype=np.uint8), offsets_of(lengths))


def from_utf8(rows: Ragged) -> Texts:
    """The texts again that `utf8` wrote. Shapes: -> [N]."""
    first, last = (int(rows.offsets[end]) for end in (0, -1))
    content = np.ascontiguousarray(rows.values[first:last]).tobytes()
    edges = (rows.offsets - first).tolist()
    return objects([content[start:end].decode() for start, end in itertools.pairwise(edges)])


def _cleaned(column: Column, name: str) -> list[str]:
    """The texts of one column; what cannot be one is refused with its row and the column."""
    cells = column.tolist() if isinstance(column, np.ndarray) else list(column)
    bad = [row for row, cell in enumerate(cells) if not isinstance(cell, str)]
    wrong = [row for row in bad if not _is_missing(cells[row])]
    if wrong:
        cell = cells[wrong[0]]
        raise RequestError(
            f"column '{name}' holds {len(wrong)} of {len(cells)} cells that are no text, row "
            f"{source_row(column, wrong[0])} first: {_shown(cell)}; is it the right column?"
        )
    missing = set(bad)
    texts = ["" if row in missing else _clean(cell) for row, cell in enumerate(cells)]
    blank = [row for row, text in enumerate(texts) if not text or text.isspace()]
    if blank:
        raise RequestError(
            f"column '{name}' has {len(blank)} blank texts of {len(cells)}, row "
            f"{source_row(column, blank[0])} first; fill them in or take these rows out"
        )
    return texts


def _clean(text: str) -> str:
    if not UNCLEAN.search(text):
        return text
    text = CONTROL.sub("", LINE_END.sub("\n", text))
    return unicodedata.normalize("NFC", SURROGATE.sub("\ufffd", text))


def _is_missing(cell: Any) -> bool:
    """Whether a cell is None, NaN, or pandas' NA or NaT, of which no comparison is true."""
    is_nan = isinstance(cell, float) and cell != cell
    return cell is None or is_nan or str(cell) in ("<NA>", "NaT")


def _shown(cell: Any) -> str:
    told = repr(cell)
    return f"{told if len(told) <= 40 else told[:37] + '...'} ({type(cell).__name__})"


def _cut(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore")
