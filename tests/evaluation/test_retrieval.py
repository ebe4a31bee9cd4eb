"""Search, and the figures of rankings and cosines, beside other people's and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import ndcg_score
from sklearn.metrics.pairwise import cosine_similarity

from understudy.evaluation import retrieval
from understudy.evaluation.retrieval import Judgements, Ranking, nearest, spearman, unit


def _vectors(rows: int, width: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


def _ranking(rows: list[list[int]]) -> Ranking:
    documents = np.array(rows)
    return Ranking(documents, np.zeros(documents.shape, np.float32))


def _judged(*triples: tuple[int, int, float]) -> Judgements:
    query, document, grade = zip(*triples, strict=True) if triples else ((), (), ())
    return Judgements(np.array(query, int), np.array(document, int), np.array(grade, float))


@pytest.mark.parametrize("cells, documents", [(7, 3), (40, 16), (4_000_000, 16_384)])
def test_search_in_blocks_is_the_whole_table_sorted(monkeypatch, cells, documents):
    monkeypatch.setattr(retrieval, "CELLS_AT_ONCE", cells)
    monkeypatch.setattr(retrieval, "DOCUMENTS_AT_ONCE", documents)
    queries, corpus = _vectors(5), _vectors(33, seed=1)
    corpus[20] = corpus[4]
    found = nearest(queries, corpus, 7)
    table = queries.astype(np.float64) @ corpus.T.astype(np.float64)
    assert np.array_equal(found.documents, np.argsort(-table, axis=1, kind="stable")[:, :7])
    expected = np.take_along_axis(table, found.documents, axis=1)
    np.testing.assert_allclose(found.scores, expected, rtol=1e-5)


def test_equal_documents_come_in_their_order_also_across_blocks(monkeypatch):
    monkeypatch.setattr(retrieval, "DOCUMENTS_AT_ONCE", 2)
    corpus = np.array([[1, 0], [1, 0], [0, 1], [1, 0], [1, 0]], np.float32)
    found = nearest(np.array([[1, 0]], np.float32), corpus, 3)
    assert found.documents.tolist() == [[0, 1, 3]]


def test_a_text_is_not_its_own_neighbour():
    texts = unit(_vectors(6))
    found = nearest(texts, texts, 10, excluded=np.arange(6))
    assert found.documents.shape == (6, 6)
    for row, documents in enumerate(found.documents):
        assert sorted(documents[:-1]) == sorted(set(range(6)) - {row})
        assert documents[-1] == retrieval.NONE
    assert np.array_equal(nearest(texts, texts, 1).documents[:, 0], np.arange(6))


def test_nothing_to_search_for_finds_nothing():
    assert nearest(_vectors(0), _vectors(3), 2).documents.shape == (0, 2)


def test_ndcg_by_hand():
    """Grades 0 2 1 found, 3 missed: (2/log2(3) + 1/2) / (3 + 2/log2(3) + 1/2)."""
    judged = _judged((0, 5, 2), (0, 6, 1), (0, 9, 3), (0, 4, 0))
    found = retrieval.ndcg(_ranking([[4, 5, 6]]), judged, 3)
    gain = 2 / math.log2(3) + 1 / 2
    assert found.tolist() == pytest.approx([gain / (3 + gain)])
    best = retrieval.ndcg(_ranking([[9, 5, 6]]), judged, 3)
    assert best.tolist() == pytest.approx([1.0])


def test_the_ideal_has_no_more_than_k_places_and_none_where_nothing_is_relevant():
    judged = _judged((0, 0, 1), (0, 1, 1), (0, 2, 1), (1, 0, 0), (1, 1, -1))
    found = retrieval.ndcg(_ranking([[2, 1], [1, 0]]), judged, 2)
    assert found.tolist() == pytest.approx([1.0, 0.0])
    assert retrieval.ndcg(_ranking([[2, 1]]), _judged(), 2).tolist() == [0.0]


@given(st.integers(0, 10_000))
def test_ndcg_is_that_of_scikit_learn(seed):
    generator = np.random.default_rng(seed)
    grades = generator.integers(0, 4, size=(3, 12)).astype(float)
    grades[:, 0] = 1
    scores = generator.permuted(np.tile(np.arange(12.0), (3, 1)), axis=1)
    query, document = np.indices(grades.shape).reshape(2, -1)
    keep = generator.permutation(36)
    judged = Judgements(query[keep], document[keep], grades.ravel()[keep])
    ranking = _ranking(np.argsort(-scores, axis=1).tolist())
    found = retrieval.ndcg(ranking, judged, 5)
    assert found.mean() == pytest.approx(ndcg_score(grades, scores, k=5))


def test_reciprocal_rank_and_recall_by_hand():
    judged = _judged((0, 7, 1), (0, 8, 2), (1, 3, 1), (2, 1, 1))
    ranking = _ranking([[4, 7, 8, 1], [0, 1, 2, 3], [9, -1, -1, -1]])
    assert retrieval.reciprocal_rank(ranking, judged, 4).tolist() == [0.5, 0.25, 0.0]
    assert retrieval.reciprocal_rank(ranking, judged, 3).tolist() == [0.5, 0.0, 0.0]
    assert retrieval.recall(ranking, judged, 2).tolist() == [0.5, 0.0, 0.0]
    assert retrieval.recall(ranking, judged, 4).tolist() == [1.0, 1.0, 0.0]


def test_a_place_without_a_document_is_never_relevant():
    judged = _judged((0, 2, 1), (1, 0, 1))
    ranking = _ranking([[-1, -1], [-1, -1]])
    for figure in (retrieval.ndcg, retrieval.reciprocal_rank, retrieval.recall):
        assert figure(ranking, judged, 2).tolist() == [0.0, 0.0]


def test_overlap_ignores_order_and_missing_places():
    first = np.array([[1, 2, 3], [1, 2, 3], [4, -1, -1], [-1, -1, -1]])
    second = np.array([[3, 1, 2], [3, 9, 8], [7, 4, -1], [-1, 1, 2]])
    found = retrieval.neighbour_overlap(first, second, 3)
    assert found.tolist() == pytest.approx([1.0, 1 / 3, 1.0, 0.0])
    assert retrieval.neighbour_overlap(first, second, 1).tolist() == [0.0, 0.0, 0.0, 0.0]


def test_cosine_is_that_of_scikit_learn_and_nothing_of_a_zero_row():
    first, second = _vectors(4), 3 * _vectors(4, seed=1)
    expected = np.diag(cosine_similarity(first, second))
    np.testing.assert_allclose(retrieval.cosine(first, second), expected, atol=1e-6)
    assert retrieval.cosine(np.zeros((1, 8), np.float32), second[:1]).tolist() == [0.0]
    assert retrieval.cosine(first, first).tolist() == pytest.approx([1.0] * 4)


def test_lengths_are_one_or_zero():
    vectors = np.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(unit(vectors), [[0.6, 0.8], [0.0, 0.0]], rtol=1e-6)


values = st.lists(st.integers(0, 6), min_size=12, max_size=12)


@given(values, values, st.integers(0, 100))
def test_spearman_is_that_of_scipy_with_ties_and_repeated_pairs(first, second, seed):
    one, other = np.array([0.0, *first, 9.0]), np.array([9.0, *second, 0.0])
    assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)
    counts = np.random.default_rng(seed).integers(0, 3, (4, 14))
    counts[:, [0, -1]] = 1
    found = spearman(one, other, counts)
    for times, correlation in zip(counts, found, strict=True):
        written_out = spearmanr(np.repeat(one, times), np.repeat(other, times)).statistic
        assert correlation == pytest.approx(written_out)


def test_a_constant_has_no_correlation():
    assert np.isnan(spearman(np.ones(5), np.arange(5.0)))
