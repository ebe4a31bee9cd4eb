"""Task `text-embedding`: texts as vectors that are near each other where their meanings are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from understudy.data import checks
from understudy.data.beir import judged_in
from understudy.data.columns import choose_columns, text_columns
from understudy.errors import RequestError
from understudy.tasks.labelled import about
from understudy.tasks.prepared import ROLES, Exam, Facts, IntArray, Prepared, save_facts
from understudy.tasks.text_rows import OneTextARow, read_texts, store_texts

if TYPE_CHECKING:
    from understudy.data.rows import Rows
    from understudy.data.settings import Data
    from understudy.objectives import Objective

VALIDATION_ROWS = 2000
"""Texts that tell how near a student is to its teacher after each epoch, at most."""


class TextEmbedding(OneTextARow):
    """Every different text of every source is a row; labels there are none.

    `data.test` holds scored pairs (text, text_2, score), or a search: rows of `kind` query and
    document with an `id`, and what is relevant to each query.
    """

    name: ClassVar[str] = "text-embedding"
    metric: ClassVar[str] = "spearman"
    gives: ClassVar[str] = "embedding"

    def prepare(self, rows: Mapping[str, Rows], data: Data, folder: Path) -> Prepared:
        """Collect, check and store the texts; a folder that was begun before is continued.

        Raises: RequestError for whatever is wrong with the data.
        """
        if "test" not in rows:
            raise RequestError(
                "data.test is missing: name scored pairs (text, text_2, score), or a search with "
                "queries, documents and what is relevant, so that embeddings can be held to it"
            )
        columns, found = _columns(rows, data)
        pool = _Pool.of(columns)
        with about("test"):
            relations = _relations(rows["test"], columns["test"], pool, data)
        parts = pool.parts(data)
        store_texts(pool.texts, np.full(len(pool.texts), -1), folder)
        facts = Facts(
            task=self.name,
            classes=(),
            form={"tokens": data.most_tokens},
            rows={role: len(pool.rows[role]) for role in pool.rows},
            findings=tuple(asdict(each) for each in (*found, *pool.findings(parts, relations))),
        )
        return save_facts(folder, facts, np.full(len(pool.texts), -1), parts, relations)

    def exam(self, rows: Rows, data: Data, form: Mapping[str, Any]) -> Exam:
        """Scored pairs, or a search, from another source.

        Raises: RequestError where it is neither.
        """
        columns, found = _texts(rows, data)
        pool = _Pool.of({"test": columns})
        relations = _relations(rows, columns, pool, data)
        return Exam({"text": pool.texts}, relations, tuple(asdict(each) for each in found))

    def objective(self, classes: int) -> Objective:
        """The cosine to the teacher's vector, which did best where it was measured."""
        from understudy.objectives import EmbeddingCosine, as_objective

        return as_objective(EmbeddingCosine())


@dataclass(frozen=True)
class _Pool:
    """The different texts of all sources, and the row of each cell of each role's columns."""

    texts: Any
    rows: Mapping[str, tuple[IntArray, ...]]
    repeated: int

    @classmethod
    def of(cls, columns: Mapping[str, tuple[Any, ...]]) -> _Pool:
        """Number texts in the order in which they first appear."""
        numbers: dict[str, int] = {}
        rows = {
            role: tuple(
                np.fromiter(
                    (numbers.setdefault(text, len(numbers)) for text in texts), np.int64, len(texts)
                )
                for texts in several
            )
            for role, several in columns.items()
        }
        cells = sum(len(texts) for several in columns.values() for texts in several)
        return cls(np.array([*numbers], dtype=object), rows, cells - len(numbers))

    def of_role(self, role: str) -> IntArray:
        """The rows of a role, each once, in order."""
        several = self.rows.get(role, ())
        return np.unique(np.concatenate(several)) if several else np.array([], dtype=np.int64)

    def parts(self, data: Data) -> dict[str, IntArray]:
        """Rows by what they serve for; validation is set aside from train where it is missing."""
        test, train = self.of_role("test"), self.of_role("train")
        train = np.union1d(train, self.of_role("unlabelled"))
        validation = self.of_role("validation")
        if not len(validation):
            free = np.setdiff1d(train, test)
            if data.validation_share * len(free) < 1:  # as where a search is over all of them
                free = train
            share = min(VALIDATION_ROWS, int(data.validation_share * len(free)))
            chosen = np.random.default_rng(data.split_seed).permutation(free)[: max(1, share)]
            validation = np.sort(chosen)
        train = np.setdiff1d(train, validation)
        if not len(train):
            raise RequestError("data.train: there is no text to learn from beside the validation")
        return {"train": train, "validation": validation, "test": test}

    def findings(
        self, parts: Mapping[str, IntArray], relations: Mapping[str, Any]
    ) -> list[checks.Finding]:
        """Texts that stand in several places; documents are meant to be known."""
        asked = parts["test"][relations["queries"]] if "queries" in relations else parts["test"]
        both = np.intersect1d(parts["train"], asked)
        text = f"{len(both)} of {len(asked)} test texts are in the transfer set too"
        found = checks.finding("leaked_test_rows", both, text)
        if self.repeated:
            told = f"{self.repeated} texts repeat another; the teacher is asked once about each"
            found.append(checks.Finding("duplicates", self.repeated, (), told))
        return found


