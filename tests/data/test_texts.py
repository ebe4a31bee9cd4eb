from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from understudy.data.cells import objects, take
from understudy.data.texts import SEPARATOR, cut_texts, from_utf8, to_texts, utf8
from understudy.errors import RequestError
from understudy.store.ragged import Ragged


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("plain, text\twith\nlines", "plain, text\twith\nlines"),
        ("a\r\nb\rc\x85d\u2028e", "a\nb\nc\nd\ne"),
        ("a\x00b\x1fc\x7fd\x9be", "abcde"),
        ("cafe\u0301", "caf\u00e9"),
        ("half \ud83d of it", "half \ufffd of it"),
        ("whole \U0001f600", "whole \U0001f600"),
        (np.str_("numpy"), "numpy"),
    ],
)
def test_a_cell_is_cleaned(cell: str, text: str) -> None:
    (found,) = to_texts([objects([cell])])
    assert found == text
    assert found.encode()


def test_arrays_of_text_are_texts() -> None:
    texts = to_texts([np.array(["a", "bb"])])
    assert texts.dtype == object
    assert texts.tolist() == ["a", "bb"]


def test_several_columns_are_one_text_whose_parts_come_apart_again() -> None:
    texts = to_texts([objects(["a\x1f", "b"]), objects(["c", "d"])])
    assert [text.split(SEPARATOR) for text in texts] == [["a", "c"], ["b", "d"]]


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (
            ["a", None, " \n", float("nan"), "\x00"],
            "column 'said' has 4 blank texts of 5, row 1 first; "
            "fill them in or take these rows out",
        ),
        (
            ["a", None, 3.5, b"x"],
            "column 'said' holds 2 of 4 cells that are no text, row 2 first: 3.5 (float); "
            "is it the right column?",
        ),
    ],
)
def test_what_is_no_text_is_told_with_row_and_column(cells: list[Any], told: str) -> None:
    with pytest.raises(RequestError) as caught:
        to_texts([objects(cells)], ["said"])
    assert str(caught.value) == told


def test_rows_are_told_as_the_source_numbers_them() -> None:
    with pytest.raises(RequestError, match=r"column '1' has 1 blank texts of 2, row 7 first"):
        chosen = take(objects(["x"] * 7 + [""]), np.array([2, 7]))
        to_texts([take(objects(["x"] * 8), np.array([2, 7])), chosen])


def test_numbers_are_no_texts() -> None:
    with pytest.raises(RequestError, match=r"holds 2 of 2 cells that are no text, row 0 first: 1"):
        to_texts([np.array([1, 2])])


def test_long_texts_are_cut_between_characters_and_counted() -> None:
    texts = objects(["short", "\u00e9" * 6, f"{'a' * 12}{SEPARATOR}b"])
    cut, (found,) = cut_texts(texts, most_bytes=11)
    assert cut.tolist() == ["short", "\u00e9" * 5, f"{'a' * 11}{SEPARATOR}b"]
    assert (found.kind, found.count, found.rows) == ("cut_texts", 2, (1, 2))
    assert found.text == "2 of 3 texts are over 11 bytes and were cut there"
    assert texts[1] == "\u00e9" * 6
    assert cut_texts(texts)[1] == []


def test_texts_survive_as_bytes() -> None:
    texts = objects(["a", "", "\u00e9\U0001f600", f"x{SEPARATOR}y"])
    stored = utf8(texts)
    assert (stored.values.dtype, len(stored)) == (np.uint8, 4)
    assert from_utf8(stored).tolist() == texts.tolist()
    assert from_utf8(Ragged(stored.values, stored.offsets[2:])).tolist() == texts[2:].tolist()
    assert from_utf8(utf8([])).tolist() == []


def test_many_texts_take_little_time() -> None:
    cells = objects([f"how do I pay bill {row} today, caf\u00e9?" for row in range(100_000)])
    start = time.process_time()
    texts = to_texts([cells])
    assert time.process_time() - start < 3
    assert len(texts) == 100_000
