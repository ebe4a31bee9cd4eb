from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from understudy.data import json_tables, sources
from understudy.errors import RequestError


def read(tmp_path: Path, value: Any) -> Any:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(value))
    return json_tables.read(path)


@pytest.mark.parametrize(
    ("value", "columns"),
    [
        ([{"a": 1}, {"a": 2, "b": 3}], {"a": [1, 2], "b": [None, 3]}),
        ({"a": [1, 2], "b": ["x", "y"]}, {"a": [1, 2], "b": ["x", "y"]}),
        ({"a": [[1, 2], [3, 4]]}, {"a": [[1, 2], [3, 4]]}),
        ({"words": [["a"], ["b", "c"]]}, {"words": [["a"], ["b", "c"]]}),
        ([["hi", "greet"], ["bye", "leave"]], {"text": ["hi", "bye"], "label": ["greet", "leave"]}),
        ([["hi", 1], ["bye", 0]], {"0": ["hi", "bye"], "1": [1, 0]}),
        ([["a", "b", "c"]], {"0": ["a"], "1": ["b"], "2": ["c"]}),
    ],
)
def test_a_table(tmp_path: Path, value: Any, columns: dict[str, list[Any]]) -> None:
    assert read(tmp_path, value).to_pydict() == columns


@pytest.mark.parametrize(
    "value",
    [
        {"train": [["a", "x"], ["b", "y"]], "oos": [["c", "z"]]},
        {"train": [{"text": "a"}], "test": [{"text": "b"}]},
        {"train": [[1, 2]], "test": [[3, 4], [5, 6]]},
    ],
)
def test_parts(tmp_path: Path, value: Any) -> None:
    found = read(tmp_path, value)
    assert {part: len(table) for part, table in found.items()} == {
        part: len(rows) for part, rows in value.items()
    }


def test_a_part_is_named_in_the_source(tmp_path: Path) -> None:
    parts = {"train": [["a", "x"], ["b", "y"]], "val": [["c", "z"]]}
    (tmp_path / "t.json").write_text(json.dumps(parts))
    rows = sources.read("t.json@val", root=tmp_path)
    assert {name: list(column) for name, column in rows.columns.items()} == {
        "text": ["c"],
        "label": ["z"],
    }
    train = sources.read("t.json", root=tmp_path)
    assert len(train) == 2
    assert train.fingerprint == sources.read("t.json@train", root=tmp_path).fingerprint
    assert train.fingerprint != rows.fingerprint
    with pytest.raises(RequestError) as caught:
        sources.read("t.json@vall", root=tmp_path)
    assert str(caught.value) == (
        "t.json@vall has no part 'vall' (it has train, val); did you mean 'val'?"
    )
    with pytest.raises(RequestError, match=r"t\.json@val has no parts"):
        (tmp_path / "t.json").write_text(json.dumps(parts["train"]))
        sources.read("t.json@val", root=tmp_path)


@pytest.mark.parametrize("value", [5, "text", [1, 2], [["a"], ["b", "c"]], {"a": 1}])
def test_what_is_no_table_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(ValueError, match="expected a list of records"):
        read(tmp_path, value)


def test_a_line_that_is_no_record_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"a": 1}\n\n[2]\n')
    with pytest.raises(ValueError, match="line 3: expected a record"):
        json_tables.read_lines(path)


def test_real_intents(real: Callable[[str], Path]) -> None:
    path = real("clinc150/data_full.json")
    sizes = {part: len(table) for part, table in json_tables.read(path).items()}
    assert sizes == {
        "train": 15_000,
        "val": 3000,
        "test": 4500,
        "oos_train": 100,
        "oos_val": 100,
        "oos_test": 1000,
    }
    rows = sources.read(f"{path}@test")
    assert list(rows.columns) == ["text", "label"]
    assert len(set(rows.columns["label"])) == 150
