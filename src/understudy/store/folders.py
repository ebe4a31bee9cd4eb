"""Where a store lies. A folder on this machine here; an object store in `remote`."""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from understudy.files import (
    flush,
    full_disk_is_a_request_error,
    replace_atomically,
    write_atomically,
)

TEMPORARY = re.compile(r"\..+\.(\d+)-[0-9a-f]+\.tmp")
"""What files are called before they are whole; the number is that of the writing process."""


class Folder(Protocol):
    """A place that keeps files, each whole or absent."""

    root: str

    def names(self) -> set[str]:
        """The files that are there; none where the folder is missing."""
        ...

    def read(self, name: str) -> bytes:
        """A small file. Raises FileNotFoundError."""
        ...

    def publish(self, name: str, write: Callable[[Path], object]) -> None:
        """Put a file there that `write` fills under another name, replacing what had its name."""
        ...

    def publish_first(self, name: str, content: bytes) -> None:
        """Put a file there, or leave the one that somebody else put there before."""
        ...

    def rename(self, name: str, new: str) -> None:
        """Give a file another name; nothing happens where there is none."""
        ...

    def local(self, name: str, *, fresh: bool = False) -> Path:
        """A large file on this machine's disk; fetched again where `fresh`.

        Raises: FileNotFoundError.
        """
        ...

    def used(self, name: str) -> None:
        """Note that a large file was used, so that a cache keeps it."""
        ...

    def sweep(self, idle_seconds: float) -> None:
        """Remove what writers that died have left."""
        ...


class LocalFolder:
    """A folder on this machine, or on a file system that is mounted here."""

    def __init__(self, path: Path) -> None:
        self.root = str(path)
        self._path = path

    def names(self) -> set[str]:
        try:
            return set(os.listdir(self._path))  # noqa: PTH208 - names are what is wanted
        except FileNotFoundError:
            return set()

    def read(self, name: str) -> bytes:
        return (self._path / name).read_bytes()

    def publish(self, name: str, write: Callable[[Path], object]) -> None:
        replace_atomically(self._path / name, write)

    def publish_first(self, name: str, content: bytes) -> None:
        path = self._path / name
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
        try:
            with full_disk_is_a_request_error(path):
                temporary.write_bytes(content)
                flush(temporary)
                # A link, unlike a rename, fails where the name is taken: one writer wins.
                with suppress(FileExistsError):
                    path.hardlink_to(temporary)
                flush(path.parent)
        except OSError:  # a file system without links
            write_atomically(path, content)
        finally:
            temporary.unlink(missing_ok=True)

    def rename(self, name: str, new: str) -> None:
        with suppress(FileNotFoundError):
            (self._path / name).replace(self._path / new)
            flush(self._path)

    def local(self, name: str, *, fresh: bool = False) -> Path:
        path = self._path / name
        path.stat()
        return path

    def used(self, name: str) -> None:
        pass

    def sweep(self, idle_seconds: float) -> None:
        sweep_folder(self._path, idle_seconds)


def sweep_folder(folder: Path, idle_seconds: float) -> None:
    """Remove temporary files whose process is gone and that nobody touched for a while.

    The while protects writers on other machines, whose process numbers mean nothing here.
    """
    for path in folder.iterdir():
        name = TEMPORARY.fullmatch(path.name)
        if name is None or Path(f"/proc/{name[1]}").exists():
            continue
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime >= idle_seconds:
                path.unlink()
