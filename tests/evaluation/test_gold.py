"""Tests of embeddings: what they hold, and what they refuse."""

import numpy as np
import pytest

from understudy.errors import RequestError
from understudy.evaluation.gold import Pairs, Search
from understudy.evaluation.retrieval import Judgements


def _search(query, document, grade, queries=2, documents=3):
    judgements = Judgements(np.array(query, int), np.array(document, int), np.array(grade, float))
    return Search(np.arange(queries), queries + np.arange(documents), judgements)


def test_each_text_of_the_pairs_is_there_once():
    texts, pairs = Pairs.of(["a", "b", "a"], ["b", "c", "a"], [1, 2, 3.5])
    assert texts == ("a", "b", "c")
    assert pairs.first.tolist() == [0, 1, 0]
    assert pairs.second.tolist() == [1, 2, 0]
    assert pairs.labels.tolist() == [1.0, 2.0, 3.5]
    assert (len(pairs), pairs.texts, pairs.asked.tolist()) == (3, 3, [0, 1, 2])
    assert pairs.excluded.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "gold, message",
    [
        ([1, 1], "fewer than two different scores"),
        ([1, float("nan")], "test pair 1 has no finite score"),
        ([1], "as many first as second texts and scores"),
    ],
)
def test_pairs_that_cannot_be_ranked_are_refused(gold, message):
    with pytest.raises(RequestError, match=message):
        Pairs.of(["a", "b"], ["c", "d"], gold)


def test_a_search_counts_what_is_relevant():
    search = _search([0, 0, 1, 1], [0, 1, 2, 0], [1, 2, 1, 0])
    assert search.labels.tolist() == [2, 1]
    assert (len(search), search.texts) == (2, 5)
    assert search.excluded is None


@pytest.mark.parametrize(
    "judged, message",
    [
        (([0, 1], [0, 3], [1, 1]), "judgement 1 names document 3; there are 3"),
        (([0, 2], [0, 1], [1, 1]), "judgement 1 names query 2; there are 2"),
        (([0, 1], [0, 1], [1, 0]), "1 of 2 test queries have no relevant document"),
    ],
)
def test_judgements_of_nothing_are_refused(judged, message):
    with pytest.raises(RequestError, match=message):
        _search(*judged)


def test_a_search_needs_queries():
    with pytest.raises(RequestError, match="leave them out"):
        _search([], [], [], queries=0)
