from __future__ import annotations

import json
from dataclasses import replace

import pytest

from understudy.errors import DamagedError, RequestError
from understudy.store.index import Column, Index, differences, rows_per_shard_for


def test_reading_what_was_written_gives_the_same(index: Index) -> None:
    assert Index.from_json(json.loads(json.dumps(index.to_json())), "here") == index


def test_spans_cut_all_rows_into_shards(index: Index) -> None:
    assert index.shards == 4
    assert [row for shard in range(4) for row in index.span(shard)] == list(range(100))
    assert index.span(3) == range(90, 100)


def test_the_key_is_made_of_the_content_alone(index: Index) -> None:
    assert replace(index, rows_per_shard=7).key == index.key
    assert replace(index, provenance={"teacher": {"weights": "abd"}}).key != index.key
    assert replace(index, columns=index.columns[:2]).key != index.key


def test_the_order_and_kind_of_containers_does_not_matter(index: Index) -> None:
    one = replace(index, provenance={"a": (1, 2), "b": 2})
    other = replace(index, provenance={"b": 2, "a": [1, 2]})
    assert one == other
    assert one.key == other.key


def test_a_changed_index_is_damaged(index: Index) -> None:
    value = index.to_json()
    value["provenance"] = {"teacher": "another"}
    with pytest.raises(DamagedError, match="was changed after it was written"):
        Index.from_json(value, "here")


def test_a_newer_schema_is_refused(index: Index) -> None:
    with pytest.raises(RequestError, match=r"at here has schema 2.*update it"):
        Index.from_json({**index.to_json(), "schema": 2}, "here")


def test_differences_name_both_values() -> None:
    there = {"teacher": {"weights": "abc", "name": "big"}, "rows": "r", "old": 1}
    here = {"teacher": {"weights": "xyz", "name": "big"}, "rows": "r", "new": None}
    assert differences(there, here) == [
        "new is absent there and None here",
        "old is 1 there and absent here",
        "teacher.weights is 'abc' there and 'xyz' here",
    ]
    assert differences(there, there) == []


def test_shards_are_about_as_large_as_asked() -> None:
    columns = (Column("image", "uint8", (28, 28)), Column("label", "int64"))
    rows = 1_000_000
    per_shard = rows_per_shard_for(columns, rows)
    shards = -(-rows // per_shard)
    assert shards == 4
    assert per_shard == 250_000
    assert rows_per_shard_for(columns, 50) == 50
    assert rows_per_shard_for(columns, 50, shard_bytes=1) == 1
    # 8 bytes of offset and 100 ids of 2 bytes a row
    tokens = (Column("tokens", "uint16", ragged=True),)
    assert rows_per_shard_for(tokens, 10**6, 208_000, elements_per_row=100) == 1000


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ({"name": "a b", "dtype": "int64"}, "a name is made of letters"),
        ({"name": "x.offsets", "dtype": "int64"}, "does not end in '.offsets'"),
        ({"name": "x", "dtype": "flaot32"}, "did you mean 'float32'"),
        ({"name": "x", "dtype": "float32", "codec": "fp17"}, "column 'x': .*'fp16'"),
    ],
)
def test_wrong_columns_are_refused_at_birth(column, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        Column(**column)


def test_wrong_sizes_are_refused_at_birth(index: Index) -> None:
    with pytest.raises(RequestError, match="at least one row"):
        replace(index, rows=0)
    with pytest.raises(RequestError, match="different names"):
        replace(index, columns=index.columns + index.columns[:1])
