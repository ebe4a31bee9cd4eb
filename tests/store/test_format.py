"""A stranger reads a store with the code of docs/format.md: safetensors and json alone."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

from understudy.store import Column, Index, Ragged, Store, create

PAGE = Path(__file__).parents[2] / "docs" / "format.md"

COLUMNS = (
    Column("image", "uint8", (3, 4)),
    Column("label", "int64"),
    Column("half", "float32", (5,), codec="fp16"),
    Column("brain", "float32", (5,), codec="bf16"),
    Column("byte", "float32", (2, 3), codec="int8"),
    Column("ids", "int32", (3,), codec="bits11"),
    Column("tokens", "int64", ragged=True, codec="bits15"),
    Column("states", "float32", (4,), ragged=True, codec="int8"),
    Column("words", "uint8", ragged=True),
)


@pytest.fixture
def filled(tmp_path: Path) -> Store:
    store = create(tmp_path, Index(COLUMNS, 25, 10, {"teacher": "abc"}))
    random = np.random.default_rng(0)
    for shard in range(store.shards):
        rows = len(store.span(shard))
        values = {}
        for column in COLUMNS:
            lengths = random.integers(0, 6, rows)
            entries = int(lengths.sum()) if column.ragged else rows
            high = 2 ** int(column.codec[4:]) if column.codec.startswith("bits") else 200
            drawn = random.uniform(0, high, (entries, *column.shape)).astype(column.dtype)
            values[column.name] = (
                Ragged(drawn, np.append(0, np.cumsum(lengths))) if column.ragged else drawn
            )
        store.write(shard, values)
    return store


@pytest.fixture
def read_column():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert "understudy" not in code
    names: dict = {}
    exec(code, names)
    return names["read_column"]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_a_stranger_reads_what_we_read(filled: Store, read_column, column: Column) -> None:
    theirs = read_column(Path(filled.root), column.name)
    ours = filled.read(column.name, 0, filled.rows)
    assert len(theirs) == 25
    for number, row in enumerate(theirs):
        wanted = ours.row(number) if isinstance(ours, Ragged) else ours[number]
        assert row.numpy().dtype == wanted.dtype
        np.testing.assert_array_equal(row.numpy(), wanted)


def test_the_page_tells_the_key_and_the_hash(filled: Store) -> None:
    root = Path(filled.root)
    index = json.loads((root / "index.json").read_text())
    keyed = {name: index[name] for name in ("schema", "columns", "provenance")}
    text = json.dumps(keyed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert index["key"] == hashlib.sha256(text.encode()).hexdigest() == filled.index.key
    sidecar = json.loads((root / "shard-00002.json").read_text())
    content = (root / "shard-00002.safetensors").read_bytes()
    assert sidecar["sha256"] == hashlib.sha256(content).hexdigest()
    assert sidecar["bytes"] == len(content)


def test_every_field_is_on_the_page(filled: Store) -> None:
    page = PAGE.read_text()
    root = Path(filled.root)
    index = json.loads((root / "index.json").read_text())
    sidecar = json.loads((root / "shard-00000.json").read_text())
    for field in (*index, *index["columns"][0], *sidecar):
        assert f"`{field}`" in page
