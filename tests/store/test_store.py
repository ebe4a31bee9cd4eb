from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import DamagedError, RequestError
from understudy.store import Index, Store, create, open_store
from understudy.store import store as store_module


def test_a_store_fills_shard_by_shard(tmp_path: Path, index: Index, content, part, same) -> None:
    store = create(tmp_path / "new" / "store", index)
    assert store.missing() == [0, 1, 2, 3]
    assert store.bytes == 0
    for shard in (2, 0, 3, 1):
        assert not store.complete
        store.write(shard, part(content, store.span(shard)))
    assert store.complete
    files = (tmp_path / "new" / "store").glob("*.safetensors")
    assert store.bytes == sum(file.stat().st_size for file in files)
    same(open_store(tmp_path / "new" / "store"), content, np.arange(100))
    same(open_store(f"file://{tmp_path}/new/store"), content, np.arange(100))


def test_the_first_index_stays(store: Store, index: Index) -> None:
    assert create(store.root, replace(index, rows_per_shard=7)).index == index


def test_another_store_is_refused_with_both_values(store: Store, index: Index) -> None:
    other = replace(index, provenance={"teacher": {"weights": "xyz"}})
    with pytest.raises(RequestError, match=r"teacher.weights is 'abc' there and 'xyz' here"):
        create(store.root, other)
    with pytest.raises(RequestError, match="rows are 100 there and 90 here"):
        create(store.root, replace(index, rows=90))
    with pytest.raises(RequestError, match="columns are"):
        create(store.root, replace(index, columns=index.columns[:1]))
    with pytest.raises(RequestError, match=r"teacher.weights is 'abc' there and 'q' here"):
        open_store(store.root, {"teacher": {"weights": "q"}})
    assert open_store(store.root, {"teacher": {"weights": "abc"}}).index == index


def test_a_missing_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"there is no store at .*nowhere: it has no index.json"):
        open_store(tmp_path / "nowhere")


def test_half_an_index_is_damaged(store: Store) -> None:
    (Path(store.root) / "index.json").write_text('{"schema": 1, "rows"')
    with pytest.raises(DamagedError, match=r"index.json of the store at .* cannot be read"):
        open_store(store.root)


def test_some_columns(store: Store, content) -> None:
    found = store.gather(np.array([5, 95]), ["label"])
    assert list(found) == ["label"]
    np.testing.assert_array_equal(found["label"], content["label"][[5, 95]])
    with pytest.raises(RequestError, match="no column 'lable'; did you mean 'label'"):
        store.gather(np.array([5]), ["lable"])


def test_reading_in_order(store: Store, content) -> None:
    np.testing.assert_array_equal(store.read("label", 25, 95), content["label"][25:95])
    tokens = store.read("tokens", 25, 95)
    np.testing.assert_array_equal(tokens.row(7), content["tokens"].row(32))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (np.array([3, 2]), "rows must ascend"),
        (np.array([-1, 2]), "rows 0 to 99; -1 to 2 were asked for"),
        (np.array([2, 100]), "2 to 100 were asked for"),
        (np.array([2], np.int32), r"rows are int64 \[B\]; int32 \[1\] came"),
        (np.array([[2]]), r"int64 \[1, 1\] came"),
    ],
)
def test_rows_that_are_not_there_or_not_in_order_are_refused(store, rows, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        store.gather(rows)


def test_a_shard_that_does_not_exist_is_refused(store: Store) -> None:
    with pytest.raises(RequestError, match="shards 0 to 3; 4 came"):
        store.write(4, {})


def test_a_flipped_byte_costs_one_shard(store: Store, tmp_path, fill, content, same) -> None:
    path = tmp_path / "store" / "shard-00002.safetensors"
    same(store, content, np.arange(100))
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    others = {p: p.stat().st_mtime_ns for p in path.parent.glob("shard-0000[013]*")}
    assert store.verify() == (2,)
    with pytest.raises(DamagedError) as caught:
        store.gather(np.arange(100))
    for shard in caught.value.shards:
        store.set_aside(shard)
    assert store.missing() == [2]
    assert path.with_name(path.name + ".damaged").read_bytes() == damaged
    same(fill(store), content, np.arange(100))
    assert store.verify() == ()
    assert {p: p.stat().st_mtime_ns for p in others} == others


def test_advice_and_announcements_change_nothing(store: Store, content, same) -> None:
    rows = np.array([0, 29, 31, 99])
    for advice in ("sequential", "random"):
        store.advise(advice)
        store.announce(rows)
        store.announce(rows, ["label"])
        same(store, content, rows)
    with pytest.raises(RequestError, match="rows must ascend"):
        open_store(store.root).announce(np.array([3, 2]))


def test_announcing_stops_where_nothing_is_read_from_disk(store, monkeypatch) -> None:
    announced: list[int] = []
    blocks = [0]
    monkeypatch.setattr(
        store_module, "announce_column", lambda column, codec, pieces: announced.append(1)
    )
    monkeypatch.setattr(store_module, "blocks_read", lambda: blocks[0])
    for _ in range(100):
        store.announce(np.arange(4), ["label"])
    assert len(announced) == store_module.QUIET_BATCHES
    blocks[0] += 1
    store.announce(np.arange(4), ["label"])
    assert len(announced) == store_module.QUIET_BATCHES + 1


def test_threads_read_together(store: Store, content, same) -> None:
    again = open_store(store.root)
    failures: list[BaseException] = []

    def read(seed: int) -> None:
        try:
            random = np.random.default_rng(seed)
            for _ in range(20):
                same(again, content, np.sort(random.integers(0, 100, 10)))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
