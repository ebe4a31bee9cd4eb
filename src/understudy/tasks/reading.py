"""How a network reads rows: as they are stored, or through a tokenizer of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from understudy.files import locked, replace_atomically

if TYPE_CHECKING:
    from understudy.store import Ragged, Store
    from understudy.students.tokens import Tokens
    from understudy.tasks.prepared import IntArray, Prepared

AT_ONCE = 4096
"""Texts that are cut into tokens together."""


class Reading(Protocol):
    """Between rows and a network. Teacher and student may read the same rows in different ways."""

    @property
    def fingerprint(self) -> str:
        """What decides how rows are read; empty where they are taken as they are."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the rows in `over` that the network takes, in order."""
        ...

    def arrays(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Raw rows as the arrays that the network takes, in the order of its arguments."""
        ...

    def over(self, prepared: Prepared) -> Prepared:
        """The same rows, as the network takes them."""
        ...

    def save(self, folder: Path) -> None:
        """Write what another process needs to read in the same way."""
        ...


@dataclass(frozen=True)
class AsStored:
    """Rows are taken as they are: pixels, which the network prepares itself, or raw texts."""

    columns: tuple[str, ...]
    fingerprint: str = ""

    def arrays(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The columns themselves."""
        return {name: inputs[name] for name in self.columns}

    def over(self, prepared: Prepared) -> Prepared:
        """The rows themselves."""
        return prepared.raw

    def save(self, folder: Path) -> None:
        """Nothing is needed."""


@dataclass(frozen=True)
class Tokenised:
    """Texts as tokens. Those of a transfer set are cut once and kept, aligned with its rows.

    Shapes: B texts -> ids int64 [B, T] and mask int64 [B, T], 0 where a row is padded.
    """

    tokens: Tokens

    @property
    def columns(self) -> tuple[str, ...]:
        return ("ids",)

    @property
    def fingerprint(self) -> str:
        return self.tokens.fingerprint

    def arrays(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The tokens of raw texts, padded to the longest of them."""
        return self.tokens.padded(list(inputs["text"]))

    def over(self, prepared: Prepared) -> Prepared:
        """The rows as tokens, from beside the texts where they were cut before."""
        return kept_tokens(prepared, self.fingerprint, self._encoded)

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json`, and what lets Transformers load it."""
        self.tokens.save(folder)

    def _encoded(self, texts: Sequence[str]) -> Ragged:
        from understudy.store import Ragged

        return Ragged(*self.tokens.encode(texts))


def kept_tokens(
    prepared: Prepared, fingerprint: str, encode: Callable[[Sequence[str]], Ragged]
) -> Prepared:
    """The rows as `encode` cuts their texts, kept under this fingerprint beside them."""
    prepared = prepared.raw
    folder = Path(prepared.store.root).parent / f"tokens-{fingerprint[:16]}"
    with locked(folder, f"another process is cutting the same texts into tokens in {folder}"):
        store = _store(prepared, folder, fingerprint, encode)
    lengths = _lengths(store, folder)
    return replace(prepared, store=store, lengths=lengths, source=prepared.store)


def _store(
    prepared: Prepared, folder: Path, fingerprint: str, encode: Callable[[Sequence[str]], Ragged]
) -> Store:
    from understudy.data.texts import from_utf8
    from understudy.store import Column, Index, Ragged, create

    texts = prepared.store
    provenance = {"what": "tokens", "rows": prepared.key, "tokenizer": fingerprint}
    layout = (Column("ids", "int32", ragged=True),)
    store = create(folder, Index(layout, texts.rows, texts.index.rows_per_shard, provenance))
    for shard in store.verify(again=False):
        store.set_aside(shard)
    for shard in store.missing():
        span, found = store.span(shard), []
        for start in range(span.start, span.stop, AT_ONCE):
            some = texts.read("text", start, min(start + AT_ONCE, span.stop))
            assert isinstance(some, Ragged)
            found.append(encode(list(from_utf8(some))))
        store.write(shard, {"ids": _joined(found)})
    return store


def _joined(parts: list[Any]) -> Any:
    """Ragged columns behind one another."""
    from understudy.store import Ragged

    begins = np.cumsum([0, *(part.offsets[-1] for part in parts)])
    offsets = [part.offsets[:-1] + begin for part, begin in zip(parts, begins[:-1], strict=True)]
    return Ragged(
        np.concatenate([part.values for part in parts]),
        np.concatenate([*offsets, begins[-1:]]).astype(np.int64),
    )


def _lengths(store: Store, folder: Path) -> IntArray:
    """Tokens of each row, [N]; kept in a file, since every batch of a teacher wants them."""
    from safetensors.numpy import load_file, save_file

    path = folder / "lengths.safetensors"
    if not path.is_file():
        spans = (store.span(shard) for shard in range(store.shards))
        parts = [np.diff(store.read("ids", span.start, span.stop).offsets) for span in spans]  # type: ignore[union-attr]
        lengths = np.concatenate(parts).astype(np.int64)
        replace_atomically(path, lambda file: save_file({"lengths": lengths}, file))
    found: IntArray = load_file(path)["lengths"]
    return found
