from __future__ import annotations

import numpy as np
import pytest

from understudy.data.columns import choose_columns
from understudy.data.rows import Rows
from understudy.errors import RequestError


def rows(*names: str) -> Rows:
    return Rows({name: np.zeros(2) for name in names}, "pets.csv", "f")


@pytest.mark.parametrize(
    ("names", "image", "label"),
    [
        (("x", "y"), "x", "y"),
        (("Image", "Label"), "Image", "Label"),
        (("id", "file_name", "category"), "file_name", "category"),
        (("label", "y", "path", "img"), "img", "label"),
    ],
)
def test_names_that_people_give_are_known(names: tuple[str, ...], image: str, label: str) -> None:
    assert choose_columns(rows(*names), ("image", "label"), {}) == {"image": image, "label": label}


def test_what_is_given_goes_first() -> None:
    chosen = choose_columns(rows("x", "y", "kind"), ("image", "label"), {"label": "kind"})
    assert chosen == {"image": "x", "label": "kind"}


def test_the_only_column_of_pictures_is_the_image() -> None:
    found = Rows({"scan": np.zeros((2, 8, 8)), "kind": np.zeros(2)}, "a.npz", "f")
    assert choose_columns(found, ("image",), {}) == {"image": "scan"}


def test_a_wrong_column_is_named_with_those_that_exist() -> None:
    with pytest.raises(RequestError) as error:
        choose_columns(rows("file", "kind"), ("image", "label"), {"label": "knd"})
    assert str(error.value) == (
        "pets.csv has no column 'knd', which data.columns names as label (it has file, kind); "
        "did you mean 'kind'?"
    )


def test_a_column_that_cannot_be_told_is_asked_for() -> None:
    with pytest.raises(
        RequestError, match=r"looks like the label \(it has file, kind\); say which"
    ):
        choose_columns(rows("file", "kind"), ("image", "label"), {})


def test_a_misspelt_key_is_named() -> None:
    with pytest.raises(RequestError, match=r"no field 'lable'; did you mean 'label'\?"):
        choose_columns(rows("x", "y"), ("image", "label"), {"lable": "y"})
    assert choose_columns(rows("x"), ("image",), {"label": "y"}) == {"image": "x"}