def _columns(
    rows: Mapping[str, Rows], data: Data
) -> tuple[dict[str, tuple[Any, ...]], list[checks.Finding]]:
    """The texts of every role, column by column, and what was found while they were read."""
    columns, findings = {}, []
    for role in ROLES:
        if role not in rows:
            continue
        with about(role):
            columns[role], told = _texts(rows[role], data)
        findings += told
    return columns, findings


def _texts(rows: Rows, data: Data) -> tuple[tuple[Any, ...], list[checks.Finding]]:
    """The texts of one source, column by column, and what was found while they were read."""
    read = [read_texts(rows, (name,)) for name in text_columns(rows, data.columns)]
    return tuple(texts for texts, _ in read), [each for _, told in read for each in told]


def _relations(test: Rows, columns: tuple[Any, ...], pool: _Pool, data: Data) -> dict[str, Any]:
    """What the test texts are held against, by their place among the test's rows.

    Of scored pairs: first, second and gold [P]. Of a search: queries [Q] and documents [N], and
    for each judgement the places of its query and document among them, and its grade [J].
    Raises: RequestError where the test is neither.
    """
    place = {int(row): at for at, row in enumerate(pool.of_role("test"))}
    sides = [np.array([place[int(row)] for row in rows]) for rows in pool.rows["test"]]
    if "relevant" in test.columns:
        return _search(test, sides[0])
    if len(sides) < 2:
        raise RequestError(
            f"{test.origin} is neither scored pairs (text, text_2, score) nor a search "
            "(a folder with corpus.jsonl, queries and qrels); embeddings need one of them"
        )
    name = choose_columns(test, ("score",), data.columns)["score"]
    try:
        gold = np.asarray(test.columns[name], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise RequestError(f"the column '{name}' holds no numbers: {error}") from error
    if len(np.unique(gold)) < 2:
        raise RequestError(
            f"the column '{name}' has one score only; give pairs of which some are more "
            "alike than others"
        )
    wrong = np.flatnonzero(~np.isfinite(gold))
    if len(wrong):
        raise RequestError(
            f"the column '{name}' is empty or infinite in {len(wrong)} of {len(gold)} "
            f"rows, row {wrong[0]} first; score these pairs or take them out"
        )
    return {"first": sides[0], "second": sides[1], "gold": gold}


def _search(test: Rows, places: IntArray) -> dict[str, Any]:
    """A search from rows of queries and documents; `relevant` maps document ids to grades."""
    queries, documents, grades = judged_in(test)
    judged = [
        (query, document, grade)
        for query, of in enumerate(grades)
        for document, grade in of.items()
    ]
    query, document, grade = np.array(judged, dtype=np.int64).reshape(-1, 3).T
    return {
        "queries": places[queries],
        "documents": places[documents],
        "query": query.copy(),
        "document": document.copy(),
        "grade": grade.astype(np.float64),
    }
