"""Files that are whole or absent: written under another name, flushed, then renamed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from understudy.errors import RequestError


def cache_folder() -> Path:
    """Where what can be made again is kept: `$UNDERSTUDY_CACHE`, or ~/.cache/understudy."""
    return Path(os.environ.get("UNDERSTUDY_CACHE") or "~/.cache/understudy").expanduser()


def write_atomically(path: Path, content: str | bytes) -> None:
    """Put the content at `path`, so that a reader never sees half of it.

    Raises: RequestError where the disk is full; nothing is left behind then.
    """
    data = content.encode() if isinstance(content, str) else content

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            file.write(data)

    replace_atomically(path, write)


def replace_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file under another name, flush it, and give it its name.

    Raises: RequestError where the disk is full; nothing is left behind then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
    try:
        with full_disk_is_a_request_error(path):
            write(temporary)
            temporary.chmod(0o666 & ~_umask())
            flush(temporary)
            temporary.replace(path)
            flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def full_disk_is_a_request_error(path: Path) -> Iterator[None]:
    """Turn 'no space left' into a sentence that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise RequestError(
            f"the disk is full while writing {path}; free some space and run the same command: "
            "what is already stored is kept"
        ) from error


def flush(path: Path) -> None:
    """Ask the operating system to put a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON, atomically; NaN and infinity are refused."""
    write_atomically(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def content_key(value: Any) -> str:
    """The SHA-256 of a value's canonical JSON: equal for equal content, on any machine."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def locked(folder: Path, busy: str) -> Iterator[None]:
    """Hold a folder for this process; the system lets go of it however the process ends.

    Raises: RequestError with the sentence `busy` where another process holds it.
    """
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RequestError(busy) from error
        yield
