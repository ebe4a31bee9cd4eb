"""The column store: a folder of shards whose rows align with the transfer set.

Prepared inputs, knowledge and predictions are kept in it. The format on disk is described in
docs/format.md; it can be read with safetensors and json alone.
"""

from __future__ import annotations

import json
import resource
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from understudy.errors import DamagedError, RequestError, did_you_mean
from understudy.store.codecs import Codec
from understudy.store.folders import Folder, LocalFolder
from understudy.store.index import JSON, Column, Index, differences
from understudy.store.ragged import Values
from understudy.store.reading import (
    OpenShards,
    announce_column,
    gather_column,
    pieces_of,
    read_sidecar,
    whole_file,
)
from understudy.store.remote import RemoteFolder
from understudy.store.shards import Advice
from understudy.store.sidecar import Sidecar, shard_name, sidecar_name
from understudy.store.writing import publish_shard

INDEX = "index.json"

QUIET_BATCHES = 16
"""So many announced batches in a row without reading from a disk: the pages are in memory."""


def create(root: str | Path, index: Index, *, cache_bytes: int | None = None) -> Store:
    """Begin a store, or open the one with the same content that is already there.

    Any number of processes may do so at once: all go on with one index, the first.

    Raises: RequestError where another store is there, naming what differs.
    """
    folder = folder_at(root, cache_bytes)
    content = json.dumps(index.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    folder.publish_first(INDEX, content.encode())
    there = read_index(folder)
    different = differences(there.provenance, index.provenance)
    if there.columns != index.columns:
        different.append(f"columns are {there.columns} there and {index.columns} here")
    if there.rows != index.rows:
        different.append(f"rows are {there.rows} there and {index.rows} here")
    refuse_difference(folder.root, different)
    return Store(folder, there, cache_bytes)


def open_store(
    root: str | Path,
    expect: Mapping[str, JSON] | None = None,
    *,
    cache_bytes: int | None = None,
) -> Store:
    """Open a store that is there; `expect` is the provenance that it must have.

    `cache_bytes` limits the shards of a remote store that are kept on this machine.

    Raises: RequestError where it is missing, or its provenance is another.
    """
    folder = folder_at(root, cache_bytes)
    index = read_index(folder)
    if expect is not None:
        # As the index holds it: tuples are lists in JSON.
        wanted = json.loads(json.dumps(expect))
        refuse_difference(folder.root, differences(index.provenance, wanted))
    return Store(folder, index, cache_bytes)


class Store:
    """An open store. `create` and `open_store` make it; threads and forks may read it together."""

    def __init__(self, folder: Folder, index: Index, cache_bytes: int | None) -> None:
        self.index = index
        self._folder = folder
        self._cache_bytes = cache_bytes
        self._shards = OpenShards(folder, index, cache_bytes)
        self._columns = {column.name: (column, column.coding()) for column in index.columns}
        self._sidecars: dict[int, Sidecar] = {}
        self._blocks = 0
        self._quiet = 0

    @property
    def root(self) -> str:
        """The folder or URL."""
        return self._folder.root

    @property
    def rows(self) -> int:
        """The rows of the complete store."""
        return self.index.rows

    @property
    def shards(self) -> int:
        """The shards of the complete store."""
        return self.index.shards

    def span(self, shard: int) -> range:
        """The rows of one shard."""
        return self.index.span(shard)

    def missing(self) -> list[int]:
        """The shards that nobody has written yet."""
        names = self._folder.names()
        return [shard for shard in range(self.shards) if sidecar_name(shard) not in names]

    @property
    def complete(self) -> bool:
        """Whether every shard is there."""
        return not self.missing()

    @property
    def bytes(self) -> int:
        """What the shards that are there take on disk."""
        return sum(sidecar.bytes for sidecar in self._present())

    @property
    def errors(self) -> dict[str, float]:
        """The largest absolute error that its codec made in each column that has a lossy one."""
        largest: dict[str, float] = {}
        for sidecar in self._present():
            for name, error in sidecar.errors.items():
                largest[name] = max(error, largest.get(name, 0.0))
        return largest

    @property
    def shuffle_by_shard(self) -> bool:
        """Whether the cache is smaller than the store: then visit one shard after the other."""
        return self._cache_bytes is not None and self.bytes > self._cache_bytes

    def write(self, shard: int, values: Mapping[str, Values]) -> None:
        """Write the rows `span(shard)` of every column; a shard that is there stays as it is.

        Raises: RequestError where the values are not what the index says, or the disk is full.
        """
        if not 0 <= shard < self.shards:
            raise RequestError(f"{self.root} has shards 0 to {self.shards - 1}; {shard} came")
        if sidecar_name(shard) not in self._folder.names():
            self._sidecars[shard] = publish_shard(self._folder, self.index, shard, values)

    def gather(
        self, rows: npt.NDArray[np.int64], names: Sequence[str] | None = None
    ) -> dict[str, Values]:
        """The decoded values of some rows, of all columns or of some.

        Shapes: rows [B] int64, ascending -> [B, *shape] each, or a Ragged of B rows.

        Raises: RequestError where rows are not in order, not in the store or not written yet;
                DamagedError where a shard does not hold what was written.
        """
        rows = self._checked(rows)
        pieces = pieces_of(self._shards, self.index, rows)
        return {
            name: gather_column(*self._column(name), pieces, len(rows))
            for name in (self._columns if names is None else names)
        }

    def read(self, name: str, start: int, stop: int) -> Values:
        """The decoded values of the rows from `start` up to `stop` of one column, read in order."""
        column, codec = self._column(name)
        rows = self._checked(np.arange(start, stop, dtype=np.int64))
        pieces = pieces_of(self._shards, self.index, rows)
        for piece in pieces:
            piece.shard.mapped.advise("sequential")
        values = gather_column(column, codec, pieces, len(rows))
        for piece in pieces:
            piece.shard.mapped.advise(self._shards.advice)
        return values

    def announce(self, rows: npt.NDArray[np.int64], names: Sequence[str] | None = None) -> None:
        """Have the pages of the next batch read in the background; rows as for `gather`.

        Each page takes microseconds of system calls even where it is in memory already. So this
        does nothing after a number of batches for which this process has read nothing from a disk,
        and begins again with the first read.
        """
        blocks = blocks_read()
        self._quiet = self._quiet + 1 if blocks == self._blocks else 0
        self._blocks = blocks
        if self._quiet > QUIET_BATCHES:
            return
        pieces = pieces_of(self._shards, self.index, self._checked(rows))
        for name in self._columns if names is None else names:
            announce_column(*self._column(name), pieces)

    def advise(self, advice: Advice) -> None:
        """Say how `gather` will go through the rows: "random" (the default) or "sequential"."""
        self._shards.advise(advice)

    def verify(self, *, again: bool = True) -> tuple[int, ...]:
        """The shards that are damaged: hashed again, or only where this machine never has."""
        damaged: list[int] = []
        missing = set(self.missing())
        for shard in range(self.shards):
            if shard not in missing:
                self._shards.forget(shard)
                try:
                    sidecar = read_sidecar(self._folder, self.index, shard)
                    whole_file(self._folder, shard, sidecar, again=again)
                except DamagedError:
                    damaged.append(shard)
        return tuple(damaged)

    def set_aside(self, shard: int) -> None:
        """Rename a damaged shard to `*.damaged`, so that it is missing and can be written again."""
        # The sidecar last: a crash in between leaves a shard that is found damaged, not an unknown.
        for name in (shard_name(shard), sidecar_name(shard)):
            self._folder.rename(name, f"{name}.damaged")
        self._shards.forget(shard)
        self._sidecars.pop(shard, None)

    def sweep(self, idle_seconds: float = 3600) -> None:
        """Remove the temporary files of writers that died; readers ignore them anyway."""
        self._folder.sweep(idle_seconds)

    def _present(self) -> list[Sidecar]:
        missing = set(self.missing())
        for shard in range(self.shards):
            if shard not in missing and shard not in self._sidecars:
                self._sidecars[shard] = read_sidecar(self._folder, self.index, shard)
        return [sidecar for shard, sidecar in self._sidecars.items() if shard not in missing]

    def _column(self, name: str) -> tuple[Column, Codec]:
        try:
            return self._columns[name]
        except KeyError:
            raise RequestError(
                f"the store at {self.root} has no column '{name}'; "
                f"{did_you_mean(name, self._columns)}"
            ) from None

    def _checked(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        rows = np.asarray(rows)
        if rows.ndim != 1 or rows.dtype != np.int64:
            raise RequestError(f"rows are int64 [B]; {rows.dtype} {list(rows.shape)} came")
        if len(rows):
            if (rows[1:] < rows[:-1]).any():
                raise RequestError("rows must ascend: sort the rows of a batch before gathering")
            if rows[0] < 0 or rows[-1] >= self.rows:
                raise RequestError(
                    f"the store at {self.root} has rows 0 to {self.rows - 1}; "
                    f"{rows[0]} to {rows[-1]} were asked for"
                )
        return rows


def store_exists(root: str | Path) -> bool:
    """Whether a store was begun at a path or a URL."""
    return INDEX in folder_at(root, None).names()


def blocks_read() -> int:
    """What this process has had read from disks so far, in blocks of 512 bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_inblock


def folder_at(root: str | Path, cache_bytes: int | None) -> Folder:
    """The place that a path or a URL names."""
    if isinstance(root, str) and "://" in root and not root.startswith("file://"):
        return RemoteFolder(root, cache_bytes)
    return LocalFolder(Path(str(root).removeprefix("file://")))


def read_index(folder: Folder) -> Index:
    """The index of a store. Raises RequestError where there is none, DamagedError."""
    try:
        return Index.from_json(json.loads(folder.read(INDEX)), folder.root)
    except FileNotFoundError:
        raise RequestError(
            f"there is no store at {folder.root}: it has no {INDEX}; check the path, or run the "
            "command that makes the store"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(
            f"{INDEX} of the store at {folder.root} cannot be read; delete that folder and run the "
            "same command again",
            root=folder.root,
        ) from error


def refuse_difference(root: str, different: Sequence[str]) -> None:
    """Raise RequestError where a store is not the one that is wanted."""
    if different:
        raise RequestError(
            f"the store at {root} holds something else: {'; '.join(different)}; use another "
            "folder, or delete that one"
        )
