"""Which documents a reranker scores for a query: the relevant ones, and others that look like it.

Every list is full, so that no number stands for a missing document: the teacher scores whatever
fills a list up, and needs no judgement for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.data import checks
from understudy.data.beir import judged_in
from understudy.data.bm25 import WordIndex
from understudy.data.columns import choose_columns
from understudy.errors import RequestError
from understudy.tasks.prepared import IntArray
from understudy.tasks.text_rows import read_texts

if TYPE_CHECKING:
    from understudy.data.rows import Rows
    from understudy.data.settings import Data

Finder = Callable[["Collection", WordIndex, "Data"], list[list[int]]]
"""Finds, for each query, documents that look relevant and are not judged, the hardest first."""
Grades = Mapping[int, float]
"""Of the judged documents of one query, by their number; above 0 they are relevant."""


@dataclass(frozen=True)
class Collection:
    """Queries, the documents that they are put to, and the judgements of each query."""

    queries: tuple[str, ...]
    documents: tuple[str, ...]
    judged: tuple[Grades, ...]
    is_complete: bool
    """Whether the judged documents of a query are its candidates, and nothing is to be found."""

    def only(self, chosen: Sequence[int]) -> Collection:
        """Some of its queries, and all of its documents."""
        queries, judged = (
            tuple(each[query] for query in chosen) for each in (self.queries, self.judged)
        )
        return Collection(queries, self.documents, judged, self.is_complete)  # type: ignore[arg-type]

    def answered(self) -> list[int]:
        """The queries that have a relevant document."""
        return [
            query
            for query, grades in enumerate(self.judged)
            if any(grade > 0 for grade in grades.values())
        ]


def collection_of(
    rows: Rows, columns: Mapping[str, str]
) -> tuple[Collection, list[checks.Finding]]:
    """A search (rows of `kind`, `id`, `text`, `relevant`), or pairs of query, document and score.

    Without a score, every pair is relevant.
    Raises: RequestError where a column is missing or holds something else.
    """
    if "relevant" in rows.columns:
        return _searched(rows)
    names = choose_columns(rows, ("query", "document"), columns)
    (queries, told), (documents, found) = (
        read_texts(rows, (names[side],)) for side in ("query", "document")
    )
    grades = _scores(rows, columns)
    query_of, document_of = (
        {text: number for number, text in enumerate(dict.fromkeys(texts))}
        for texts in (queries, documents)
    )
    judged: list[dict[int, float]] = [{} for _ in query_of]
    scores = np.ones(len(rows)) if grades is None else grades
    for query, document, grade in zip(queries, documents, scores, strict=True):
        judged[query_of[query]][document_of[document]] = float(grade)
    made = Collection(tuple(query_of), tuple(document_of), tuple(judged), grades is not None)
    return made, told + found


def unjudged(rows: Rows, columns: Mapping[str, str], documents: tuple[str, ...]) -> Collection:
    """Queries alone, put to the documents of another collection."""
    name = choose_columns(rows, ("query",), columns)["query"]
    queries = tuple(dict.fromkeys(read_texts(rows, (name,))[0]))
    return Collection(queries, documents, ({},) * len(queries), False)


def found_by_words(collection: Collection, index: WordIndex, data: Data) -> list[list[int]]:
    """What looks relevant to each query by BM25, the best first; nothing that is judged."""
    skip = data.negatives.skip
    return [
        [each for each in index.best(query, data.depth + skip).tolist() if each not in grades][
            skip:
        ]
        for query, grades in zip(collection.queries, collection.judged, strict=True)
    ]


def lists_to_learn_from(
    collection: Collection, found: Sequence[Sequence[int]], size: int, seed: int
) -> IntArray:
    """Candidates of each query, [queries, size]: a relevant one first, where there is any.

    The relevant ones take half of a list at most. Then come what is judged and not relevant, and
    the first of what was found, to half of what is left; then some of the rest that was found, and
    documents drawn at random. `found` holds no judged document.
    """
    generator = np.random.default_rng(seed)
    lists = np.empty((len(collection.queries), size), dtype=np.int64)
    documents = len(collection.documents)
    for row, (grades, mined) in enumerate(zip(collection.judged, found, strict=True)):
        by_grade = sorted(grades, key=lambda document: -grades[document])
        relevant = [document for document in by_grade if grades[document] > 0]
        others = [document for document in by_grade if grades[document] <= 0]
        chosen = [*relevant[: max(1, size // 2)], *others][:size]
        hard = (size - len(chosen) + 1) // 2
        chosen += mined[:hard]
        chosen += generator.permutation(mined[hard:]).astype(np.int64).tolist()
        chosen += _at_random(documents, {*chosen, *grades}, size - len(chosen), generator)
        # A judged document is better than none where a collection is tiny.
        chosen += [document for document in relevant if document not in chosen]
        lists[row] = chosen[:size]
    return lists


def lists_to_rerank(
    collection: Collection, index: WordIndex, depth: int
) -> list[tuple[IntArray, NDArray[np.float32]]]:
    """The candidates of each test query in BM25's order, and BM25's scores of them.

    They are the first `depth` that it finds, or what was judged where that is all there is.
    """
    found = []
    for query, grades in zip(collection.queries, collection.judged, strict=True):
        scores = index.scores(query)
        own = np.array(sorted(grades), dtype=np.int64)
        pool = own if collection.is_complete else index.best(query, depth)
        order = pool[np.argsort(-scores[pool], kind="stable")]
        found.append((order, scores[order]))
    return found


def _at_random(
    documents: int, taken: set[int], wanted: int, generator: np.random.Generator
) -> list[int]:
    """Documents that are not taken, each once; fewer where there are no more."""
    if wanted <= 0:
        return []
    drawn = generator.choice(documents, min(documents, wanted + len(taken)), replace=False)
    return [int(each) for each in drawn if int(each) not in taken][:wanted]


def _searched(rows: Rows) -> tuple[Collection, list[checks.Finding]]:
    texts, told = read_texts(rows, ("text",))
    queries, documents, grades = judged_in(rows)
    judged = tuple({each: float(grade) for each, grade in of.items()} for of in grades)
    return Collection(tuple(texts[queries]), tuple(texts[documents]), judged, False), told


def _scores(rows: Rows, columns: Mapping[str, str]) -> NDArray[np.float64] | None:
    """The score of each pair; None where a table has none."""
    try:
        name = choose_columns(rows, ("score",), columns)["score"]
    except RequestError:
        if "score" in columns:
            raise
        return None
    try:
        scores = np.asarray(rows.columns[name], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise RequestError(f"the column '{name}' holds no numbers: {error}") from error
    if not np.isfinite(scores).all():
        raise RequestError(f"the column '{name}' holds scores that are not finite")
    return scores
