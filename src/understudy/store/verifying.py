"""Somebody must check the hash: each shard once a machine, and all of them when asked.

That a file was found whole is remembered by an empty file in `$UNDERSTUDY_CACHE/verified`, whose
name is made of the file's device, inode, size, time of change and expected hash. A file that is
written again is therefore checked again; one that rots in place is found by `Store.verify`.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from understudy.files import cache_folder, content_key


def is_whole(path: Path, sha256: str, size: int, *, again: bool = False) -> bool:
    """Whether a file holds what was written; hashed where this machine has not done so before.

    `again` hashes in any case. Raises: FileNotFoundError.
    """
    status = path.stat()
    if status.st_size != size:
        return False
    identity = [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, sha256]
    remembered = cache_folder() / "verified" / content_key(identity)[:32]
    if remembered.exists() and not again:
        return True
    whole = hash_of(path) == sha256
    # A machine without a writable cache checks more often, that is all.
    with suppress(OSError):
        if whole:
            remembered.parent.mkdir(parents=True, exist_ok=True)
            remembered.touch()
        else:
            remembered.unlink(missing_ok=True)
    return whole


def hash_of(path: Path) -> str:
    """The SHA-256 of a file, read in order."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
