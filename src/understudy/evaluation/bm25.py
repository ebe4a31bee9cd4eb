"""The rival of every search: BM25, which counts shared words and needs neither vectors nor teacher.

It gives rankings. What it keeps is an index of the documents; there are no other weights.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.errors import RequestError
from understudy.evaluation.predictor import Inputs
from understudy.evaluation.retrieval import Ranking, ranked


@dataclass(frozen=True)
class Bm25:
    """An index of documents; a Predictor named `rival-bm25`, for timing.

    Source: Robertson and Zaragoza 2009, The Probabilistic Relevance Framework, in Lucene's form
            with k1 = 1.5 and b = 0.75, English stop words left out, by the package bm25s
            (Lù 2024, arXiv:2407.03618).
    """

    index: Any
    documents: int
    seconds: float
    """What indexing took."""

    @property
    def name(self) -> str:
        return "rival-bm25"

    @property
    def parameters(self) -> int:
        """How many scores it keeps, one for each word of a document."""
        return len(self.index.scores["data"])

    @property
    def bytes(self) -> int:
        """Of the index and its words; it grows with the documents."""
        arrays = sum(self.index.scores[part].nbytes for part in ("data", "indices", "indptr"))
        return int(arrays) + sum(len(word.encode()) for word in self.index.vocab_dict)

    def predict(self, inputs: Inputs) -> NDArray[np.float32]:
        """The score of every document. Shapes: {"text": [B]} -> [B, documents]."""
        table = np.zeros((len(inputs["text"]), self.documents), np.float32)
        for row, words in enumerate(_words([str(text) for text in inputs["text"]])):
            if words:
                table[row] = self.index.get_scores(words)
        return table

    def rank(self, queries: Sequence[str], k: int = 100) -> Ranking:
        """The k best documents of each query; those without a word of it are not found."""
        found = []
        for query in queries:  # one at a time, so that memory does not grow with the queries
            scores = self.predict({"text": np.array([query], dtype=object)})
            found.append(ranked(np.where(scores > 0.0, scores, -np.inf), k))
        return Ranking(
            np.concatenate([one.documents for one in found]),
            np.concatenate([one.scores for one in found]),
        )


def indexed(documents: Sequence[str]) -> Bm25:
    """The index of a collection. Raises RequestError where no document holds a word."""
    import bm25s

    started = time.perf_counter()
    words = _words(documents)
    if not any(words):
        raise RequestError("rivals: bm25 found no word in any document")
    index = bm25s.BM25()
    index.index(words, show_progress=False)
    return Bm25(index, len(documents), time.perf_counter() - started)


def _words(texts: Sequence[str]) -> list[list[str]]:
    import bm25s

    found: list[list[str]] = bm25s.tokenize(
        list(texts), stopwords="en", return_ids=False, show_progress=False
    )
    return found
