import errno
import subprocess
import sys
from pathlib import Path

import pytest

from understudy.errors import RequestError
from understudy.files import (
    cache_folder,
    content_key,
    full_disk_is_a_request_error,
    locked,
    replace_atomically,
    write_atomically,
    write_json,
)


def test_a_file_is_written_whole_and_replaces_what_was_there(tmp_path: Path):
    path = tmp_path / "deep" / "file"
    write_atomically(path, "one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "file"
    write_atomically(path, "old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise ValueError("stopped")

    with pytest.raises(ValueError, match="stopped"):
        replace_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path):
    def full(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(RequestError, match=r"the disk is full while writing .*free some space"):
        replace_atomically(tmp_path / "file", full)
    assert not list(tmp_path.iterdir())


def test_other_system_errors_pass_unchanged(tmp_path: Path):
    with pytest.raises(PermissionError), full_disk_is_a_request_error(tmp_path):
        raise PermissionError(errno.EACCES, "no")


def test_json_refuses_what_json_cannot_say(tmp_path: Path):
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "file", {"value": float("nan")})
    write_json(tmp_path / "file", {"value": "é"})
    assert "é" in (tmp_path / "file").read_text()


def test_equal_content_has_equal_keys():
    assert content_key({"a": 1, "b": [2]}) == content_key({"b": [2], "a": 1})
    assert content_key({"a": 1}) != content_key({"a": 2})


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("UNDERSTUDY_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("UNDERSTUDY_CACHE")
    assert cache_folder() == Path("~/.cache/understudy").expanduser()


def test_a_folder_is_held_by_one_process_and_freed_when_it_is_killed(tmp_path: Path):
    code = f"""
import sys, time
from pathlib import Path
from understudy.files import locked
with locked(Path({str(tmp_path)!r}), "busy"):
    print("held", flush=True)
    time.sleep(60)
"""
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RequestError, match="busy"), locked(tmp_path, "busy"):
            pass
    finally:
        other.kill()
        other.communicate()
    with locked(tmp_path, "busy"):
        pass
