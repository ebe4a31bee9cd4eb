"""How well vectors find what they should: exact search, figures of rankings, and of cosines.

Pure functions on arrays, each with one number a query, a pair or a text; averages are left to the
scorecard. Legend: Q queries, N documents, K places of a ranking, J judgements, D features, P pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Vectors = NDArray[np.float32]

CELLS_AT_ONCE = 4_000_000
"""Scores are made in blocks of about this many, so that memory stays flat."""
DOCUMENTS_AT_ONCE = 16_384
NONE = -1
"""The document at a place of a ranking that holds none."""


@dataclass(frozen=True)
class Ranking:
    """Documents for each query, best first. Shapes: documents [Q, K] int64, scores [Q, K] float32.

    A place without a document holds -1, and such places come last.
    """

    documents: Numbers
    scores: Vectors


@dataclass(frozen=True)
class Judgements:
    """What is relevant to what. Shapes: query, document and grade [J]; grades above 0 are relevant.

    Queries and documents are named by their place among the queries and documents of the test;
    whatever was not judged is not relevant.
    """

    query: Numbers
    document: Numbers
    grade: Floats

    def grades(self, documents: Numbers) -> Floats:
        """The grade at every place of a ranking. Shapes: [Q, K] -> [Q, K], 0 where not judged."""
        if len(self.query) == 0:
            return np.zeros(documents.shape)
        width = 2 + max(int(self.document.max()), int(documents.max(initial=NONE)))
        keys = self.query * width + self.document + 1
        order = np.argsort(keys, kind="stable")
        wanted = np.arange(len(documents))[:, None] * width + documents + 1
        places = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
        judged = (keys[order][places] == wanted) & (documents >= 0)
        return np.where(judged, np.maximum(self.grade[order][places], 0.0), 0.0)

    def relevant(self, queries: int) -> Numbers:
        """How many documents are relevant to each query. Shape: [Q]."""
        return np.bincount(self.query[self.grade > 0], minlength=queries)


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """Each row at length 1; a row of zeros stays as it is. Shapes: [N, D] -> [N, D]."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)


