from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from understudy.data import tables
from understudy.data.rows import Rows
from understudy.errors import RequestError

RECORDS = [{"text": "hi, you", "label": "a"}, {"text": "no\nway", "label": "b"}]


def read(path: Path) -> Rows:
    return tables.read(path, path.name)


def test_every_kind_of_table_holds_the_same(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(RECORDS)
    (tmp_path / "t.csv").write_text('text,label\n"hi, you",a\n"no\nway",b\n')
    (tmp_path / "t.tsv").write_text('text\tlabel\nhi, you\ta\n"no\nway"\tb\n')
    (tmp_path / "t.json").write_text(json.dumps(RECORDS))
    (tmp_path / "columns.json").write_text(json.dumps(table.to_pydict()))
    (tmp_path / "data.json").write_text(json.dumps({"data": RECORDS}))
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, RECORDS)) + "\n\n")
    parquet.write_table(table, tmp_path / "t.parquet")
    feather.write_feather(table, tmp_path / "t.feather")
    with pa.ipc.new_stream(tmp_path / "t.arrow", table.schema) as writer:
        writer.write_table(table)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 9
    for path in files:
        rows = read(path)
        assert {name: list(column) for name, column in rows.columns.items()} == table.to_pydict()
    assert len({read(path).fingerprint for path in files}) == 9


def test_a_type_is_inferred_from_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("label\n" + "1\n" * 600_000 + "none\n")
    assert read(path).columns["label"][-1] == "none"


def test_a_key_that_a_record_lacks_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a"}\n{"text": "b", "label": "x"}\n')
    assert list(read(path).columns["label"]) == [None, "x"]


def test_paths_in_a_table_count_from_its_folder(pictures: Path) -> None:
    path = pictures / "pets.csv"
    path.write_text("file,kind\ncat/0.png,cat\ndog/1.png,dog\n")
    before = read(path)
    assert before.columns["file"][1] == str(pictures / "dog/1.png")
    (pictures / "dog/1.png").write_bytes((pictures / "dog/0.png").read_bytes())
    assert read(path).fingerprint != before.fingerprint


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("t.csv", b"", "t.csv is empty: the file holds 0 bytes"),
        ("t.csv", b"x,y\n", "t.csv is empty: it has a header and no rows"),
        (
            "t.csv",
            b"x,y\n1,2\n1,2,3\n",
            "t.csv cannot be read as .csv: .*Expected 2 columns, got 3",
        ),
        ("t.csv", b"x\n\xff\xfe\n", "column 'x' holds text that is not UTF-8"),
        ("t.json", b"{", "t.json cannot be read as .json"),
        ("t.json", b'"text"', "expected a list of records"),
        ("t.json", b'{"a": [1, 2], "b": [1]}', "expected length 2 but got length 1"),
        ("t.jsonl", b'{"a": 1}\n{"a"\n', "t.jsonl cannot be read as .jsonl: line 2"),
        ("t.jsonl", b"[1]\n", "line 1: expected a record"),
        ("t.parquet", b"no parquet", "t.parquet cannot be read as .parquet"),
        ("t.arrow", b"no arrow", "t.arrow cannot be read as .arrow"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RequestError, match=told):
        read(path)


def test_real_messages(real: Callable[[str], Path]) -> None:
    rows = read(real("sms_spam/spam.csv"))
    assert len(rows) == 5573
    assert set(rows.columns["label"]) == {"ham", "spam"}


def test_real_questions(real: Callable[[str], Path]) -> None:
    rows = read(real("gsm8k/test.jsonl"))
    assert len(rows) == 1319
    assert np.asarray(rows.columns["question"]).dtype == object
