"""Candidates that the teacher finds: documents that it takes for relevant, and nobody judged.

The rows need the teacher then, and a teacher needs rows to be held against. So there is a draft of
the rows first, with BM25's candidates: the teacher is loaded against it, and asked for its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.data.settings import Negatives
from understudy.errors import RequestError
from understudy.evaluation.retrieval import nearest, unit
from understudy.files import content_key
from understudy.pipeline.rows import kept_rows, read_sources
from understudy.tasks import Reranking
from understudy.tasks.candidates import found_by_words
from understudy.tasks.lists import Lists, parts_of
from understudy.teachers import NetworkTeacher
from understudy.teachers.recalled import Recalled, recalled

if TYPE_CHECKING:
    from pathlib import Path

    from understudy.data.bm25 import WordIndex
    from understudy.data.settings import Data
    from understudy.pipeline.distilling import Production
    from understudy.recipe.schema import Recipe
    from understudy.tasks import Prepared
    from understudy.tasks.candidates import Collection, Finder
    from understudy.teachers import Teacher

SAID = "said"
"""The folder of the cache that holds what teachers say of texts and of pairs."""
Ranked = tuple[Sequence[int], Sequence[float], float | None]
"""Of one query: documents, the hardest first, the score of each, and of the best relevant one."""


def is_mined(recipe: Recipe) -> bool:
    """Whether the teacher has to be asked before the rows are known."""
    return recipe.task == Reranking.name and recipe.data.negatives.by != "bm25"


def drafted(recipe: Recipe) -> Recipe:
    """The same with candidates that need no teacher: as many rows, of the same form."""
    return replace(recipe, data=replace(recipe.data, negatives=Negatives()))


def once(teacher: Teacher, cache: Path | None, name: str = "teacher") -> Recalled | None:
    """A network that scores lists, asked once about each text or pair; None of another teacher.

    What it says is kept in the cache, for any run; or, without one, as long as this process lives.
    """
    if not isinstance(teacher, NetworkTeacher) or not isinstance(teacher.reading, Lists):
        return None
    return recalled(name, teacher, teacher.reading, cache / SAID if cache else None)


def mined_rows(production: Production) -> Prepared:
    """The rows with the teacher's candidates; only what it was not asked before is asked.

    Raises: RequestError where the teacher is not one that can find documents.
    """
    data, teacher = production.recipe.data, production.teacher.teacher

    def prepare(folder: Path) -> Prepared:
        asked = once(teacher, production.workspace.cache)
        if asked is None:
            raise RequestError(
                "data.negatives.by: an object that only answers lists finds no documents; take "
                "bm25, or give a cross-encoder or an encoder of sentences as teacher"
            )
        find = finder(asked, production.workspace.emit)
        return Reranking().prepare(read_sources(data), data, folder, find)

    return kept_rows("candidates", _key(production), prepare, production.workspace)


def are_there(production: Production) -> bool:
    """Whether the teacher has no candidates left to find; nothing is asked to find out."""
    folder = production.workspace.cache / "prepared" / _key(production)
    return (folder / "facts.json").is_file()


def _key(production: Production) -> str:
    draft, teacher = production.draft.prepared, production.teacher.teacher
    wanted = asdict(production.recipe.data.negatives)
    return content_key([draft.key, teacher.fingerprint, wanted])[:32]


def finder(asked: Recalled, emit: Callable[[Mapping[str, Any]], None]) -> Finder:
    """What finds documents with a teacher, as the recipe's `negatives` say."""

    def find(collection: Collection, index: WordIndex, data: Data) -> list[list[int]]:
        asks = nearest_by_vector if asked.apart else highest_by_pair
        ranked = asks(asked, collection, index, data, emit)
        theirs = [kept(each, data) for each in ranked]
        if data.negatives.by == "teacher":
            return theirs
        ours = found_by_words(collection, index, data)
        return [in_turn(*each)[: data.depth] for each in zip(theirs, ours, strict=True)]

    return find


def kept(ranked: Ranked, data: Data) -> list[int]:
    """The first `depth` of what was found for a query, without what may well be relevant."""
    documents, scores, best = ranked
    negatives, limit = data.negatives, np.inf
    if negatives.margin is not None and best is not None:
        limit = best - negatives.margin * abs(best)
    chosen = list(zip(documents, scores, strict=True))[negatives.skip :]
    return [document for document, score in chosen if score <= limit][: data.depth]


def in_turn(first: Iterable[int], second: Iterable[int]) -> list[int]:
    """Of each in turn, every document once."""
    both = chain.from_iterable(zip_longest(first, second))
    return list(dict.fromkeys(each for each in both if each is not None))


def nearest_by_vector(
    asked: Recalled,
    collection: Collection,
    index: WordIndex,
    data: Data,
    emit: Callable[[Mapping[str, Any]], None],
) -> list[Ranked]:
    """The documents nearest to each query among all, by exact search, with their cosines."""
    queries, documents = (
        unit(asked.of(texts, emit)) for texts in (collection.queries, collection.documents)
    )
    # As many more as a margin, or what is judged, may take away.
    spare = data.negatives.among if data.negatives.margin is not None else 0
    judged = max(map(len, collection.judged), default=0)
    found = nearest(queries, documents, data.depth + data.negatives.skip + judged + spare)
    ranked: list[Ranked] = []
    for query, grades in enumerate(collection.judged):
        free = ~np.isin(found.documents[query], [*grades])
        relevant = [document for document, grade in grades.items() if grade > 0]
        best = float((documents[relevant] @ queries[query]).max()) if relevant else None
        others, scores = found.documents[query][free], found.scores[query][free]
        ranked.append((others.tolist(), scores.tolist(), best))
    return ranked


def highest_by_pair(
    asked: Recalled,
    collection: Collection,
    index: WordIndex,
    data: Data,
    emit: Callable[[Mapping[str, Any]], None],
) -> list[Ranked]:
    """BM25's first `among` of each query in the teacher's order, with the sigmoids of its scores.

    The relevant documents are scored beside them.
    """
    from scipy.special import expit

    lists = []
    for query, grades in zip(collection.queries, collection.judged, strict=True):
        relevant = [document for document, grade in grades.items() if grade > 0]
        others = [each for each in index.best(query, data.negatives.among) if each not in grades]
        lists.append((len(relevant), [*relevant, *map(int, others)]))
    pairs = [
        parts_of([query, *(collection.documents[each] for each in documents)], apart=False)
        for query, (_, documents) in zip(collection.queries, lists, strict=True)
    ]
    said = asked.of([pair for row in pairs for pair in row], emit)[:, 0].astype(np.float64)
    ends = np.cumsum([len(row) for row in pairs])[:-1]
    ranked: list[Ranked] = []
    for (first, documents), scores in zip(lists, np.split(said, ends), strict=True):
        likely = expit(scores)
        order = first + np.argsort(-scores[first:], kind="stable")
        best = float(likely[:first].max()) if first else None
        ranked.append(([documents[at] for at in order], likely[order].tolist(), best))
    return ranked
