from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from understudy.store.folders import LocalFolder


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path / "store")


def dead_process() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_files_are_whole_or_absent(folder: LocalFolder) -> None:
    assert folder.names() == set()
    folder.publish("a", lambda path: path.write_bytes(b"one"))
    folder.publish("a", lambda path: path.write_bytes(b"two"))

    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.publish("a", fail)
    assert folder.read("a") == b"two"
    assert folder.names() == {"a"}


@pytest.mark.parametrize("turn", range(5))
def test_of_many_first_writers_one_wins(folder: LocalFolder, turn: int) -> None:
    gate = threading.Barrier(8)
    read: list[bytes] = []

    def write(content: bytes) -> None:
        gate.wait()
        folder.publish_first("index.json", content * 1000)
        read.append(folder.read("index.json"))

    threads = [threading.Thread(target=write, args=(b"%d" % n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (won,) = set(read)
    assert len(read) == 8
    assert len(won) == 1000
    folder.publish_first("index.json", b"late")
    assert folder.read("index.json") == won
    assert folder.names() == {"index.json"}


def test_missing_files_say_so(folder: LocalFolder) -> None:
    with pytest.raises(FileNotFoundError):
        folder.read("a")
    with pytest.raises(FileNotFoundError):
        folder.local("a")
    folder.rename("a", "b")


def test_only_the_old_files_of_dead_writers_are_swept(folder: LocalFolder, tmp_path) -> None:
    dead = f".a.{dead_process()}-0123abcd.tmp"
    alive = f".a.{os.getpid()}-0123abcd.tmp"
    for name in (dead, alive, "a", ".hidden"):
        folder.publish(name, lambda path: path.write_bytes(b""))
    folder.sweep(idle_seconds=60)
    assert dead in folder.names()
    then = time.time() - 120
    for name in folder.names():
        os.utime(tmp_path / "store" / name, (then, then))
    folder.sweep(idle_seconds=60)
    assert folder.names() == {alive, "a", ".hidden"}
