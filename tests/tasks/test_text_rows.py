"""Texts are kept as they came, and a user's own are read as those of a source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from understudy.data.rows import Rows
from understudy.errors import RequestError
from understudy.store import Ragged, open_store
from understudy.students.tokens import PARTS, trained_tokens
from understudy.tasks.reading import Tokenised
from understudy.tasks.text_rows import read_texts, reading_in, rows_of_texts, store_texts, text_of


def test_texts_and_labels_come_back(tmp_path: Path):
    from understudy.data.texts import from_utf8

    given = np.array(["a", "Zoë\nasks", "日本", "x" * 5000], dtype=object)
    store_texts(given, np.array([0, 1, -1, 0]), tmp_path)
    store = open_store(tmp_path / "rows")
    rows = store.read("text", 0, 4)
    assert isinstance(rows, Ragged)
    assert from_utf8(rows).tolist() == given.tolist()
    assert np.asarray(store.read("label", 0, 4)).tolist() == [0, 1, -1, 0]
    store_texts(given, np.array([0, 1, -1, 0]), tmp_path)  # what is there stays
    assert open_store(tmp_path / "rows").complete


def test_columns_are_joined_and_long_texts_are_told(text_rows: Callable[..., Rows]):
    rows = text_rows(one=["a b", "c"], two=["d\r\ne", "f" * 70_000])
    texts, found = read_texts(rows, ("one", "two"))
    assert texts[0] == f"a b{PARTS}d\ne"
    assert len(texts[1]) < 70_000
    assert [(finding.kind, finding.count) for finding in found] == [("cut_texts", 1)]
    assert read_texts(rows, ("one",))[1] == []


def test_one_text_several_and_pairs_are_rows():
    assert rows_of_texts("one")["text"].tolist() == ["one"]
    assert rows_of_texts(["one", "two"])["text"].tolist() == ["one", "two"]
    assert rows_of_texts(np.array(["one"], dtype=object))["text"].tolist() == ["one"]
    assert rows_of_texts([("one", "two"), "three"])["text"].dtype == object


def test_a_pair_is_read_as_a_pair():
    """As the columns of a source are: the tokenizer sees two parts."""
    (row,) = rows_of_texts([("is it", "so")])["text"]
    tokens = trained_tokens(["is it so"], 100, 16)
    flat, _ = tokens.encode([row])
    assert flat.tolist() == tokens.tokenizer.encode("is it", "so").ids


def test_the_pairs_of_a_source_stay_pairs(text_rows: Callable[..., Rows]):
    joined, _ = read_texts(text_rows(one=["a b", "c"], two=["d", "e"]), ("one", "two"))
    assert rows_of_texts(joined)["text"].tolist() == joined.tolist()


@pytest.mark.parametrize("given", [[3], [None], ["a", " "], [("a", "")]])
def test_what_is_no_text_is_told(given: list):
    with pytest.raises(RequestError):
        rows_of_texts(given)


def test_the_reading_is_that_of_the_folder(tmp_path: Path):
    tokens = trained_tokens(["is it so"], 100, 16)
    tokens.save(tmp_path)
    reading = reading_in(tmp_path, {"tokens": 3})
    assert isinstance(reading, Tokenised)
    assert reading.tokens.most == 3
    assert reading.arrays({"text": ["is it so", "so"]})["mask"].tolist() == [[1, 1, 1], [1, 1, 1]]


def test_parts_stand_on_lines_of_their_own():
    assert text_of({"text": ["x", f"one{PARTS}two"]}, 1) == "one\ntwo"
