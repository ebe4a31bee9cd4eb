from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from understudy.store import Store, open_store, verifying
from understudy.store.verifying import is_whole


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were hashed."""
    names: list[str] = []
    really = verifying.hash_of

    def counting(path: Path) -> str:
        names.append(path.name)
        return really(path)

    monkeypatch.setattr(verifying, "hash_of", counting)
    return names


def test_a_shard_is_hashed_once_a_machine(store: Store, content, same, hashed) -> None:
    same(open_store(store.root), content, np.arange(100))
    assert len(hashed) == 4
    same(open_store(store.root), content, np.arange(100))
    assert len(hashed) == 4


def test_a_file_written_again_is_hashed_again(tmp_path: Path, hashed) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    sha256 = hashlib.sha256(b"abc").hexdigest()
    assert is_whole(path, sha256, 3)
    assert is_whole(path, sha256, 3)
    assert len(hashed) == 1
    path.write_bytes(b"abd")
    os.utime(path, ns=(1, 1))
    assert not is_whole(path, sha256, 3)
    assert not is_whole(path, sha256, 4)
    assert len(hashed) == 2


def test_what_rots_in_place_is_found_when_asked_again_and_not_forgiven(tmp_path, hashed) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    sha256 = hashlib.sha256(b"abc").hexdigest()
    assert is_whole(path, sha256, 3)
    status = path.stat()
    path.write_bytes(b"abd")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert is_whole(path, sha256, 3)  # remembered: only `verify` can know
    assert not is_whole(path, sha256, 3, again=True)
    assert not is_whole(path, sha256, 3)


def test_without_a_cache_it_is_hashed_every_time(tmp_path, monkeypatch, hashed) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setenv("UNDERSTUDY_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    for _ in range(2):
        assert is_whole(path, hashlib.sha256(b"abc").hexdigest(), 3)
    assert len(hashed) == 2
