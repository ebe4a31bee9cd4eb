"""Task `reranking`: how well each of some documents answers a query, as one score each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from understudy.data import checks
from understudy.data.bm25 import WordIndex, index_words
from understudy.data.cells import objects
from understudy.data.texts import to_texts
from understudy.errors import RequestError
from understudy.tasks.candidates import (
    Collection,
    Finder,
    collection_of,
    found_by_words,
    lists_to_learn_from,
    lists_to_rerank,
    unjudged,
)
from understudy.tasks.labelled import about
from understudy.tasks.lists import CANDIDATES, listed, read_lists
from understudy.tasks.prepared import Exam, Facts, IntArray, Prepared, save_facts
from understudy.tasks.reading import Reading
from understudy.tasks.text_rows import OverTexts, store_texts

if TYPE_CHECKING:
    from torch import nn

    from understudy.data.rows import Rows
    from understudy.data.settings import Data
    from understudy.objectives import Objective

LIST_BYTES = 8_000
"""Of a typical row, for the size of shards."""
NONE = -1
"""The document at a place of a test row that holds none."""


class Reranking(OverTexts):
    """A row is a query with a list of candidates, all lists of one length; labels there are none.

    A test query has more candidates than a list holds, and so takes several rows.
    """

    name: ClassVar[str] = "reranking"
    metric: ClassVar[str] = "ndcg_at_10"
    gives: ClassVar[str] = "scores"

    def prepare(
        self,
        rows: Mapping[str, Rows],
        data: Data,
        folder: Path,
        find: Finder = found_by_words,
    ) -> Prepared:
        """Find candidates for every query, and store them; a folder that was begun is continued.

        `find` says what to learn from beside the relevant documents; what is tested on are BM25's.

        Raises: RequestError for whatever is wrong with the data.
        """
        parts, found = _parts(rows, data)
        train = parts["train"]
        size = min(data.candidates, len(train.documents))
        if size < 2:
            raise RequestError(
                f"data.train: it has {len(train.documents)} documents; a reranker learns from "
                "lists of two or more"
            )
        indices = {each: index_words(each) for each in {c.documents for c in parts.values()}}
        texts: list[str] = []
        splits: dict[str, IntArray] = {}
        for part, collection in parts.items():
            if part == "test":
                continue
            index = indices[collection.documents]
            found_for = find(collection, index, data)
            chosen = lists_to_learn_from(collection, found_for, size, data.split_seed)
            splits[part] = np.arange(len(texts), len(texts) + len(chosen))
            texts += [
                listed(query, [collection.documents[each] for each in candidates])
                for query, candidates in zip(collection.queries, chosen, strict=True)
            ]
        if "unlabelled" in splits:
            splits["train"] = np.sort(np.concatenate([splits["train"], splits.pop("unlabelled")]))
        index = indices[parts["test"].documents]
        test, relations = _test_rows(parts["test"], index, size, data.depth)
        splits["test"] = np.arange(len(texts), len(texts) + len(test))
        texts += test
        facts = Facts(
            task=self.name,
            classes=("score",),
            form={"tokens": data.most_tokens, "candidates": size},
            rows={"train": len(texts)},
            findings=tuple(asdict(each) for each in (*found, *_leaks(parts))),
        )
        labels = np.full(len(texts), -1)
        store_texts(np.array(texts, dtype=object), labels, folder, LIST_BYTES)
        return save_facts(folder, facts, labels, splits, relations)

    def exam(self, rows: Rows, data: Data, form: Mapping[str, Any]) -> Exam:
        """A search, or a table of query, document and score, from another source.

        Raises: RequestError where it is neither, or nothing in it is relevant.
        """
        collection, found = collection_of(rows, data.columns)
        test, told = _answered(collection)
        index = index_words(test.documents)
        texts, relations = _test_rows(test, index, form["candidates"], data.depth)
        findings = tuple(asdict(each) for each in (*found, *told))
        return Exam({"text": objects(texts)}, relations, findings)

    def network(self, body: nn.Module, form: Mapping[str, Any]) -> nn.Module:
        """Lists in, scores out: an encoder compares vectors, any other body reads pairs."""
        from understudy.students.scoring import CosineScores, PairScores
        from understudy.students.sentence import SentenceEncoder, StaticEncoder

        is_encoder = isinstance(body, SentenceEncoder | StaticEncoder)
        return CosineScores(body) if is_encoder else PairScores(body)

    def objective(self, classes: int) -> Objective:
        """The teacher's order of each list, whatever the scale of its scores."""
        from understudy.objectives import ListwiseKl, as_objective

        return as_objective(ListwiseKl(standardised="teacher"))

    def reading(self, folder: Path, form: Mapping[str, Any]) -> Reading:
        """Pair by pair or text by text, through the tokenizer that lies beside the weights."""
        return read_lists(folder, form["tokens"])

    def given(self, rows: Rows, columns: Mapping[str, str]) -> Any:
        """The queries of a source, each with its documents, for `rows_of`."""
        collection, _ = collection_of(rows, columns)
        return [
            (query, [collection.documents[each] for each in grades])
            for query, grades in zip(collection.queries, collection.judged, strict=True)
        ]

    def rows_of(self, form: Mapping[str, Any], given: Any) -> dict[str, Any]:
        """Queries, each with some documents: (query, documents), or several of these.

        Raises: RequestError where one is no text.
        """
        several = [given] if isinstance(given, tuple) else list(given)
        rows = [listed(*_cleaned(query, documents)) for query, documents in several]
        return {"text": np.array(rows, dtype=object)}

    def text(self, inputs: Mapping[str, Any], row: int) -> str | None:
        """The query of one row, and its first candidate."""
        query, *documents = str(inputs["text"][row]).split(CANDIDATES)
        return "\n".join([query, *documents[:1]])


