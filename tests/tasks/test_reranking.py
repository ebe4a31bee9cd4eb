"""Rows of `reranking`: full lists for learning, and lists for the test that say what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from understudy.data.rows import Rows
from understudy.data.settings import Data
from understudy.errors import RequestError
from understudy.objectives import ListwiseKl
from understudy.students.scoring import CosineScores, PairScores
from understudy.students.sentence import StaticEncoder
from understudy.students.text_transformers import preset_classifier
from understudy.tasks import Prepared
from understudy.tasks.lists import CANDIDATES
from understudy.tasks.reranking import NONE, Reranking

FRUITS = ("apple", "pear", "plum", "fig", "quince", "cherry", "peach", "melon", "lemon", "grape")


def pairs(queries: range, documents: int = 5) -> Rows:
    """Queries, each with a document that names both of its fruits, and some that name one."""
    cells: dict[str, list] = {"query": [], "document": [], "score": []}
    for query in queries:
        fruit, other = FRUITS[query % 10], FRUITS[(query + 3) % 10]
        for number in range(documents):
            second = other if number == 0 else f"basket {number}"
            cells["query"].append(f"{fruit} with {other} {query}")
            cells["document"].append(f"a {fruit} and a {second} of farm {query}")
            cells["score"].append(float(number == 0))
    return Rows({name: np.array(column) for name, column in cells.items()}, "fruits", "0" * 64)


def prepare(folder: Path, **sources: Rows) -> Prepared:
    data = Data(sources["train"], candidates=4, most_tokens=16)
    return Reranking().prepare(sources, data, folder)


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    return prepare(tmp_path / "rows", train=pairs(range(20)), test=pairs(range(20, 26)))


def lists(prepared: Prepared, part: str) -> list[list[str]]:
    rows = prepared.inputs(prepared.splits[part], ("text",))["text"]
    return [text.split(CANDIDATES) for text in rows]


def test_every_row_is_a_query_with_as_many_candidates(prepared: Prepared):
    assert prepared.facts.form == {"tokens": 16, "candidates": 4}
    assert prepared.facts.classes == ("score",)
    for part in ("train", "validation", "test"):
        assert {len(row) for row in lists(prepared, part)} == {5}
    assert (prepared.labels == -1).all()


def test_rows_to_learn_from_begin_with_what_is_relevant(prepared: Prepared):
    for query, first, *_ in lists(prepared, "train"):
        fruit, _, other, number = query.split()
        assert first == f"a {fruit} and a {other} of farm {number}"


def test_validation_queries_are_not_learnt_from(prepared: Prepared):
    learnt, watched = (
        {query for query, *_ in lists(prepared, part)} for part in ("train", "validation")
    )
    assert len(learnt) == 18
    assert len(watched) == 2
    assert not learnt & watched


def test_test_rows_say_which_documents_they_hold(prepared: Prepared):
    given = prepared.relations
    assert given["asked"].tolist() == [query for query in range(6) for _ in range(2)]
    assert (given["found"] != NONE).sum(axis=1).tolist() == [4, 1] * 6
    assert np.isneginf(given["bm25"][1::2, 1:]).all()
    relevant = given["document"][given["grade"] > 0]
    rows = lists(prepared, "test")
    for query, document in enumerate(relevant):
        row, place = np.argwhere(given["found"] == document)[0]
        assert row // 2 == query
        assert rows[row][1 + place].split()[1] == rows[row][0].split()[0]
    assert [row[2:] for row in rows[1::2]] == [[""] * 3] * 6


def test_without_a_test_some_queries_of_train_are_set_aside(tmp_path: Path):
    prepared = prepare(tmp_path / "rows", train=pairs(range(20)))
    counts = {part: len({row[0] for row in lists(prepared, part)}) for part in prepared.splits}
    assert counts == {"train": 14, "validation": 2, "test": 4}


def test_queries_without_judgements_are_learnt_from_too(tmp_path: Path):
    extra = Rows({"query": np.array(["apple of farm", "plum"])}, "extra", "1" * 64)
    prepared = prepare(tmp_path / "rows", train=pairs(range(20)), unlabelled=extra)
    assert {"apple of farm", "plum"} <= {query for query, *_ in lists(prepared, "train")}


def test_test_queries_without_an_answer_are_left_out_and_known_ones_told(tmp_path: Path):
    test = pairs(range(18, 22))
    test.columns["score"][:5] = 0.0
    prepared = prepare(tmp_path / "rows", train=pairs(range(20)), test=test)
    assert prepared.relations["asked"].max() == 2
    told = {finding["kind"]: finding["text"] for finding in prepared.facts.findings}
    assert told == {
        "unanswered_queries": "1 test queries have no relevant document and are not scored",
        "leaked_test_rows": "1 of 3 test queries are learnt from as well",
    }


def test_data_that_cannot_be_ranked_are_refused(tmp_path: Path):
    with pytest.raises(RequestError, match="lists of two or more"):
        one = Rows(
            {"query": np.array(["a", "b"]), "document": np.array(["c"] * 2)}, "one", "0" * 64
        )
        prepare(tmp_path / "one", train=one, test=pairs(range(2)))
    test = pairs(range(2))
    test.columns["score"][:] = 0.0
    with pytest.raises(RequestError, match="no query has a relevant document"):
        prepare(tmp_path / "none", train=pairs(range(20)), test=test)
    with pytest.raises(RequestError, match=r"data\.test: .* has no column"):
        prepare(tmp_path / "odd", train=pairs(range(20)), test=Rows({"a": ["b"]}, "x", "0" * 64))


def test_encoders_are_compared_and_all_else_reads_pairs():
    task = Reranking()
    assert isinstance(task.network(StaticEncoder(10, 4), {}), CosineScores)
    assert isinstance(task.network(preset_classifier("tiny", 30, 1, 16), {}), PairScores)


def test_the_order_is_learnt_whatever_the_scale_of_scores():
    (part,) = Reranking().objective(1).terms
    assert part.term == ListwiseKl(standardised="teacher")


def test_a_users_own_queries_are_cleaned():
    rows = Reranking().rows_of({}, ("a\x1eb", ["one", "two\x1f"]))
    assert rows["text"].tolist() == ["ab\x1eone\x1etwo"]
    given = Reranking().given(pairs(range(2), 2), {})
    assert [len(documents) for _, documents in given] == [2, 2]
    assert Reranking().text(rows, 0) == "ab\none"
