import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from understudy.pipeline.distilling import Production
from understudy.pipeline.doctor import NEEDED, examine
from understudy.recipe.schema import Knowledge


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_the_machine_is_looked_at():
    found = {finding.what: finding for finding in examine()}
    assert set(NEEDED) | {"soft labels", "processor", "cache"} == set(found)
    assert all(finding.good for finding in found.values())
    assert "0.5108" in found["soft labels"].found


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch):
    usage = shutil.disk_usage("/")._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    (cache,) = [finding for finding in examine() if finding.what == "cache"]
    assert not cache.good


def test_a_whole_run_is_whole(production: Production):
    found = {finding.what: finding for finding in examine(production.workspace.out)}
    for root in (production.prepared.store.root, production.knowledge_root):
        assert found[root].good
        assert found[root].found == "whole"


@pytest.mark.parametrize("which", ["rows", "knowledge"])
def test_a_flipped_byte_is_found(producing: Callable, own_cache: Path, which: str):
    made = producing()
    assert made.store is not None
    store = made.prepared.store if which == "rows" else made.store
    flip(Path(store.root) / "shard-00000.safetensors")
    bad = [finding for finding in examine(made.workspace.out) if not finding.good]
    assert [finding.what for finding in bad] == [store.root]
    assert "damaged shards: 0" in bad[0].found


def test_a_shard_that_was_never_written_is_told(producing: Callable, own_cache: Path):
    made = producing()
    assert made.store is not None
    for path in Path(made.store.root).glob("shard-*"):
        path.unlink()
    (bad,) = [finding for finding in examine(made.workspace.out) if not finding.good]
    assert bad.found == "missing shards: 0; distil again to mend them"


def test_looking_trains_and_writes_nothing(producing: Callable, own_cache: Path):
    made = producing()
    assert made.store is not None
    shutil.rmtree(own_cache / "teachers")
    before = sorted(made.workspace.out.rglob("*"))
    assert all(finding.good for finding in examine(made.workspace.out))
    assert sorted(made.workspace.out.rglob("*")) == before
    assert not (own_cache / "teachers").exists()


def test_knowledge_that_is_gone_is_told(producing: Callable, own_cache: Path):
    made = producing()
    assert made.store is not None
    shutil.rmtree(made.store.root)
    (bad,) = [finding for finding in examine(made.workspace.out) if not finding.good]
    assert "there is no store" in bad.found


def test_a_live_run_has_rows_only(producing: Callable):
    made = producing(knowledge=Knowledge(mode="live"))
    assert len(made.prepared) == 300
    found = [finding.what for finding in examine(made.workspace.out)]
    assert found[-1] == made.prepared.store.root
    assert found[-2] == "cache"


def test_a_folder_that_is_no_run_is_told(tmp_path: Path):
    bad = [finding for finding in examine(tmp_path) if not finding.good]
    assert [finding.what for finding in bad] == [str(tmp_path)]
    assert "no run" in bad[0].found
