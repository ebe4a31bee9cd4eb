"""Candidates of a query: the relevant first, then what BM25 takes for relevant; lists are full."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest

from understudy.data.bm25 import index_words
from understudy.data.rows import Rows
from understudy.data.settings import Data, Negatives
from understudy.errors import RequestError
from understudy.tasks.candidates import (
    Collection,
    collection_of,
    found_by_words,
    lists_to_learn_from,
    lists_to_rerank,
    unjudged,
)

DOCUMENTS = (
    "red apple",
    "red apple pie",
    "red apple juice",
    "green pear",
    "blue plum",
    "grey goose",
    "a red door",
)


def table(columns: Mapping[str, list]) -> Rows:
    return Rows({name: np.array(cells) for name, cells in columns.items()}, "made up", "0" * 64)


def searching(judged: Mapping[int, float], *, is_complete: bool = False) -> Collection:
    return Collection(("red apple",), DOCUMENTS, (judged,), is_complete)


def lists(collection: Collection, size: int, depth: int = 50, seed: int = 0) -> list[list[int]]:
    found = found_by_words(collection, index_words(DOCUMENTS), Data("", depth=depth))
    return lists_to_learn_from(collection, found, size, seed).tolist()


def test_a_table_with_scores_holds_the_candidates_of_its_queries():
    rows = table(
        {
            "query": ["one", "two", "one"],
            "document": ["red apple", "green pear", "green pear"],
            "score": [1.0, 0.5, 0.0],
        }
    )
    found, told = collection_of(rows, {})
    assert found.queries == ("one", "two")
    assert found.documents == ("red apple", "green pear")
    assert found.judged == ({0: 1.0, 1: 0.0}, {1: 0.5})
    assert found.is_complete
    assert told == []


def test_pairs_without_a_score_are_relevant_and_not_all_there_is():
    found, _ = collection_of(table({"query": ["one"], "passage": ["red apple"]}), {})
    assert found.judged == ({0: 1.0},)
    assert not found.is_complete


def test_scores_that_are_none_are_refused():
    rows = {"query": ["one"], "document": ["red apple"]}
    with pytest.raises(RequestError, match="the column 'score' holds no numbers"):
        collection_of(table({**rows, "score": ["good"]}), {})
    with pytest.raises(RequestError, match="scores that are not finite"):
        collection_of(table({**rows, "score": [np.nan]}), {})
    with pytest.raises(RequestError, match="no column 'grade'"):
        collection_of(table(rows), {"score": "grade"})


def test_a_search_names_its_documents():
    rows = Rows(
        {
            "kind": np.array(["query", "document", "document"], dtype=object),
            "id": np.array(["q", "a", "b"], dtype=object),
            "text": np.array(["one", "red apple", "green pear"], dtype=object),
            "relevant": np.array([json.dumps({"b": 2, "lost": 1}), "", ""], dtype=object),
        },
        "made up",
        "0" * 64,
    )
    found, _ = collection_of(rows, {})
    assert found == Collection(("one",), ("red apple", "green pear"), ({1: 2.0},), False)


def test_a_list_begins_with_what_is_relevant_and_goes_on_with_what_looks_like_it():
    (found,) = lists(searching({3: 1.0, 4: 0.0}), 5)
    assert found[:2] == [3, 4]
    assert set(found[2:4]) == {0, 1} or set(found[2:4]) == {0, 2}
    assert set(found[2:]) <= {0, 1, 2, 6}


@pytest.mark.parametrize("size", [2, 4, 7])
@pytest.mark.parametrize("judged", [{}, {0: 1.0}, {0: 1.0, 1: 2.0, 2: 1.0, 3: 1.0, 4: 1.0}])
def test_every_list_is_full_and_names_a_document_once(size: int, judged: dict[int, float]):
    (found,) = lists(searching(judged), size, depth=3)
    assert len(set(found)) == size
    assert set(found) <= set(range(len(DOCUMENTS)))


def test_what_is_found_first_can_be_left_out_and_judged_documents_always_are():
    index, collection = index_words(DOCUMENTS), searching({1: 1.0, 2: 0.0})
    (found,) = found_by_words(collection, index, Data(""))
    assert found[0] == 0
    assert not {1, 2} & set(found)
    (rest,) = found_by_words(collection, index, Data("", negatives=Negatives(skip=1)))
    assert rest == found[1:]


def test_half_of_a_list_at_most_is_relevant_and_the_best_come_first():
    judged = {0: 1.0, 1: 3.0, 2: 2.0}
    (found,) = lists(searching(judged), 4)
    assert found[:2] == [1, 2]
    assert not set(found[2:]) & set(judged)


def test_the_same_seed_draws_the_same_lists():
    first, again, other = (lists(searching({0: 1.0}), 5, 2, seed) for seed in (0, 0, 1))
    assert first == again != other


def test_what_is_reranked_comes_in_the_order_of_bm25():
    index = index_words(DOCUMENTS)
    ((documents, scores),) = lists_to_rerank(searching({5: 1.0}), index, 3)
    assert documents.tolist()[0] == 0
    assert len(documents) == 3
    assert 5 not in documents
    assert (np.diff(scores) <= 0).all()
    ((documents, _),) = lists_to_rerank(searching({5: 0.0, 1: 1.0}, is_complete=True), index, 1)
    assert documents.tolist() == [1, 5]


def test_queries_alone_are_put_to_the_documents_of_others():
    found = unjudged(table({"question": ["one", "two", "one"]}), {}, DOCUMENTS)
    assert found.queries == ("one", "two")
    assert found.judged == ({}, {})
    assert found.answered() == []