def nearest(
    queries: Vectors, documents: Vectors, k: int, excluded: Numbers | None = None
) -> Ranking:
    """The k documents with the largest dot products, exactly; equal ones in their order.

    `excluded` names one document a query that is left out, such as the query itself.
    Shapes: queries [Q, D], documents [N, D], excluded [Q] -> a ranking [Q, min(k, N)].
    """
    k = min(k, len(documents))
    wide = min(len(documents), DOCUMENTS_AT_ONCE)
    high = max(1, CELLS_AT_ONCE // max(wide, 1))
    found = [
        _nearest(queries[rows], documents, k, None if excluded is None else excluded[rows], wide)
        for rows in (slice(first, first + high) for first in range(0, len(queries), high))
    ]
    if not found:
        return Ranking(np.empty((0, k), np.int64), np.empty((0, k), np.float32))
    return Ranking(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _nearest(
    queries: Vectors, documents: Vectors, k: int, excluded: Numbers | None, wide: int
) -> tuple[Numbers, Vectors]:
    """One block of queries against all documents, a block at a time, keeping the best so far."""
    numbers = np.empty((len(queries), 0), np.int64)
    scores = np.empty((len(queries), 0), np.float32)
    for first in range(0, len(documents), wide):
        part = queries @ documents[first : first + wide].T
        if excluded is not None:
            own = np.flatnonzero((excluded >= first) & (excluded < first + part.shape[1]))
            part[own, excluded[own] - first] = -np.inf
        places = np.broadcast_to(np.arange(first, first + part.shape[1]), part.shape)
        scores = np.concatenate([scores, part], axis=1)
        numbers = np.concatenate([numbers, places], axis=1)
        kept = _largest(scores, min(k, scores.shape[1]))
        scores = np.take_along_axis(scores, kept, axis=1)
        numbers = np.take_along_axis(numbers, kept, axis=1)
    best = ranked(scores, k)
    there = best.documents != NONE
    return np.where(there, np.take_along_axis(numbers, best.documents, axis=1), NONE), best.scores


def ranked(scores: Vectors, k: int) -> Ranking:
    """The k best columns of each row of scores, equal ones in their order.

    Shapes: [Q, N] -> a ranking [Q, min(k, N)]. A score of minus infinity takes no place.
    """
    kept = _largest(scores, min(k, scores.shape[1]))
    found = np.take_along_axis(scores, kept, axis=1)
    order = np.argsort(-found, axis=1, kind="stable")
    found, kept = np.take_along_axis(found, order, axis=1), np.take_along_axis(kept, order, axis=1)
    return Ranking(np.where(np.isneginf(found), NONE, kept).astype(np.int64), found)


def _largest(scores: Vectors, k: int) -> Numbers:
    """Columns of the k largest of each row, in their order; of equal ones the first.

    Shapes: [Q, N] -> [Q, k].
    """
    if k == scores.shape[1]:
        return np.broadcast_to(np.arange(k), scores.shape)
    edge = np.partition(scores, -k, axis=1)[:, -k, None]
    above, level = scores > edge, scores == edge
    left = k - above.sum(axis=1, keepdims=True)
    chosen = above | (level & (level.cumsum(axis=1) <= left))
    return np.nonzero(chosen)[1].reshape(len(scores), k)


def ndcg(ranking: Ranking, judgements: Judgements, k: int) -> Floats:
    """Normalised discounted cumulative gain of the first k places, in [0, 1], one number a query.

    Shapes: a ranking [Q, K] -> [Q].
    Limits: 1 where no order of all documents is better; 0 where nothing is relevant.
    Source: Järvelin and Kekäläinen 2002, ACM TOIS 20(4), with the gain of a grade being the grade
            and the discount log2(place + 1), as trec_eval and BEIR have it.
    """
    grades = judgements.grades(ranking.documents[:, :k])
    best = _ideal(judgements, len(grades), k)
    return np.asarray(grades @ _discounts(grades.shape[1]) / np.where(best > 0, best, 1.0))


def _ideal(judgements: Judgements, queries: int, k: int) -> Floats:
    """The gain of the best order. Shape: [Q]."""
    counted = judgements.grade > 0
    query, grade = judgements.query[counted], judgements.grade[counted]
    order = np.lexsort((-grade, query))
    query, grade = query[order], grade[order]
    starts = np.concatenate([[0], np.cumsum(np.bincount(query, minlength=queries))])
    place = np.arange(len(query)) - starts[query]
    within = place < k
    gains = grade[within] * _discounts(k)[place[within]]
    return np.bincount(query[within], weights=gains, minlength=queries).astype(np.float64)


def _discounts(k: int) -> Floats:
    return np.asarray(1.0 / np.log2(np.arange(2, k + 2)))


def reciprocal_rank(ranking: Ranking, judgements: Judgements, k: int) -> Floats:
    """One over the place of the first relevant document among k, or 0; its mean is MRR@k.

    Shapes: a ranking [Q, K] -> [Q].
    """
    relevant = judgements.grades(ranking.documents[:, :k]) > 0
    first = relevant.argmax(axis=1)
    return np.where(relevant.any(axis=1), 1.0 / (first + 1.0), 0.0)


def recall(ranking: Ranking, judgements: Judgements, k: int) -> Floats:
    """The share of all relevant documents that are among the first k, one number a query.

    Shapes: a ranking [Q, K] -> [Q]. Limits: 0 where nothing is relevant, as in trec_eval.
    """
    hits = (judgements.grades(ranking.documents[:, :k]) > 0).sum(axis=1)
    return np.asarray(hits / np.maximum(judgements.relevant(len(hits)), 1))


def neighbour_overlap(first: Numbers, second: Numbers, k: int) -> Floats:
    """The share of the first k documents of one ranking that are among the second's first k.

    Shapes: [Q, K], [Q, K] -> [Q], in [0, 1]. Symmetric where both have k documents.
    Limits: 1 for the same k documents in any order; 0 where the first has none.
    """
    mine, others = first[:, :k], second[:, :k]
    shared = (mine[:, :, None] == others[:, None, :]) & (mine >= 0)[:, :, None]
    counted = (mine >= 0).sum(axis=1)
    return np.asarray(shared.any(axis=2).sum(axis=1) / np.maximum(counted, 1))


def cosine(first: Vectors, second: Vectors) -> Floats:
    """The cosine of each row of one with the same row of the other. Shapes: [N, D] twice -> [N].

    Limits: 0 where either row is zero.
    """
    product = np.einsum("nd,nd->n", unit(first).astype(np.float64), unit(second))
    return np.asarray(np.clip(product, -1.0, 1.0))


def spearman(
    first: Floats, second: Floats, counts: NDArray[np.floating] | None = None
) -> NDArray[np.float64]:
    """Spearman's rank correlation, in [-1, 1]; `counts` says how often each pair is drawn.

    Shapes: first [P], second [P], counts [R, P] -> [R]; without counts a single number, [].
    Limits: equal values share the mean of their ranks; not a number where either side is constant.
            Counts give what the pairs would give if each were written out that often.
    """
    times = np.ones(len(first)) if counts is None else counts
    total = times.sum(axis=-1, keepdims=True)
    centred = []
    for values in (first, second):
        ranks = _ranks(values, times)
        centred.append(ranks - (times * ranks).sum(axis=-1, keepdims=True) / total)
    one, other = centred
    with np.errstate(invalid="ignore"):
        spread = np.sqrt((times * one**2).sum(axis=-1) * (times * other**2).sum(axis=-1))
        return np.asarray((times * one * other).sum(axis=-1) / spread)


def _ranks(values: Floats, counts: NDArray[np.floating]) -> Floats:
    """Mean ranks of values drawn so often. Shapes: values [P], counts [..., P] -> [..., P]."""
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    sizes = np.add.reduceat(counts[..., order], starts, axis=-1).astype(np.float64)
    return np.asarray((sizes.cumsum(axis=-1) - (sizes - 1.0) / 2.0)[..., group])
