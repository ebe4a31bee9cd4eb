from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from understudy.data.rows import Rows
from understudy.errors import RequestError
from understudy.recipe.appraisal import IMAGES, SETS, TEXTS
from understudy.recipe.guessing import guessed_columns, guessed_task

PIXELS = np.zeros((2, 8, 8), "uint8")
LABELS = np.array([0, 1])
LONG = ["now this is some news", "and this is some more"]


def rows(**columns: Any) -> Rows:
    return Rows(columns, "a.csv", "0")


@pytest.mark.parametrize(
    ("columns", "image", "label"),
    [
        ({"x": PIXELS, "y": LABELS}, "x", "y"),
        ({"scan": PIXELS, "label": LABELS, "weight": LABELS}, "scan", "label"),
        ({"file": ["a.png", "b.PNG"], "kind": ["cat", "dog"]}, "file", "kind"),
        ({"where": ["a.png", "b.png"], "class": LABELS, "age": LABELS}, "where", "class"),
        ({"kind": LABELS, "img": [b"\x89PNG", b"\x89PNG"]}, "img", "kind"),
        ({"caption": LONG, "img": PIXELS, "label": LABELS}, "img", "label"),
    ],
)
def test_columns_of_images_are_known_by_name_or_by_what_they_hold(columns, image, label):
    given = rows(**columns)
    assert guessed_task(given) == IMAGES
    assert guessed_columns(given, IMAGES) == {"image": image, "label": label}


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({"text": ["hi", "bye"], "y": LABELS}, {"text": "text", "label": "y"}),
        ({"Message": ["hi", "bye"], "spam": LABELS}, {"text": "Message", "label": "spam"}),
        ({"a headline": LONG, "kind": ["a", "b"]}, {"text": "a headline", "label": "kind"}),
        (
            {"head": ["a b c d", "e f g h"], "story": LONG, "topic": LABELS, "class": LABELS},
            {"text": "story", "label": "class"},
        ),
        (
            {"when": [date(2020, 1, 1)] * 2, "review": [None, LONG[0]], "label": LABELS},
            {"text": "review", "label": "label"},
        ),
        ({"target": LONG, "kind": LABELS}, {"text": "target", "label": "kind"}),
        (
            {"premise": LONG, "hypothesis": ["no", "yes"], "label": LABELS},
            {"text": "premise", "text_2": "hypothesis", "label": "label"},
        ),
        (
            {"title": ["a b", "c d"], "description": LONG, "topic": LABELS, "id": LABELS},
            {"text": "title", "text_2": "description", "label": "topic"},
        ),
        ({"0": LABELS, "1": LONG, "2": LONG}, {"text": "1", "text_2": "2", "label": "0"}),
        ({"text": [1.5, 2.5], "says": LONG, "y": LABELS}, {"text": "says", "label": "y"}),
        (
            {"sentence2": LONG, "sentence1": [f"{text} or so" for text in LONG], "y": LABELS},
            {"text": "sentence1", "text_2": "sentence2", "label": "y"},
        ),
    ],
)
def test_columns_of_texts_are_known_by_name_or_by_their_length(columns, wanted):
    given = rows(**columns)
    assert guessed_task(given) == TEXTS
    assert guessed_columns(given, TEXTS) == wanted


def test_what_the_user_names_decides():
    words = rows(job=["nurse", "pilot"], y=LABELS)
    assert guessed_task(words, {"text": "job"}) == TEXTS
    assert guessed_task(words, {"image": "job"}) == IMAGES


@pytest.mark.parametrize(
    ("columns", "holds", "task"),
    [
        ({"path": ["a.wav", "b.wav"], "y": LABELS}, "path, y", "audio-classification"),
        ({"user_id": LABELS, "item_id": LABELS}, "user_id, item_id", "recommendation"),
        ({"x": [0.5, 1.5], "y": LABELS}, "x, y", "tabular-classification"),
        ({"job": ["nurse", "pilot"], "y": LABELS}, "job, y", "tabular-classification"),
        (
            {f"the long name of column {number}": LABELS for number in range(9)},
            f"{', '.join(['the long name of ...'] * 8)}, ...",
            "tabular-classification",
        ),
    ],
)
def test_other_tasks_are_named_and_refused(columns, holds: str, task: str):
    with pytest.raises(RequestError) as caught:
        guessed_task(rows(**columns))
    assert str(caught.value) == (
        f"a.csv holds neither images nor texts (it has {holds}), so it seems to be for {task}; "
        "that task is not there yet, image-classification and text-classification are"
    )


def test_a_label_that_cannot_be_told_is_asked_for():
    with pytest.raises(RequestError, match="has no column that looks like the label"):
        guessed_columns(rows(x=PIXELS, age=LABELS, height=LABELS), IMAGES)
    with pytest.raises(RequestError, match="has no column that looks like the label"):
        guessed_columns(rows(text=LONG), TEXTS)


def test_labels_that_are_lists_are_several_a_text():
    assert guessed_task(rows(text=LONG, label=[["a"], ["a", "b"]])) == SETS
    assert guessed_task(rows(text=LONG, label=["a", "b"])) == TEXTS
