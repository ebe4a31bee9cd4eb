"""What every task of labelled rows does with them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from understudy.data.rows import Rows
from understudy.data.settings import Data
from understudy.errors import RequestError
from understudy.tasks.labelled import (
    about,
    encode_labels,
    parts_of,
    refuse_bad_parts,
    slice_values,
    within,
)

LABEL = {"label": "label"}


def test_the_training_rows_settle_the_classes(text_rows: Callable[..., Rows]):
    rows = {
        "train": text_rows(label=["b", "a", "b"]),
        "test": text_rows(label=["a"]),
        "unlabelled": text_rows(text=["x", "y"]),
        "out_of_scope": text_rows(text=["z"]),
    }
    columns = dict.fromkeys(rows, LABEL)
    encoded, classes = encode_labels(rows, columns, Data(None))
    assert classes == ("a", "b")
    assert {role: numbers.tolist() for role, numbers in encoded.items()} == {
        "train": [1, 0, 1],
        "test": [0],
        "unlabelled": [-1, -1],
        "out_of_scope": [-1],
    }
    encoded, classes = encode_labels(rows, columns, Data(None, classes=("b", "c", "a")))
    assert classes == ("b", "c", "a")
    assert encoded["train"].tolist() == [0, 2, 0]


def test_a_class_of_another_source_is_told_with_its_role(text_rows: Callable[..., Rows]):
    rows = {"train": text_rows(label=["a", "b"]), "test": text_rows(label=["c"])}
    with pytest.raises(RequestError, match=r"^data\.test: .*'c'"):
        encode_labels(rows, dict.fromkeys(rows, LABEL), Data(None))


def test_only_our_own_errors_are_told_with_a_role():
    with pytest.raises(RequestError, match=r"^data\.unlabelled: wrong$"), about("unlabelled"):
        raise RequestError("wrong")
    with pytest.raises(ValueError, match="^wrong$"), about("train"):
        raise ValueError("wrong")


def test_a_span_of_all_rows_is_cut_by_role(text_rows: Callable[..., Rows]):
    rows = {"test": text_rows(a=[1, 2, 3]), "train": text_rows(a=[1, 2, 3, 4])}
    assert list(within(rows, range(7))) == [("train", 0, 4), ("test", 0, 3)]
    assert list(within(rows, range(2, 5))) == [("train", 2, 4), ("test", 0, 1)]
    assert list(within(rows, range(5, 7))) == [("test", 1, 3)]
    assert list(within(rows, range(7, 9))) == []


def test_what_is_missing_is_split_off_and_the_rest_stands_behind():
    given = ["train", "test", "unlabelled", "out_of_scope"]
    encoded = {
        "train": np.arange(40) % 2,
        "test": np.array([0, 1]),
        "unlabelled": np.full(3, -1),
        "out_of_scope": np.full(2, -1),
    }
    hashes = np.arange(47).astype("S20")
    parts = parts_of(given, encoded, hashes, Data(None, validation_share=0.25))
    assert parts["test"].tolist() == [40, 41]
    assert parts["out_of_scope"].tolist() == [45, 46]
    assert parts["train"][-3:].tolist() == [42, 43, 44]
    assert len(parts["validation"]) == 10
    own = np.concatenate([parts["validation"], parts["train"][:-3]])
    assert sorted(own.tolist()) == list(range(40))


def test_copies_of_unlabelled_rows_stay_in_training():
    numbers = np.arange(40) % 2
    numbers[:5] = -1
    hashes = np.arange(40).astype("S20")
    hashes[5:10] = hashes[:5]
    parts = parts_of(["train"], {"train": numbers}, hashes, Data(None))
    assert set(range(10)) <= set(parts["train"].tolist())


def test_parts_that_cannot_be_scored_or_learnt_are_refused():
    def parts(**changes: list[int]) -> dict:
        whole = {"train": [0, 1], "validation": [2, 3], "test": [4, 5], **changes}
        return {name: np.array(rows, dtype=np.int64) for name, rows in whole.items()}

    numbers, classes = np.array([0, 1, 0, 1, 0, 1, -1]), ("a", "b")
    refuse_bad_parts(parts(), numbers, classes)
    with pytest.raises(RequestError, match="the test part is empty"):
        refuse_bad_parts(parts(test=[]), numbers, classes)
    with pytest.raises(RequestError, match="1 of the 2 validation rows have no label"):
        refuse_bad_parts(parts(validation=[2, 6]), numbers, classes)
    with pytest.raises(RequestError, match=r"fewer than two of the classes \(a, b\)"):
        refuse_bad_parts(parts(train=[0, 2, 6]), numbers, classes)


def test_slices_are_those_of_the_test_rows(text_rows: Callable[..., Rows]):
    train = text_rows(site=["n", "s", None, "n"])
    test = text_rows(site=[1.0, float("nan")])
    data = Data(None, slices=("site",))
    split_off = slice_values({"train": train}, data, {"test": np.array([1, 2])}, ["train"])
    assert split_off == {"site": ("s", None)}
    both = {"train": train, "test": test}
    own = slice_values(both, data, {"test": np.array([4, 5])}, ["train", "test"])
    assert own == {"site": ("1.0", None)}
