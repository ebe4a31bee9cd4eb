from __future__ import annotations

from pathlib import Path

import datasets
import numpy as np
import pytest

from understudy.data import sources
from understudy.errors import RequestError


def test_a_path_counts_from_the_recipe_then_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, here = tmp_path / "recipe", tmp_path / "here"
    for folder, size in ((recipe, 1), (here, 2)):
        folder.mkdir()
        np.savez(folder / "a.npz", x=np.zeros(size))
    np.savez(here / "b.npz", x=np.zeros(3))
    monkeypatch.chdir(here)
    assert len(sources.read("a.npz", root=recipe)) == 1
    assert len(sources.read("b.npz", root=recipe)) == 3
    assert len(sources.read("a.npz")) == 2
    assert len(sources.read(recipe / "a.npz")) == 1


def test_each_kind_of_source_is_told_apart(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n1,2\n")
    saved = datasets.DatasetDict(
        train=datasets.Dataset.from_dict({"x": [1, 2]}), test=datasets.Dataset.from_dict({"x": [3]})
    )
    saved.save_to_disk(tmp_path / "saved")
    assert len(sources.read("sklearn:iris")) == 150
    assert len(sources.read("pictures", root=tmp_path)) == 4
    assert len(sources.read("t.csv", root=tmp_path)) == 1
    assert len(sources.read("saved@test", root=tmp_path)) == 1
    assert len(sources.read(saved)) == 2
    assert len(sources.read(saved["test"])) == 1
    assert len(sources.read({"x": [1, 2, 3]})) == 3
    rows = sources.read((np.zeros(2), np.zeros(2)))
    assert sources.read(rows) is rows


def test_the_name_of_a_file_does_not_count(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("x,y\n1,2\n")
    assert (
        sources.read(tmp_path / "a.csv").fingerprint == sources.read(tmp_path / "b.csv").fingerprint
    )


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("trian.csv", r"there is no file 'trian\.csv'; did you mean 'train\.csv'\?"),
        ("sub/trian.csv", r"there is no file 'sub/trian\.csv' \(looked in "),
        ("sklaern:digits", r"'sklaern:' is an unknown kind of source; did you mean 'sklearn'\?"),
        ("s3://bucket/a.csv", "'s3:' is an unknown kind of source; known are: hub, sklearn"),
        ("model.pkl", "model.pkl is a pickle, which is never loaded"),
        ("notes.doc", r"notes\.doc is of an unknown kind '\.doc'; known are \.csv"),
        ("train.csv@test", "has no parts, so '@test' names nothing"),
    ],
)
def test_a_source_that_is_not_there_is_told(tmp_path: Path, source: str, told: str) -> None:
    for name in ("train.csv", "model.pkl", "notes.doc"):
        (tmp_path / name).write_text("x\n1\n")
    with pytest.raises(RequestError, match=told):
        sources.read(source, root=tmp_path)
