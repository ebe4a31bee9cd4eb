"""What no data can be is refused when it is written down."""

from __future__ import annotations

import pytest

from understudy.data.settings import Data, Negatives
from understudy.errors import RequestError


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"test_share": 1.5}, "data.test_share is 1.5; it must lie between 0 and 1"),
        ({"test_share": float("nan")}, "data.test_share is nan; it must lie between 0 and 1"),
        ({"validation_share": 0}, "data.validation_share is 0; it must lie between 0 and 1"),
        (
            {"test_share": 0.5, "validation_share": 0.5},
            "data.test_share and data.validation_share come to 1; they must leave rows to train on",
        ),
        (
            {"image_size": (8, 0)},
            "data.image_size is [8, 0]; height and width must be 1 or more",
        ),
        (
            {"label_separator": ""},
            "data.label_separator is empty; give what parts labels, such as '|'",
        ),
        (
            {"label_columns": ("rude",)},
            "data.label_columns names 'rude' alone; there must be one column for each of two or "
            "more classes",
        ),
    ],
)
def test_what_no_data_can_be_is_told(given: dict[str, object], told: str) -> None:
    with pytest.raises(RequestError) as caught:
        Data("a.csv", **given)
    assert str(caught.value) == told


def test_a_share_that_is_not_needed_takes_nothing_from_train() -> None:
    assert Data("a.csv", test="b.csv", validation_share=0.9).validation_share == 0.9
    assert Data("a.csv", test="b.csv", validation="c.csv", test_share=0.9).test == "b.csv"


def test_the_defaults_are_a_fifth_and_a_tenth() -> None:
    data = Data("a.csv")
    assert (data.test_share, data.validation_share, data.split_seed) == (0.2, 0.1, 0)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"skip": -1}, "negatives.skip is -1; it must be 0 or more"),
        ({"among": 0}, "negatives.among is 0; it must be 1 or more"),
        (
            {"margin": 0.1},
            "negatives.margin compares scores of the teacher; it needs by: teacher, or both",
        ),
        (
            {"by": "teacher", "margin": 1.0},
            "negatives.margin is 1.0; it must be 0 or more, and below 1",
        ),
    ],
)
def test_negatives_that_cannot_be_found_are_told(given: dict[str, object], told: str) -> None:
    with pytest.raises(RequestError) as caught:
        Negatives(**given)
    assert str(caught.value) == told
