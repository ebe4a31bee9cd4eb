from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from understudy.data import sources
from understudy.data.cells import objects
from understudy.data.columns import choose_columns, text_columns
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


def table(**columns: list[object]) -> Rows:
    return Rows({name: objects(cells) for name, cells in columns.items()}, "t.csv", "f")


def unnamed(*columns: list[object]) -> Rows:
    named = {str(number): objects(cells) for number, cells in enumerate(columns)}
    return Rows(named, "t.tsv", "f")


@pytest.mark.parametrize(
    ("names", "given", "texts"),
    [
        (("Sentence2", "Sentence1", "score"), {}, ("Sentence1", "Sentence2")),
        (("premise", "hypothesis", "label"), {}, ("premise", "hypothesis")),
        (("question", "document"), {}, ("question",)),
        (("utterance", "intent"), {}, ("utterance",)),
        (("title", "description", "label"), {}, ("title", "description")),
        (("title", "description", "label"), {"text": "title"}, ("title",)),
        (("a", "b", "c"), {"text": "c", "text_2": "a"}, ("c", "a")),
        (("a", "b", "c"), {"text_3": "c", "text_2": "a", "text": "b"}, ("b", "a", "c")),
    ],
)
def test_texts_are_one_column_or_several(
    names: tuple[str, ...], given: dict[str, str], texts: tuple[str, ...]
) -> None:
    assert text_columns(rows(*names), given) == texts


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"text_2": "b"}, "data.columns names text_2 and no text; add text: NAME"),
        ({"text": "a", "text_3": "b"}, "data.columns names text_3 and no text_2; add text_2: NAME"),
        (
            {"text": "a", "text_2": "a"},
            "data.columns names 'a' twice as a text; each needs its own column",
        ),
    ],
)
def test_texts_that_cannot_be_are_told(given: dict[str, str], told: str) -> None:
    with pytest.raises(RequestError) as error:
        text_columns(rows("a", "b"), given)
    assert str(error.value) == told
    with pytest.raises(RequestError, match="no column that looks like the text"):
        text_columns(rows("a", "b"), {})


def test_the_only_column_of_texts_is_the_text() -> None:
    found = table(said=["how do I pay", "what is the time now"], kind=["pay it now", None])
    assert text_columns(table(said=["how do I pay"], kind=["pay"]), {}) == ("said",)
    with pytest.raises(RequestError, match="looks like the text"):
        text_columns(found, {})


def test_columns_without_names_are_told_by_what_they_hold() -> None:
    news = unnamed([3, 4], ["oil prices are up", "gold falls a lot"], ["it rose a bit", "it fell"])
    assert text_columns(news, {}) == ("1", "2")
    assert choose_columns(news, ("label",), {}) == {"label": "0"}
    assert choose_columns(news, ("score",), {}) == {"score": "0"}
    intents = unnamed(["how do I pay", "hello there you"], ["pay_bill", "greet"])
    assert text_columns(intents, {}) == ("0",)
    assert choose_columns(intents, ("text", "label"), {}) == {"text": "0", "label": "1"}


@pytest.mark.parametrize(
    ("name", "texts", "other"),
    [
        ("sst2/train.tsv", ("0",), {"label": "1"}),
        ("sst2/glue_train.tsv", ("sentence",), {"label": "label"}),
        ("ag_news/dev_10k.tsv", ("0",), {"label": "1"}),
        ("ag_news/test.csv", ("1", "2"), {"label": "0"}),
        ("stsb/stsb-en-train.csv", ("0", "1"), {"score": "2"}),
        ("sms_spam/spam.csv", ("message",), {"label": "label"}),
        ("clinc150/data_full.json", ("text",), {"label": "label"}),
    ],
)
def test_real_texts(
    real: Callable[[str], Path], name: str, texts: tuple[str, ...], other: dict[str, str]
) -> None:
    found = sources.read(real(name))
    assert text_columns(found, {}) == texts
    assert choose_columns(found, other, {}) == other
