from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.data.rows import Rows
from understudy.data.settings import Data
from understudy.errors import RequestError
from understudy.pipeline.rows import prepare_rows, read_sources, rows_key
from understudy.pipeline.workspace import Workspace
from understudy.store import open_store
from understudy.tasks import task_named

TASK = task_named("image-classification")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_rows_are_prepared_once(
    digits_rows: Rows, tmp_path: Path, own_cache: Path, heard: Callable
):
    data = Data(digits_rows)
    first = prepare_rows(TASK, data, Workspace(tmp_path / "a", heard))
    again = prepare_rows(TASK, data, Workspace(tmp_path / "a", heard))
    assert heard.steps("done") == ["rows"]
    assert heard.steps("kept") == ["rows"]
    assert first.key == again.key
    # Another run finds them in the cache: its step is made, but nothing is written.
    before = {path: path.stat().st_mtime_ns for path in own_cache.rglob("*.safetensors")}
    prepare_rows(TASK, data, Workspace(tmp_path / "b", heard))
    assert before == {path: path.stat().st_mtime_ns for path in own_cache.rglob("*.safetensors")}


def test_the_step_says_where_the_rows_lie(digits_rows: Rows, tmp_path: Path, own_cache: Path):
    workspace = Workspace(tmp_path)
    prepared = prepare_rows(TASK, Data(digits_rows), workspace)
    facts = workspace.done("rows", prepared.key)
    assert facts is not None
    assert facts["rows"] == 300
    assert open_store(facts["root"]).rows == 300


@pytest.mark.parametrize("lost", ["facts.json", "rows/shard-00000.safetensors"])
def test_what_is_lost_or_damaged_is_prepared_again(
    digits_rows: Rows, tmp_path: Path, own_cache: Path, lost: str
):
    data = Data(digits_rows)
    first = prepare_rows(TASK, data, Workspace(tmp_path))
    wanted = first.inputs(np.arange(300), ("image",))["image"]
    path = own_cache / "prepared" / first.key / lost
    if path.suffix == ".json":
        path.unlink()
    else:
        flip(path)
    again = prepare_rows(TASK, data, Workspace(tmp_path))
    assert again.store.verify() == ()
    np.testing.assert_array_equal(again.inputs(np.arange(300), ("image",))["image"], wanted)
    assert again.splits["test"].tolist() == first.splits["test"].tolist()


def test_the_key_follows_from_content_and_settings_not_from_the_place(tmp_path: Path):
    generator = np.random.default_rng(0)
    x, y = generator.integers(0, 255, (40, 8, 8), dtype=np.uint8), np.arange(40) % 2
    for name in ("a.npz", "b.npz"):
        np.savez(tmp_path / name, x=x, y=y)
    np.savez(tmp_path / "c.npz", x=255 - x, y=y)

    def key(name: str, **settings: object) -> str:
        data = Data(str(tmp_path / name), **settings)
        return rows_key(TASK, data, read_sources(data))

    assert key("a.npz") == key("b.npz")
    assert key("a.npz") != key("c.npz")
    assert key("a.npz") != key("a.npz", split_seed=1)
    assert key("a.npz") != key("a.npz", test_share=0.3)


def test_a_source_is_named_by_its_role(digits_rows: Rows):
    with pytest.raises(RequestError, match=r"^data\.test: there is no file 'gone\.npz'"):
        read_sources(Data(digits_rows, test="gone.npz"))


def test_an_empty_source_is_refused(digits_rows: Rows):
    empty = replace(digits_rows.select([]), origin="nothing.npz")
    with pytest.raises(RequestError, match=r"^data\.unlabelled: nothing\.npz holds no rows"):
        read_sources(Data(digits_rows, unlabelled=empty))
