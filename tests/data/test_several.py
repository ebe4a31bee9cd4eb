"""Sets of labels: lists, texts, tables and columns of marks, and every refusal."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.data.several import encode_marks, encode_sets, strata
from understudy.errors import RequestError


def test_a_cell_is_a_list_a_text_or_one_label():
    cells = [["b", "a"], "a|c", "c", ("a",), {"b", "c"}, np.array(["a", "b"], dtype=object)]
    table, names = encode_sets(cells)
    assert names == ("a", "b", "c")
    assert table.dtype == np.int8
    assert table.tolist() == [[1, 1, 0], [1, 0, 1], [0, 0, 1], [1, 0, 0], [0, 1, 1], [1, 1, 0]]


def test_an_empty_set_is_no_class_and_a_missing_one_says_nothing():
    table, _ = encode_sets([["a"], [], None, float("nan"), "  ", ["b"]])
    assert table.tolist() == [[1, 0], [0, 0], [-1, -1], [-1, -1], [-1, -1], [0, 1]]


def test_classes_fix_the_order_and_numbers_are_places_in_it():
    table, names = encode_sets([[2], [0, 1]], ("x", "y", "z"))
    assert names == ("x", "y", "z")
    assert table.tolist() == [[0, 0, 1], [1, 1, 0]]


def test_another_separator_and_blanks_around_labels():
    table, names = encode_sets(["a; b", "b"], separator=";")
    assert (names, table.tolist()) == (("a", "b"), [[1, 1], [0, 1]])
    table, names = encode_sets(["a  b", "b"], separator=" ")
    assert (names, table.tolist()) == (("a", "b"), [[1, 1], [0, 1]])


def test_a_table_of_marks_is_taken_as_it_is():
    table, names = encode_sets(np.array([[1, 0, 1], [0, 0, 0]]), ("a", "b", "c"))
    assert (names, table.tolist()) == (("a", "b", "c"), [[1, 0, 1], [0, 0, 0]])
    table, names = encode_sets(np.array([[1.0, np.nan], [True, False]]))
    assert (names, table.tolist()) == (("0", "1"), [[-1, -1], [1, 0]])


def test_columns_of_marks_are_named_by_the_columns():
    columns = {"rude": [1, 0, None], "threat": np.array([0, 1, 1])}
    table, names = encode_marks(columns)
    assert (names, table.tolist()) == (("rude", "threat"), [[1, 0], [0, 1], [-1, -1]])


@pytest.mark.parametrize(
    ("cells", "classes", "told"),
    [
        ([["a"], ["d"]], ("a", "b"), "the label 'd' is not among the 2 classes"),
        ([["a"], ["a"]], None, "one class only ('a')"),
        ([["a", ""], ["b"]], None, "row 0 has a label that is empty"),
        (np.array([[1, 0]]), ("a", "b", "c"), "have 2 columns, one a class, and data.classes"),
        (np.array([[1, 0], [0, 3]]), ("a", "b"), "'b' must hold 0 or 1 for each row: row 1 has 3"),
    ],
)
def test_what_is_no_set_of_labels_is_refused(cells, classes, told):
    with pytest.raises(RequestError) as caught:
        encode_sets(cells, classes)
    assert told in str(caught.value)


def test_a_column_of_words_is_no_column_of_marks():
    with pytest.raises(RequestError, match="the label column 'b' must hold 0 or 1"):
        encode_marks({"a": [1, 0], "b": ["yes", "no"]})


def test_rows_are_split_by_their_rarest_class():
    table = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 0], [0, 0, 0], [-1, -1, -1]], dtype=np.int8)
    assert strata(table).tolist() == [1, 0, 0, 3, -1]
