from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from understudy.data.cells import objects
from understudy.data.labels import encode
from understudy.errors import RequestError

NAN = float("nan")


@pytest.mark.parametrize(
    ("labels", "numbers", "classes"),
    [
        (["dog", "cat", "dog"], [1, 0, 1], ("cat", "dog")),
        (np.array([10, 9, 2]), [2, 1, 0], ("2", "9", "10")),
        (np.array([1.0, 3.0, NAN]), [0, 1, -1], ("1", "3")),
        (np.array([0, 1, -1]), [0, 1, -1], ("0", "1")),
        (np.array([True, False]), [1, 0], ("False", "True")),
        ([True, False, None], [1, 0, -1], ("False", "True")),
        (np.array([[1], [0]]), [1, 0], ("0", "1")),
        (["b", None, "", " ", NAN, "a"], [1, -1, -1, -1, -1, 0], ("a", "b")),
        ([3, None, 1.0], [1, -1, 0], ("1", "3")),
        (np.array(["b", "a"]), [1, 0], ("a", "b")),
        (objects([b"b", b"a"]), [1, 0], ("a", "b")),
        (["10", "9"], [0, 1], ("10", "9")),
    ],
)
def test_classes_are_sorted_and_what_is_missing_is_none(
    labels: Any, numbers: list[int], classes: tuple[str, ...]
) -> None:
    encoded, names = encode(labels)
    assert encoded.dtype == np.int64
    assert encoded.tolist() == numbers
    assert names == classes


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        (["dog", "cat"], ("dog", "cat", "cow"), [0, 1]),
        (np.array([1, 0]), ("dog", "cat"), [1, 0]),
        (np.array([1, 2]), ("3", "2", "1"), [2, 1]),
        (["1", "2"], ("3", "2", "1"), [2, 1]),
        (np.array([-1, 1]), ("-1", "1"), [0, 1]),
    ],
)
def test_given_classes_keep_their_order(
    labels: Any, classes: tuple[str, ...], numbers: list[int]
) -> None:
    encoded, names = encode(labels, classes)
    assert encoded.tolist() == numbers
    assert names == classes


@pytest.mark.parametrize(
    ("labels", "classes", "told"),
    [
        (["a", "a"], None, r"one class only \('a'\); a classifier needs at least two classes"),
        ([None, ""], None, "hold no label at all"),
        (["dgo"], ("dog", "cat"), r"'dgo' is not among the 2 classes; did you mean 'dog'\?"),
        (["x", "y", "z"], ("dog", "cat"), "'x' is not among the 2 classes, nor are 2 others"),
        (np.array([0, 2]), ("dog", "cat"), "'2' is not among the 2 classes"),
        (np.array([0.5, 1]), None, "the label 0.5 is no class but a measurement"),
        (np.array([1.0, np.inf]), None, "the label infinity is no class"),
        (np.array([-1, 1]), None, "-1 means 'no label'; write 0"),
        (["a", 1], None, "mix numbers and texts"),
        (np.eye(3), None, "one-hot, give their argmax"),
        (["a", "b"], ("a", "b", "a"), "names 'a' twice"),
    ],
)
def test_what_is_wrong_with_labels_is_told(
    labels: Any, classes: tuple[str, ...] | None, told: str
) -> None:
    with pytest.raises(RequestError, match=told):
        encode(labels, classes)
