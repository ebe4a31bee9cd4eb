from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from understudy.data.beir import is_beir, judged_in, read, read_beir
from understudy.errors import RequestError

CORPUS = [
    {"_id": "007", "title": "Sleep", "text": "Sleep helps\r\nmemory."},
    {"_id": "d2", "title": "", "text": "Bread rises."},
    {"_id": "d3", "title": "", "text": " "},
]
QUERIES = [
    {"_id": "q1", "text": "why sleep"},
    {"_id": "q2", "text": "unjudged"},
    {"_id": "q3", "text": "why does bread rise"},
]
JUDGED = "query-id\tcorpus-id\tscore\nq3\td2\t2\nq1\td2\t0\nq1\t007\t1\nq9\td2\t1\nq1\td3\t1\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, CORPUS)))
    (tmp_path / "queries.jsonl").write_text("\n".join(map(json.dumps, QUERIES)))
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text(JUDGED)
    return tmp_path


def test_a_folder_is_read(folder: Path) -> None:
    assert is_beir(folder)
    assert not is_beir(folder / "qrels")
    search = read_beir(folder)
    assert search.query_ids == ("q1", "q3")
    assert search.queries.tolist() == ["why sleep", "why does bread rise"]
    assert search.document_ids == ("007", "d2")
    assert search.documents.tolist() == ["Sleep Sleep helps\nmemory.", "Bread rises."]
    judged = (search.judged_queries, search.judged_documents, search.grades)
    assert np.stack(judged, axis=1).tolist() == [[0, 0, 1], [0, 1, 0], [1, 1, 2]]
    assert all(column.dtype == np.int64 for column in judged)
    assert search.skipped == {
        "documents without text": 1,
        "judgements of unknown queries": 1,
        "judgements of unknown documents": 1,
        "queries without a judgement": 1,
    }


def test_judgements_are_read_back_from_rows(folder: Path) -> None:
    rows = read(folder, str(folder), None)
    queries, documents, judged = judged_in(rows)
    assert (queries.tolist(), documents.tolist()) == ([0, 1], [2, 3])
    assert judged == [{0: 1, 1: 0}, {1: 2}]
    queries, documents, judged = judged_in(rows.select(np.array([1, 0, 2])))
    assert (queries.tolist(), documents.tolist()) == ([0, 1], [2])
    assert judged == [{}, {0: 1}]


def test_parts_may_lie_side_by_side(folder: Path) -> None:
    shutil.move(folder / "qrels" / "test.tsv", folder / "qrels_test.tsv")
    (folder / "qrels_train.tsv").write_text("q2\td2\t1\n")
    (folder / "queries_test.jsonl").write_text("\n".join(map(json.dumps, QUERIES[:1])))
    assert read_beir(folder).query_ids == ("q2",)
    assert read_beir(folder, "test").query_ids == ("q1",)
    assert read_beir(folder, "test").fingerprint != read_beir(folder, "train").fingerprint
    with pytest.raises(RequestError, match=r"has no part 'tset' \(it has test, train\); did you"):
        read_beir(folder, "tset")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("corpus.jsonl", None, "is no folder of search data: there is no corpus.jsonl in it"),
        ("queries.jsonl", None, "holds no queries; expected queries_test.jsonl or queries.jsonl"),
        ("qrels/test.tsv", None, "holds no judgements; expected qrels/PART.tsv"),
        ("corpus.jsonl", '{"id": 1, "text": "a"}', r"has no field '_id' \(it has id, text\)"),
        (
            "corpus.jsonl",
            '{"_id": "a", "text": "a"}\n{"_id": "a", "text": "b"}',
            "has two lines of _id 'a'; each needs its own",
        ),
        ("corpus.jsonl", '{"_id": "a"', "cannot be read as .jsonl: line 1"),
        ("qrels/test.tsv", "q1\td2\t0.5\n", r"test\.tsv, line 1 is no judgement: expected query"),
        ("qrels/test.tsv", "q1 d2 1\n", r"line 1 is no judgement"),
        ("qrels/test.tsv", "q1\td2\t1\nq1\td2\t0\n", "line 2: .* are judged twice, 1 and 0; keep"),
        ("qrels/test.tsv", "a\tb\t1\n", "no judgement in .* is about a query and a document that"),
    ],
)
def test_what_is_wrong_is_told(folder: Path, name: str, content: str | None, told: str) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(RequestError, match=told):
        read_beir(folder)


def test_real_search(real: Callable[[str], Path]) -> None:
    folder = real("scifact")
    for part, queries, judgements in (("train", 809, 919), ("test", 300, 339)):
        search = read_beir(folder, part)
        assert (len(search.queries), len(search.documents)) == (queries, 5183)
        assert (len(search.grades), search.skipped) == (judgements, {})
        assert set(search.grades.tolist()) == {1}
    assert search.documents[0].startswith("Microstructural development of human")
