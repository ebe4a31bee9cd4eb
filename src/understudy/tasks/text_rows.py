"""Rows of texts, as every task over texts keeps and reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from understudy.data import checks
from understudy.data.cells import objects
from understudy.data.columns import text_columns
from understudy.data.texts import SEPARATOR, cut_texts, to_texts, utf8
from understudy.store import Column, Index, create, rows_per_shard_for
from understudy.tasks.prepared import IntArray
from understudy.tasks.reading import Reading, Tokenised

if TYPE_CHECKING:
    from torch import nn

    from understudy.data.rows import Rows
    from understudy.students import Blueprint
    from understudy.tasks.prepared import Facts

TYPICAL_BYTES = 80
"""Of a text, for the size of shards."""


class OverTexts:
    """What every task over texts shares, whatever a row of it holds."""

    inputs: ClassVar[tuple[str, ...]] = ("text",)
    several: ClassVar[bool] = False

    def blueprint(self, source: str, facts: Facts, dropout: float = 0.0) -> Blueprint:
        """What a name under `student:` or `train:` means; its vocabulary comes later."""
        from understudy.students import read_blueprint

        shape = (0, facts.form["tokens"])
        return read_blueprint(source, shape, len(facts.classes), dropout, reads="text")

    def picture(self, inputs: Mapping[str, Any], row: int) -> bytes | None:
        """A text has no picture."""
        return None


class OneTextARow(OverTexts):
    """A row is one text, or a few that are read as one."""

    def network(self, body: nn.Module, form: Mapping[str, Any]) -> nn.Module:
        """Tokens in, an answer out: the body itself."""
        return body

    def reading(self, folder: Path, form: Mapping[str, Any]) -> Reading:
        """Through the tokenizer that lies beside the weights."""
        return reading_in(folder, form)

    def given(self, rows: Rows, columns: Mapping[str, str]) -> Any:
        """The texts of a source, for `rows_of`."""
        return read_texts(rows, text_columns(rows, columns))[0]

    def rows_of(self, form: Mapping[str, Any], given: Any) -> dict[str, Any]:
        """One text, or several; a pair of texts is a tuple.

        Raises: RequestError where one is no text.
        """
        return rows_of_texts(given)

    def text(self, inputs: Mapping[str, Any], row: int) -> str | None:
        """The text of one row, its parts on lines of their own."""
        return text_of(inputs, row)


def store_texts(
    texts: Any, numbers: IntArray, folder: Path, typical_bytes: int = TYPICAL_BYTES
) -> None:
    """Keep texts [N] and their labels [N, ...] in `folder/rows`; what is there already stays."""
    label = Column("label", str(numbers.dtype), numbers.shape[1:])
    layout = (Column("text", "uint8", ragged=True), label)
    sizing = (Column("text", "uint8", (typical_bytes,)), label)
    per_shard = rows_per_shard_for(sizing, len(numbers))
    provenance = {"what": "prepared rows", "key": folder.name}
    store = create(folder / "rows", Index(layout, len(numbers), per_shard, provenance))
    for shard in store.missing():
        span = store.span(shard)
        some = texts[span.start : span.stop]
        store.write(shard, {"text": utf8(some), "label": numbers[span.start : span.stop]})


def read_texts(
    rows: Rows, names: Sequence[str]
) -> tuple[NDArray[np.object_], list[checks.Finding]]:
    """The texts of some columns, joined row by row, and what was found while they were read.

    Raises: RequestError where a cell is no text.
    """
    return cut_texts(to_texts([rows.columns[name] for name in names], names))


def reading_in(folder: Path, form: Mapping[str, Any]) -> Reading:
    """Through the tokenizer of a model folder."""
    from understudy.students.tokens import read_tokens

    return Tokenised(read_tokens(folder, form["tokens"]))


def rows_of_texts(given: Any) -> dict[str, Any]:
    """One text or several as raw rows; several parts of one row are a tuple.

    Raises: RequestError where one is no text.
    """
    several = [given] if isinstance(given, str) else list(given)
    rows = [_parts(each) for each in several]
    # Cleaned part by part: what stands between the parts is no character of a text.
    clean = iter(to_texts([[part for row in rows for part in row]]))
    return {"text": objects([SEPARATOR.join(islice(clean, len(row))) for row in rows])}


def _parts(given: Any) -> tuple[Any, ...]:
    """The parts of one row: of a tuple, or of a text that was joined when its source was read."""
    if isinstance(given, str):
        return tuple(given.split(SEPARATOR))
    return given if isinstance(given, tuple) else (given,)


def text_of(inputs: Mapping[str, Any], row: int) -> str:
    """The text of one row, its parts on lines of their own."""
    return str(inputs["text"][row]).replace(SEPARATOR, "\n")
