from __future__ import annotations

from pathlib import Path

import pytest

from understudy.data import linked
from understudy.errors import RequestError


def test_file_names_are_made_whole_and_known_by_content(pictures: Path) -> None:
    columns = {"file": ["cat/0.png", "dog/1.png"], "name": ["a", "b"]}
    resolved, content = linked.resolve(columns, pictures, "pets.csv")
    assert list(resolved["file"]) == [str(pictures / "cat/0.png"), str(pictures / "dog/1.png")]
    assert resolved["name"] == ["a", "b"]
    (pictures / "cat/0.png").write_bytes((pictures / "cat/1.png").read_bytes())
    assert linked.resolve(columns, pictures, "pets.csv")[1] != content


def test_files_that_are_not_there_are_counted(pictures: Path) -> None:
    with pytest.raises(RequestError, match=r"1 of 2 files named in column 'file'.*row 1 first"):
        linked.resolve({"file": ["cat/0.png", "cat/7.png"]}, pictures, "pets.csv")


def test_texts_are_no_file_names() -> None:
    assert not linked.names_files(["see photo.png", "and then some"])
    assert not linked.names_files([])
    assert linked.resolve({"text": ["a"]}, Path(), "t")[1] == ""
