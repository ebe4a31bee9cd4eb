"""A query and its candidates are one row of text, and lists of tokens to a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from understudy.students.tokens import Tokens, trained_tokens
from understudy.tasks import Facts, Prepared, open_prepared
from understudy.tasks.lists import Lists, listed, read_lists, single_texts
from understudy.tasks.prepared import save_facts
from understudy.tasks.text_rows import store_texts

ROWS = (
    listed("where is the cat", ["the cat sleeps", "no dog", ""]),
    listed("a dog", ["dog", "the dog barks at the cat and at all others", "cat"]),
)


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return trained_tokens(["where is the cat", "the dog barks at no others and all"] * 5, 200, 16)


def prepared(folder: Path) -> Prepared:
    store_texts(np.array(ROWS, dtype=object), np.full(2, -1), folder)
    parts = {"train": np.arange(2)}
    facts = Facts("reranking", ("score",), {"tokens": 16, "candidates": 3}, {"train": 2})
    save_facts(folder, facts, np.full(2, -1), parts)
    found = open_prepared(folder)
    assert found is not None
    return found


def test_rows_are_taken_apart_into_their_texts():
    assert single_texts(["one", ROWS[1]])[:3] == ["one", "a dog", "dog"]


@pytest.mark.parametrize("apart", [False, True])
def test_stored_tokens_are_those_of_the_texts(tokens: Tokens, tmp_path: Path, apart: bool):
    reading = Lists(tokens, apart)
    raw = prepared(tmp_path / "rows")
    rows = reading.over(raw)
    stored = rows.inputs(np.arange(2), reading.columns)
    fresh = reading.arrays({"text": np.array(ROWS, dtype=object)})
    assert list(stored) == list(fresh) == ["ids", "mask"]
    assert stored["ids"].shape == (2, 4 if apart else 3, int(fresh["mask"].sum(-1).max()))
    for name in ("mask", "ids"):
        assert np.array_equal(stored[name] * stored["mask"], fresh[name] * fresh["mask"]), name
    assert rows.raw.store is raw.store


def test_a_pair_is_read_as_one_and_apart_as_two(tokens: Tokens):
    row = {"text": np.array(ROWS[:1], dtype=object)}
    pairs, texts = (Lists(tokens, apart).arrays(row) for apart in (False, True))
    whole = tokens.padded(["where is the cat\x1fthe cat sleeps"])["ids"][0]
    assert pairs["ids"][0, 0, : len(whole)].tolist() == whole.tolist()
    query = tokens.padded(["where is the cat"])["ids"][0]
    assert texts["ids"][0, 0, : len(query)].tolist() == query.tolist()
    assert texts["mask"][0].sum() < pairs["mask"][0].sum() + len(query)


def test_a_shorter_list_is_filled_up_with_empty_candidates(tokens: Tokens):
    rows = np.array([listed("a dog", ["dog"]), ROWS[1]], dtype=object)
    found = Lists(tokens, True).arrays({"text": rows})
    empty = tokens.padded([""])["mask"].sum()
    assert found["mask"][0, 2:].sum(-1).tolist() == [empty, empty]


def test_how_lists_are_read_is_kept(tokens: Tokens, tmp_path: Path):
    for apart in (False, True):
        made = Lists(tokens, apart)
        made.save(tmp_path)
        assert read_lists(tmp_path, 16).fingerprint == made.fingerprint
    assert Lists(tokens, True).fingerprint != Lists(tokens, False).fingerprint