def _cleaned(query: str, documents: Sequence[str]) -> tuple[str, list[str]]:
    texts = to_texts([[query, *documents]], ["texts"])
    return texts[0], list(texts[1:])


def _parts(
    rows: Mapping[str, Rows], data: Data
) -> tuple[dict[str, Collection], list[checks.Finding]]:
    """The queries of each part; test and validation are set aside from train where missing."""
    parts: dict[str, Collection] = {}
    found: list[checks.Finding] = []
    for role in ("train", "validation", "test"):
        if role in rows:
            with about(role):
                parts[role], told = collection_of(rows[role], data.columns)
            found += told
    if "unlabelled" in rows:
        with about("unlabelled"):
            documents = parts["train"].documents
            parts["unlabelled"] = unjudged(rows["unlabelled"], data.columns, documents)
    whole = parts["train"]
    order = np.random.default_rng(data.split_seed).permutation(len(whole.queries))
    begin = 0
    for part, share in (("test", data.test_share), ("validation", data.validation_share)):
        if part not in parts:
            end = begin + max(1, round(share * len(order)))
            parts[part] = whole.only(np.sort(order[begin:end]).tolist())
            begin = end
    parts["train"] = whole.only(np.sort(order[begin:]).tolist())
    if not parts["train"].queries:
        raise RequestError("data.train: there is no query to learn from beside those set aside")
    with about("test"):
        parts["test"], told = _answered(parts["test"])
    return parts, found + told


def _answered(test: Collection) -> tuple[Collection, list[checks.Finding]]:
    """The queries that can be scored, and how many cannot.

    Raises: RequestError where none can.
    """
    answered = test.answered()
    if not answered:
        raise RequestError("no query has a relevant document, so nothing can be scored")
    left_out = len(test.queries) - len(answered)
    if not left_out:
        return test, []
    text = f"{left_out} test queries have no relevant document and are not scored"
    finding = checks.Finding("unanswered_queries", left_out, (), text)
    return test.only(answered), [finding]


def _test_rows(
    test: Collection, index: WordIndex, size: int, depth: int
) -> tuple[list[str], dict[str, Any]]:
    """Rows of `size` candidates, the last of a query filled up with empty texts; what they are.

    For R rows of K candidates: asked [R], the query of each; found [R, K], its documents, and bm25
    [R, K], their scores, NONE and minus infinity where there is none. For J judgements: query,
    document and grade [J].
    """
    texts, asked, found, scored = [], [], [], []
    for query, (documents, scores) in enumerate(lists_to_rerank(test, index, depth)):
        for start in range(0, max(1, len(documents)), size):
            some = documents[start : start + size]
            lack = size - len(some)
            asked.append(query)
            found.append(np.pad(some, (0, lack), constant_values=NONE))
            given = scores[start : start + size].astype(np.float64)
            scored.append(np.pad(given, (0, lack), constant_values=-np.inf))
            told = [test.documents[each] for each in some] + [""] * lack
            texts.append(listed(test.queries[query], told))
    judged = [
        (query, document, grade)
        for query, grades in enumerate(test.judged)
        for document, grade in grades.items()
    ]
    queries, judgements, grades = (np.array(each) for each in zip(*judged, strict=True))
    return texts, {
        "asked": np.array(asked, dtype=np.int64),
        "found": np.stack(found).astype(np.int64),
        "bm25": np.stack(scored),
        "query": queries.astype(np.int64),
        "document": judgements.astype(np.int64),
        "grade": grades.astype(np.float64),
    }


def _leaks(parts: Mapping[str, Collection]) -> list[checks.Finding]:
    """Test queries that are learnt from as well."""
    known = {query for part in parts if part != "test" for query in parts[part].queries}
    rows = [row for row, query in enumerate(parts["test"].queries) if query in known]
    text = f"{len(rows)} of {len(parts['test'].queries)} test queries are learnt from as well"
    return checks.finding("leaked_test_rows", np.array(rows, dtype=np.int64), text)
