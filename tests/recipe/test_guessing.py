from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from understudy.data.rows import Rows
from understudy.errors import RequestError
from understudy.recipe.guessing import image_columns

IMAGES = np.zeros((2, 8, 8), "uint8")
LABELS = np.array([0, 1])


def rows(**columns: Any) -> Rows:
    return Rows(columns, "a.csv", "0")


@pytest.mark.parametrize(
    ("columns", "image", "label"),
    [
        ({"x": IMAGES, "y": LABELS}, "x", "y"),
        ({"scan": IMAGES, "label": LABELS, "weight": LABELS}, "scan", "label"),
        ({"file": ["a.png", "b.PNG"], "kind": ["cat", "dog"]}, "file", "kind"),
        ({"where": ["a.png", "b.png"], "class": LABELS, "age": LABELS}, "where", "class"),
        ({"kind": LABELS, "img": [b"\x89PNG", b"\x89PNG"]}, "img", "kind"),
    ],
)
def test_columns_are_known_by_name_or_by_what_they_hold(columns, image: str, label: str):
    assert image_columns(rows(**columns)) == {"image": image, "label": label}


@pytest.mark.parametrize(
    ("columns", "holds", "task"),
    [
        ({"text": ["hi", "bye"], "y": LABELS}, "text, y", "text-classification"),
        (
            {"a headline without a name": ["now this is news"], "y": [1]},
            "a headline withou..., y",
            "text-classification",
        ),
        ({"path": ["a.wav", "b.wav"], "y": LABELS}, "path, y", "audio-classification"),
        ({"user_id": LABELS, "item_id": LABELS}, "user_id, item_id", "recommendation"),
        ({"x": [0.5, 1.5], "y": LABELS}, "x, y", "tabular-classification"),
        ({"job": ["nurse", "pilot"], "y": LABELS}, "job, y", "tabular-classification"),
        (
            {f"column {number}": LABELS for number in range(9)},
            f"{', '.join(f'column {number}' for number in range(8))}, ...",
            "tabular-classification",
        ),
    ],
)
def test_other_tasks_are_named_and_refused(columns, holds: str, task: str):
    with pytest.raises(RequestError) as caught:
        image_columns(rows(**columns))
    assert str(caught.value) == (
        f"a.csv holds no images (it has {holds}), so it is for {task}; "
        "that task is not there yet, image-classification is"
    )


def test_a_label_that_cannot_be_told_is_asked_for():
    with pytest.raises(RequestError, match="has no column that looks like the label"):
        image_columns(rows(x=IMAGES, age=LABELS, height=LABELS))
