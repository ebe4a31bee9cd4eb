"""Reading rows: which shards they lie in, and one `take` per column and touched shard."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from understudy.errors import DamagedError, RequestError
from understudy.store.codecs import Codec
from understudy.store.folders import Folder
from understudy.store.index import OFFSETS, Column, Index
from understudy.store.ragged import Array, Ragged, Values, elements_of, offsets_of
from understudy.store.shards import Advice, Mapped
from understudy.store.sidecar import Sidecar, shard_name, sidecar_name
from understudy.store.verifying import is_whole

OPEN_SHARDS = 768
"""Every mapping holds a file descriptor, and 1,024 is what a process commonly may have."""


@dataclass(frozen=True)
class Opened:
    """A mapped shard, its tensors by column and part."""

    mapped: Mapped
    bytes: int
    parts: dict[str, dict[str, Array]]
    offsets: dict[str, Array]


class Piece(NamedTuple):
    """The rows of a batch that lie in one shard: batch[start:stop], numbered within the shard."""

    shard: Opened
    start: int
    stop: int
    rows: npt.NDArray[np.int64]


class OpenShards:
    """The shards that are mapped, opened when they are first asked for.

    The longest unused ones are closed where there are more than `OPEN_SHARDS`, or than fit into
    `cache_bytes`; a view that somebody still holds keeps its mapping alive.
    """

    def __init__(self, folder: Folder, index: Index, cache_bytes: int | None) -> None:
        self._folder = folder
        self._index = index
        self._cache_bytes = cache_bytes
        self._open: dict[int, Opened] = {}
        self._advice: Advice = "random"
        self._lock = threading.Lock()

    def __getitem__(self, shard: int) -> Opened:
        opened = self._open.get(shard)
        if opened is not None and self._cache_bytes is None:
            return opened
        with self._lock:
            opened = self._open.pop(shard, None) or self._load(shard)
            self._open[shard] = opened
            self._folder.used(shard_name(shard))
            self._close_unused()
            return opened

    def advise(self, advice: Advice) -> None:
        """Say in which order rows will be read from now on."""
        self._advice = advice
        with self._lock:
            for opened in self._open.values():
                opened.mapped.advise(advice)

    @property
    def advice(self) -> Advice:
        """The order in which rows are read."""
        return self._advice

    def forget(self, shard: int) -> None:
        """Open the shard anew when it is next asked for."""
        with self._lock:
            self._open.pop(shard, None)

    def _load(self, shard: int) -> Opened:
        opened = open_shard(self._folder, self._index, shard)
        opened.mapped.advise(self._advice)
        return opened

    def _close_unused(self) -> None:
        room = self._cache_bytes
        while len(self._open) > 1 and (
            len(self._open) > OPEN_SHARDS
            or (room is not None and sum(shard.bytes for shard in self._open.values()) > room)
        ):
            self._open.pop(next(iter(self._open)))


def read_sidecar(folder: Folder, index: Index, shard: int) -> Sidecar:
    """What a shard must hold. Raises RequestError where it is not written yet, or DamagedError."""
    try:
        return Sidecar.from_text(folder.read(sidecar_name(shard)).decode())
    except FileNotFoundError:
        raise RequestError(
            f"shard {shard} (of {index.shards}) of the store at {folder.root} is not written yet: "
            "run the command that fills it again, it goes on where it stopped"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(folder, shard, f"{sidecar_name(shard)} cannot be read") from error


def whole_file(folder: Folder, shard: int, sidecar: Sidecar, *, again: bool = False) -> Path:
    """The file of a shard on this machine, its hash checked once. Raises DamagedError."""
    name = shard_name(shard)
    try:
        # A copy in the cache may be of a shard that was written again since: fetch it anew.
        for fresh in (True,) if again else (False, True):
            path = folder.local(name, fresh=fresh)
            if is_whole(path, sidecar.sha256, sidecar.bytes, again=again):
                return path
    except FileNotFoundError:
        raise damaged(folder, shard, f"{name} is missing") from None
    raise damaged(folder, shard, f"{name} does not have the SHA-256 that was recorded")


def open_shard(folder: Folder, index: Index, shard: int) -> Opened:
    """Check and map a shard. Raises RequestError where it is not there, DamagedError."""
    sidecar = read_sidecar(folder, index, shard)
    mapped = Mapped(whole_file(folder, shard, sidecar))
    parts: dict[str, dict[str, Array]] = {}
    offsets: dict[str, Array] = {}
    try:
        found = {
            name: {"dtype": mapped.kinds[name], "shape": list(tensor.shape)}
            for name, tensor in mapped.tensors.items()
        }
        if found != sidecar.tensors or sidecar.rows != len(index.span(shard)):
            raise ValueError
        for column in index.columns:
            entries = sidecar.rows
            if column.ragged:
                offsets[column.name] = mapped.tensors[column.name + OFFSETS]
                entries = int(offsets[column.name][-1])
            parts[column.name] = {
                suffix: mapped.tensors[column.name + suffix] for suffix in column.coding().parts()
            }
            for suffix, part in column.coding().parts().items():
                if found[column.name + suffix] != {
                    "dtype": part.kind,
                    "shape": list(part.shape_of(entries)),
                }:
                    raise ValueError
    except (KeyError, ValueError):
        raise damaged(
            folder, shard, "it holds other columns or rows than index.json says"
        ) from None
    return Opened(mapped, sidecar.bytes, parts, offsets)


def damaged(folder: Folder, shard: int, what: str) -> DamagedError:
    """The error that names a damaged shard."""
    return DamagedError(
        f"shard {shard} of the store at {folder.root} is damaged: {what}; set it aside and "
        "write it again",
        root=folder.root,
        shards=(shard,),
    )


def pieces_of(shards: OpenShards, index: Index, rows: npt.NDArray[np.int64]) -> list[Piece]:
    """Cut a batch where one shard ends and the next begins: rows [B], ascending."""
    if not len(rows):
        return []
    numbers = rows // index.rows_per_shard
    within = rows - numbers * index.rows_per_shard
    cuts = [0, *((numbers[1:] != numbers[:-1]).nonzero()[0] + 1).tolist(), len(rows)]
    return [
        Piece(shards[int(numbers[start])], start, stop, within[start:stop])
        for start, stop in pairwise(cuts)
    ]


def gather_column(column: Column, codec: Codec, pieces: Sequence[Piece], rows: int) -> Values:
    """The decoded values of one column for a whole batch."""
    if column.ragged:
        return gather_ragged(column, codec, pieces, rows)
    out = np.empty((rows, *column.shape), column.dtype)
    for piece in pieces:
        codec.take(piece.shard.parts[column.name], piece.rows, out[piece.start : piece.stop])
    return out


def gather_ragged(column: Column, codec: Codec, pieces: Sequence[Piece], rows: int) -> Ragged:
    """The same for rows that differ in length."""
    lengths = np.zeros(rows, np.int64)
    for piece in pieces:
        lengths[piece.start : piece.stop] = np.subtract(*reversed(bounds(column, piece)))
    offsets = offsets_of(lengths)
    values = np.empty((int(offsets[-1]), *column.shape), column.dtype)
    for piece in pieces:
        elements = elements_of(bounds(column, piece)[0], lengths[piece.start : piece.stop])
        out = values[offsets[piece.start] : offsets[piece.stop]]
        codec.take(piece.shard.parts[column.name], elements, out)
    return Ragged(values, offsets)


def bounds(column: Column, piece: Piece) -> tuple[Array, Array]:
    """Where the ragged rows of a piece start and stop within their shard: two of [rows]."""
    offsets = piece.shard.offsets[column.name]
    return offsets.take(piece.rows), offsets.take(piece.rows + 1)


def announce_column(column: Column, codec: Codec, pieces: Sequence[Piece]) -> None:
    """Have the pages of one column for a whole batch read in the background."""
    for piece in pieces:
        entries = piece.rows
        if column.ragged:
            starts, stops = bounds(column, piece)
            entries = elements_of(starts, stops - starts)
        for suffix, part in codec.parts().items():
            piece.shard.mapped.announce(column.name + suffix, entries, part.bits)
