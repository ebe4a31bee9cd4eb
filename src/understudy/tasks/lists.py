"""A query with its candidates as one row, and how a network reads it."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.data.texts import SEPARATOR
from understudy.files import write_json
from understudy.store import Ragged
from understudy.tasks.reading import kept_tokens

if TYPE_CHECKING:
    from understudy.students.tokens import Tokens
    from understudy.tasks.prepared import Prepared

CANDIDATES = "\x1e"
"""Stands between a query and each of its candidates; no cleaned text contains it."""
READING = "reading.json"


def listed(query: str, documents: Sequence[str]) -> str:
    """A query and its candidates as the text of one row."""
    return CANDIDATES.join([query, *documents])


def single_texts(texts: Sequence[str]) -> list[str]:
    """The texts that rows are made of: queries and documents; a row that is one text is itself."""
    return [part for text in texts for part in text.split(CANDIDATES)]


def parts_of(row: Sequence[str], *, apart: bool) -> list[str]:
    """What a network reads of a query and its K candidates, one by one.

    Each text, the query first [1 + K], or, where they are not taken apart, each pair [K].
    """
    query, *documents = row
    return [*row] if apart else [f"{query}{SEPARATOR}{document}" for document in documents]


@dataclass(frozen=True)
class Lists:
    """Rows of a query and candidates as tokens: pair by pair, or, `apart`, text by text.

    Shapes: B rows of K candidates -> ids int64 [B, P, T] and mask [B, P, T]; P is K, or, apart,
    1 + K with the query first.
    """

    tokens: Tokens
    apart: bool

    @property
    def columns(self) -> tuple[str, ...]:
        return ("ids",)

    @property
    def fingerprint(self) -> str:
        how = "apart" if self.apart else "in pairs"
        return hashlib.sha256(f"{self.tokens.fingerprint} {how}".encode()).hexdigest()

    def arrays(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The tokens of raw rows; a row with fewer candidates than others gets empty ones."""
        rows = [text.split(CANDIDATES) for text in inputs["text"]]
        widest = max(map(len, rows))
        parts = [part for row in rows for part in self._parts(row + [""] * (widest - len(row)))]
        made = self.tokens.padded(parts)
        return {
            name: values.reshape(len(rows), -1, values.shape[1]) for name, values in made.items()
        }

    def over(self, prepared: Prepared) -> Prepared:
        """The rows as tokens, from beside the texts where they were cut before."""
        return kept_tokens(prepared, self.fingerprint, self._encoded)

    def save(self, folder: Path) -> None:
        """Write the tokenizer, and how it is used."""
        self.tokens.save(folder)
        write_json(folder / READING, {"apart": self.apart})

    def _parts(self, row: list[str]) -> list[str]:
        return parts_of(row, apart=self.apart)

    def _encoded(self, texts: Sequence[str]) -> Ragged:
        """The tokens of each row, -1 behind each of its parts."""
        rows = [self._parts(text.split(CANDIDATES)) for text in texts]
        ids, offsets = self.tokens.encode([part for row in rows for part in row])
        closed = np.insert(ids, offsets[1:], -1)
        before = np.fromiter(itertools.accumulate(map(len, rows), initial=0), np.int64)
        return Ragged(closed, offsets[before] + before)


def read_lists(folder: Path, most: int) -> Lists:
    """How the network in a folder of ours reads rows."""
    from understudy.students.tokens import read_tokens

    told = json.loads((folder / READING).read_text())
    return Lists(read_tokens(folder, most), bool(told["apart"]))
