"""The rival of every search: BM25, which counts shared words and needs neither vectors nor teacher.

It gives rankings. What it keeps is an index of the documents; there are no other weights.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from understudy.data.bm25 import WordIndex, index_words
from understudy.evaluation.predictor import Inputs
from understudy.evaluation.retrieval import Ranking, ranked


@dataclass(frozen=True)
class Bm25:
    """An index of documents; a Predictor named `rival-bm25`, for timing."""

    words: WordIndex
    seconds: float
    """What indexing took."""

    @property
    def name(self) -> str:
        return "rival-bm25"

    @property
    def parameters(self) -> int:
        """How many scores it keeps, one for each word of a document."""
        return len(self.words.index.scores["data"])

    @property
    def bytes(self) -> int:
        """Of the index and its words; it grows with the documents."""
        index = self.words.index
        arrays = sum(index.scores[part].nbytes for part in ("data", "indices", "indptr"))
        return int(arrays) + sum(len(word.encode()) for word in index.vocab_dict)

    def predict(self, inputs: Inputs) -> NDArray[np.float32]:
        """The score of every document. Shapes: {"text": [B]} -> [B, documents]."""
        return np.stack([self.words.scores(str(text)) for text in inputs["text"]])

    def rank(self, queries: Sequence[str], k: int = 100) -> Ranking:
        """The k best documents of each query; those without a word of it are not found."""
        found = []
        for query in queries:  # one at a time, so that memory does not grow with the queries
            scores = self.words.scores(query)[None]
            found.append(ranked(np.where(scores > 0.0, scores, -np.inf), k))
        return Ranking(
            np.concatenate([one.documents for one in found]),
            np.concatenate([one.scores for one in found]),
        )


def indexed(documents: Sequence[str]) -> Bm25:
    """The index of a collection. Raises RequestError where no document holds a word."""
    started = time.perf_counter()
    words = index_words(documents)
    return Bm25(words, time.perf_counter() - started)
