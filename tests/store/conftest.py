"""Every test has a cache of its own, and small stores to play with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from understudy.store import Column, Index, Ragged, Store, create

COLUMNS = (
    Column("logits", "float32", (10,), codec="fp16"),
    Column("label", "int64"),
    Column("tokens", "int32", ragged=True, codec="bits15"),
)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("UNDERSTUDY_CACHE", str(folder))
    return folder


@pytest.fixture
def index() -> Index:
    return Index(COLUMNS, rows=100, rows_per_shard=30, provenance={"teacher": {"weights": "abc"}})


@pytest.fixture
def content() -> dict[str, np.ndarray | Ragged]:
    """100 rows of the three columns; the logits are exact in fp16."""
    random = np.random.default_rng(0)
    return {
        "logits": random.integers(-50, 50, (100, 10)).astype(np.float32) / 8,
        "label": random.integers(-1, 10, 100),
        "tokens": Ragged.of(
            [random.integers(0, 2**15, length, np.int32) for length in random.integers(0, 9, 100)]
        ),
    }


def rows_of(content: dict[str, np.ndarray | Ragged], rows: range) -> dict[str, np.ndarray | Ragged]:
    """Some rows of every column."""
    return {
        name: Ragged.of([values.row(row) for row in rows])
        if isinstance(values, Ragged)
        else values[rows.start : rows.stop]
        for name, values in content.items()
    }


@pytest.fixture
def part():
    return rows_of


@pytest.fixture
def fill(content):
    """Write the shards that are missing."""

    def fill_store(store: Store) -> Store:
        for shard in store.missing():
            store.write(shard, rows_of(content, store.span(shard)))
        return store

    return fill_store


@pytest.fixture
def store(tmp_path: Path, index: Index, fill) -> Store:
    """A complete store of four shards on disk."""
    return fill(create(tmp_path / "store", index))


@pytest.fixture
def same():
    """Compare some rows of a store with what was written."""

    def assert_same(store: Store, content, rows: np.ndarray) -> None:
        found = store.gather(rows)
        assert found.keys() == content.keys()
        for name, values in found.items():
            if isinstance(values, Ragged):
                wanted = content[name]
                assert len(values) == len(rows)
                for place, row in enumerate(rows):
                    np.testing.assert_array_equal(values.row(place), wanted.row(row))
            else:
                assert values.dtype == content[name].dtype
                np.testing.assert_array_equal(values, content[name][rows])

    return assert_same
