"""Every different text is a row; the test is scored pairs or a search."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from understudy.data.rows import Rows
from understudy.data.settings import Data
from understudy.errors import RequestError
from understudy.tasks import Facts, Prepared, open_prepared
from understudy.tasks.text_embedding import TextEmbedding

TASK = TextEmbedding()


@pytest.fixture
def pairs(text_rows: Callable[..., Rows]) -> Rows:
    """Three scored pairs of four texts."""
    return text_rows(
        text=["a cat", "a dog", "a cat"], text_2=["a dog", "a cat", "a fish"], score=[3.5, 3, 1]
    )


@pytest.fixture
def search(text_rows: Callable[..., Rows]) -> Rows:
    return text_rows(
        kind=["query", "query", "document", "document", "document"],
        id=["q1", "q2", "d1", "d2", "d3"],
        text=["which cat", "which dog", "a cat", "a dog", "a fish"],
        relevant=[json.dumps({"d1": 2, "gone": 1}), json.dumps({"d2": 1, "d3": 0}), "", "", ""],
    )


@pytest.fixture
def prepare(
    tmp_path: Path, asked: tuple[list[str], list[str]], text_rows: Callable[..., Rows]
) -> Callable[..., Prepared]:
    """Prepares a test, with 180 texts to learn from unless told otherwise."""

    def make(**roles: Rows) -> Prepared:
        rows = {"train": text_rows(text=asked[0]), **roles}
        return TASK.prepare(rows, Data(None), tmp_path / "key")

    return make


def texts_at(prepared: Prepared, rows: Any) -> list[str]:
    everything = prepared.inputs(np.arange(len(prepared)), ("text",))["text"]
    return [everything[row] for row in rows]


def test_a_text_is_one_row_wherever_it_stands(prepare: Callable[..., Prepared], pairs: Rows):
    found = prepare(test=pairs)
    assert len(found) == 180 + 3
    assert (found.labels == -1).all()
    assert texts_at(found, found.splits["test"]) == ["a cat", "a dog", "a fish"]
    sizes = {part: len(rows) for part, rows in found.splits.items()}
    assert sizes == {"train": 162, "validation": 18, "test": 3}
    assert len(np.unique(np.concatenate([*found.splits.values()]))) == 183


def test_pairs_point_at_their_texts(prepare: Callable[..., Prepared], pairs: Rows, tmp_path: Path):
    found = prepare(test=pairs)
    test = texts_at(found, found.splits["test"])
    sides = [[test[place] for place in found.relations[side]] for side in ("first", "second")]
    assert sides == [["a cat", "a dog", "a cat"], ["a dog", "a cat", "a fish"]]
    assert found.relations["gold"].tolist() == [3.5, 3.0, 1.0]
    again = open_prepared(tmp_path / "key")
    assert again is not None
    assert again.relations.keys() == {"first", "second", "gold"}
    np.testing.assert_array_equal(again.relations["gold"], found.relations["gold"])


def test_a_search_points_at_its_texts(prepare: Callable[..., Prepared], search: Rows):
    found = prepare(test=search)
    test = texts_at(found, found.splits["test"])
    queries = [test[place] for place in found.relations["queries"]]
    documents = [test[place] for place in found.relations["documents"]]
    assert queries == ["which cat", "which dog"]
    assert documents == ["a cat", "a dog", "a fish"]
    judged = [
        (queries[query], documents[document], grade)
        for query, document, grade in zip(
            *(found.relations[name] for name in ("query", "document", "grade")), strict=True
        )
    ]
    # 'gone' is no document that is there.
    assert judged == [
        ("which cat", "a cat", 2.0),
        ("which dog", "a dog", 1.0),
        ("which dog", "a fish", 0.0),
    ]


def test_documents_may_be_learnt_from_and_queries_are_told(
    prepare: Callable[..., Prepared], text_rows: Callable[..., Rows], search: Rows
):
    known = text_rows(text=["a cat", "which dog", *(f"text {number}" for number in range(30))])
    found = prepare(train=known, test=search)
    told = {finding["kind"]: finding for finding in found.facts.findings}
    both = {"a cat", "which dog"} & set(texts_at(found, found.splits["train"]))
    assert both  # the validation rows come from what no test has
    assert told["leaked_test_rows"]["count"] == 1
    assert told["leaked_test_rows"]["text"].startswith("1 of 2 test texts")
    assert told["duplicates"]["count"] == 2


def test_texts_may_all_be_documents_of_the_search(
    prepare: Callable[..., Prepared], asked: tuple[list[str], list[str]], text_rows: Callable
):
    texts = asked[0]
    test = text_rows(
        kind=["query"] + ["document"] * len(texts),
        id=["q", *map(str, range(len(texts)))],
        text=["which", *texts],
        relevant=[json.dumps({"3": 1})] + [""] * len(texts),
    )
    found = prepare(test=test)
    assert len(found.splits["validation"]) == 18
    assert len(found.splits["train"]) == 162
    assert len(found.splits["test"]) == 181


def test_unlabelled_texts_and_all_columns_are_learnt_from(
    prepare: Callable[..., Prepared], pairs: Rows, text_rows: Callable[..., Rows]
):
    found = prepare(
        train=text_rows(text=["one", "two"], text_2=["three", "four"]),
        unlabelled=text_rows(text=["five", "one"]),
        validation=text_rows(text=["two", "six"]),
        test=pairs,
    )
    assert set(texts_at(found, found.splits["train"])) == {"one", "three", "four", "five"}
    assert set(texts_at(found, found.splits["validation"])) == {"two", "six"}


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (None, "data.test is missing: name scored pairs (text, text_2, score), or a search"),
        ({"text": ["a", "b"]}, "asked is neither scored pairs (text, text_2, score) nor a search"),
        ({"text": ["a"], "text_2": ["b"]}, "data.test: asked has no column that looks like the sc"),
        ({"text": ["a"], "text_2": ["b"], "score": ["high"]}, "'score' holds no numbers"),
        ({"text": ["a", "b"], "text_2": ["b", "c"], "score": [1, 1]}, "'score' has one score only"),
        ({"text": ["a"], "text_2": [" "], "score": [1]}, "data.test: column 'text_2' has 1 blank"),
    ],
)
def test_a_test_that_is_none_is_told(
    prepare: Callable[..., Prepared],
    text_rows: Callable[..., Rows],
    test: dict[str, list] | None,
    words: str,
):
    with pytest.raises(RequestError) as caught:
        prepare(**({} if test is None else {"test": text_rows(**test)}))
    assert words in str(caught.value)


def test_scores_that_are_no_numbers_are_refused(
    prepare: Callable[..., Prepared], text_rows: Callable[..., Rows]
):
    test = text_rows(text=["a", "b"], text_2=["b", "c"], score=[1.0, float("nan")])
    with pytest.raises(
        RequestError, match=r"data\.test: .*'score' is empty or infinite in 1 of 2 rows, row 1"
    ):
        prepare(test=test)


def test_without_a_text_to_learn_from_it_is_refused(
    prepare: Callable[..., Prepared], pairs: Rows, text_rows: Callable[..., Rows]
):
    with pytest.raises(RequestError, match="no text to learn from"):
        prepare(train=text_rows(text=["one"]), test=pairs)


def test_its_defaults():
    (part,) = TASK.objective(0).terms
    assert type(part.term).__name__ == "EmbeddingCosine"
    facts = Facts("text-embedding", (), {"tokens": 12}, {})
    assert TASK.blueprint("tiny", facts).shape == (0, 12)
    assert TASK.rows_of({}, "one")["text"].tolist() == ["one"]
    inputs = {"text": np.array(["a"], dtype=object)}
    assert (TASK.text(inputs, 0), TASK.picture(inputs, 0)) == ("a", None)
