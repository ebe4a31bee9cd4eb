"""Stores in object stores, through fsspec: whole shards are fetched into a cache and mapped there.

One range request a row would take seconds a batch; a shard takes one request, once.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from understudy.errors import RequestError, UnderstudyError
from understudy.files import cache_folder, content_key, flush, full_disk_is_a_request_error
from understudy.store.folders import sweep_folder

EXTRAS = {"s3": "understudy[s3]"}
"""What to install for the file systems that we test."""


class RemoteFolder:
    """A prefix of an object store: "s3://bucket/prefix", "memory://name", whatever fsspec knows.

    Shards lie in `$UNDERSTUDY_CACHE/shards`; beyond `cache_bytes` the longest unused are removed.
    """

    def __init__(self, url: str, cache_bytes: int | None = None) -> None:
        self.root = url.rstrip("/")
        self._system, self._path = connect(self.root)
        self._cache = cache_folder() / "shards" / content_key(self.root)[:32]
        self._cache_bytes = cache_bytes

    def names(self) -> set[str]:
        with reaching(self.root):
            self._system.invalidate_cache()
            try:
                found = self._system.ls(self._path, detail=False)
            except FileNotFoundError:
                return set()
        return {path.rstrip("/").rpartition("/")[2] for path in found}

    def read(self, name: str) -> bytes:
        with reaching(self.root, FileNotFoundError):
            return bytes(self._system.cat_file(self._at(name)))

    def publish(self, name: str, write: Callable[[Path], object]) -> None:
        with self._temporary(name) as temporary:
            write(temporary)
            with reaching(self.root):  # a put is whole or absent
                self._system.put_file(str(temporary), self._at(name))

    def publish_first(self, name: str, content: bytes) -> None:
        with suppress(FileExistsError), reaching(self.root, FileExistsError):
            if name not in self.names():
                self._system.pipe_file(self._at(name), content, mode="create")

    def rename(self, name: str, new: str) -> None:
        with suppress(FileNotFoundError), reaching(self.root, FileNotFoundError):
            self._system.mv(self._at(name), self._at(new))
        (self._cache / name).unlink(missing_ok=True)

    def local(self, name: str, *, fresh: bool = False) -> Path:
        path = self._cache / name
        if fresh or not path.exists():
            with self._temporary(name) as temporary:
                with reaching(self.root, FileNotFoundError):
                    self._system.get_file(self._at(name), str(temporary))
                flush(temporary)
                temporary.replace(path)
            self._make_room(path)
        return path

    def used(self, name: str) -> None:
        if self._cache_bytes is not None:
            path = self._cache / name
            with suppress(FileNotFoundError):  # another process made room
                os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))

    def sweep(self, idle_seconds: float) -> None:
        if self._cache.exists():
            sweep_folder(self._cache, idle_seconds)

    def _at(self, name: str) -> str:
        return f"{self._path.rstrip('/')}/{name}"

    @contextmanager
    def _temporary(self, name: str) -> Iterator[Path]:
        """A file in the cache under a name of its own, gone afterwards."""
        self._cache.mkdir(parents=True, exist_ok=True)
        temporary = self._cache / f".{name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp"
        try:
            with full_disk_is_a_request_error(temporary):
                yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _make_room(self, kept: Path) -> None:
        """Remove the longest unused shards until the others fit."""
        if self._cache_bytes is None:
            return
        shards = sorted(
            ((path.stat(), path) for path in self._cache.glob("shard-*.safetensors")),
            key=lambda entry: entry[0].st_atime_ns,
        )
        surplus = sum(status.st_size for status, _ in shards) - self._cache_bytes
        for status, path in shards:
            if surplus > 0 and path != kept:
                path.unlink(missing_ok=True)
                surplus -= status.st_size


def connect(url: str) -> tuple[Any, str]:
    """The file system that a URL names, and the path within it. Raises RequestError."""
    import fsspec

    protocol = url.partition("://")[0]
    try:
        system, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        needed = f"run: pip install '{EXTRAS[protocol]}'" if protocol in EXTRAS else str(error)
        raise RequestError(f"{url} needs a package that is not installed; {needed}") from error
    except ValueError as error:
        raise RequestError(f"{url} names no storage that fsspec knows: {error}") from error
    return system, str(path)


@contextmanager
def reaching(url: str, *expected: type[Exception]) -> Iterator[None]:
    """Turn what the libraries of object stores raise, each its own, into one sentence.

    What is `expected` goes through: the caller knows what it means.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, (UnderstudyError, *expected)):
            raise
        raise RequestError(
            f"{url} cannot be used ({type(error).__name__}: {error}); check its name and your "
            "credentials, and run the same command again"
        ) from error
