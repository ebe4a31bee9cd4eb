"""BM25: which documents of a collection share rare words with a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.errors import RequestError


@dataclass(frozen=True)
class WordIndex:
    """An index of documents.

    Source: Robertson and Zaragoza 2009, The Probabilistic Relevance Framework, in Lucene's form
            with k1 = 1.5 and b = 0.75, English stop words left out, by the package bm25s
            (Lù 2024, arXiv:2407.03618).
    """

    index: Any
    documents: int

    def scores(self, query: str) -> NDArray[np.float32]:
        """The score of every document, [documents]; 0 for one without a word of the query."""
        (words,) = _words([query])
        if not words:
            return np.zeros(self.documents, np.float32)
        return np.asarray(self.index.get_scores(words), np.float32)

    def best(self, query: str, k: int) -> NDArray[np.int64]:
        """The k best documents, or fewer where fewer hold a word of the query; the best first."""
        scores = self.scores(query)
        order = np.argsort(-scores, kind="stable")[:k]
        return order[scores[order] > 0.0].astype(np.int64)


def index_words(documents: Sequence[str]) -> WordIndex:
    """The index of a collection. Raises RequestError where no document holds a word."""
    import bm25s

    words = _words(documents)
    if not any(words):
        raise RequestError("bm25 found no word in any document")
    index = bm25s.BM25()
    index.index(words, show_progress=False)
    return WordIndex(index, len(documents))


def _words(texts: Sequence[str]) -> list[list[str]]:
    import bm25s

    found: list[list[str]] = bm25s.tokenize(
        list(texts), stopwords="en", return_ids=False, show_progress=False
    )
    return found
