from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import DamagedError, RequestError
from understudy.store import Column, Index, Ragged, Store, create, open_store, reading
from understudy.store.sidecar import shard_name, sidecar_name


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 5), min_size=1, max_size=30),
    per_shard=st.integers(1, 12),
    codec=st.sampled_from(["plain", "bits9"]),
    data=st.data(),
)
def test_ragged_rows_come_back(tmp_path_factory, lengths, per_shard, codec, data) -> None:
    rows = [np.arange(n, dtype=np.int32) + 10 * row for row, n in enumerate(lengths)]
    index = Index((Column("x", "int32", (), True, codec),), len(rows), per_shard, {})
    store = create(tmp_path_factory.mktemp("store"), index)
    for shard in range(store.shards):
        span = store.span(shard)
        store.write(shard, {"x": Ragged.of(rows[span.start : span.stop])})
    asked = sorted(data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=20)))
    found = store.gather(np.array(asked, np.int64))["x"]
    assert isinstance(found, Ragged)
    assert found.offsets[-1] == len(found.values)
    for place, row in enumerate(asked):
        np.testing.assert_array_equal(found.row(place), rows[row])


def test_ragged_elements_may_have_a_shape_and_a_codec(tmp_path) -> None:
    states = Ragged.of([np.full((n, 3), n, np.float32) for n in (2, 0, 4)])
    columns = (Column("states", "float32", (3,), True, "int8"),)
    store = create(tmp_path, Index(columns, 3, 2, {}))
    store.write(0, {"states": Ragged.of([states.row(0), states.row(1)])})
    store.write(1, {"states": Ragged.of([states.row(2)])})
    found = store.gather(np.array([1, 2]))["states"]
    assert found.offsets.tolist() == [0, 0, 4]
    np.testing.assert_allclose(found.values, states.values[2:], rtol=1e-6)


def test_every_row_and_any_rows(store: Store, content, same) -> None:
    same(store, content, np.arange(100))
    same(store, content, np.array([0, 29, 30, 30, 59, 99]))
    same(store, content, np.array([], np.int64))


def test_a_batch_is_a_copy_that_the_reader_may_change(store: Store, content, same) -> None:
    store.gather(np.arange(100))["label"][:] = 7
    same(store, content, np.arange(100))


def test_unused_shards_are_closed_beyond_the_limit(store, content, same, monkeypatch) -> None:
    monkeypatch.setattr(reading, "OPEN_SHARDS", 2)
    again = open_store(store.root)
    same(again, content, np.arange(100))
    assert list(again._shards._open) == [2, 3]
    same(again, content, np.arange(100))


def test_an_unwritten_shard_is_named(tmp_path, index, content, part) -> None:
    store = create(tmp_path, index)
    store.write(0, part(content, store.span(0)))
    with pytest.raises(RequestError, match=r"shard 1 \(of 4\) .* is not written yet"):
        store.gather(np.array([29, 30]))


@pytest.mark.parametrize("name", [shard_name(2), sidecar_name(2)])
@pytest.mark.parametrize("change", ["flip", "shorten", "empty"])
def test_a_changed_file_is_damaged(store: Store, tmp_path, name: str, change: str) -> None:
    path = tmp_path / "store" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x80
    path.write_bytes({"flip": content, "shorten": content[:-9], "empty": b""}[change])
    with pytest.raises(DamagedError, match=r"shard 2 of the store at .* is damaged") as caught:
        open_store(store.root).gather(np.array([60]))
    assert caught.value.shards == (2,)
    assert caught.value.root == store.root
    open_store(store.root).gather(np.arange(60))


def test_a_lost_file_is_damaged(store: Store, tmp_path) -> None:
    (tmp_path / "store" / shard_name(2)).unlink()
    with pytest.raises(DamagedError, match=r"shard-00002.safetensors is missing"):
        store.gather(np.array([60]))


def test_a_shard_of_another_store_is_damaged(store: Store, tmp_path) -> None:
    columns = (Column("label", "int64"),)
    other = create(tmp_path / "other", Index(columns, 100, 30, {}))
    other.write(0, {"label": np.zeros(30, np.int64)})
    for name in (shard_name(0), sidecar_name(0)):
        (tmp_path / "other" / name).replace(tmp_path / "store" / name)
    with pytest.raises(DamagedError, match="other columns or rows"):
        store.gather(np.array([0]))


@pytest.mark.parametrize("change", [{"rows": 29}, {"tensors": {}}])
def test_a_sidecar_that_says_something_else_is_damaged(store: Store, tmp_path, change) -> None:
    path = tmp_path / "store" / sidecar_name(0)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DamagedError, match="other columns or rows"):
        store.gather(np.array([0]))
