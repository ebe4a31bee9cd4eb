from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from understudy.data import folders
from understudy.errors import RequestError


def test_a_sub_folder_is_a_class(pictures: Path) -> None:
    rows = folders.read(pictures, "pictures")
    assert list(rows.columns["label"]) == ["cat", "cat", "dog", "dog"]
    assert rows.classes == ("cat", "dog")
    assert [Path(file).name for file in rows.columns["image"]] == ["0.png", "1.png"] * 2


def test_what_is_passed_over_is_counted(pictures: Path) -> None:
    (pictures / "empty").mkdir()
    skipped = folders.read(pictures, "pictures").skipped
    assert skipped == {
        "hidden files": 1,
        "files that are no images": 1,
        "folders without images": 1,
    }


def test_images_alone_have_no_label(pictures: Path) -> None:
    rows = folders.read(pictures / "dog", "dog")
    assert list(rows.columns) == ["image"]
    assert rows.classes is None


def test_folders_named_train_and_test_are_parts(pictures: Path, tmp_path: Path) -> None:
    for part in ("train", "test"):
        shutil.copytree(pictures, tmp_path / "all" / part)
    (tmp_path / "all" / "test" / "cat" / "1.png").unlink()
    assert len(folders.read(tmp_path / "all", "all")) == 4
    assert len(folders.read(tmp_path / "all", "all@test", "test")) == 3
    assert folders.read(tmp_path / "all", "all@test", "test").origin == "all@test"
    with pytest.raises(RequestError, match="'@test' names nothing"):
        folders.read(pictures, "pictures", "test")


def test_the_fingerprint_is_that_of_the_content(pictures: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(pictures, copy)
    before = folders.read(pictures, "pictures").fingerprint
    assert folders.read(copy, "copy").fingerprint == before
    (copy / "dog" / "1.png").rename(copy / "cat" / "2.png")
    assert folders.read(copy, "copy").fingerprint != before


def test_images_beside_class_folders_are_refused(pictures: Path) -> None:
    shutil.copy(pictures / "cat" / "0.png", pictures)
    with pytest.raises(RequestError, match="holds 1 images beside its 2 class folders"):
        folders.read(pictures, "pictures")


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"holds no images .* one sub-folder of images a class"):
        folders.read(tmp_path, "nothing")
