from __future__ import annotations

import re

import pytest

from understudy.errors import RequestError
from understudy.recipe.documents import override, parse

TEXT = """\
data: &rows
  train: a.csv
  classes: [no, 1]
training:
  learning_rate: 1.5
  no: on
again: *rows
when: 2024-13-45
"""


def test_values_and_the_line_of_every_key_and_item():
    values, lines = parse(TEXT, "a.yaml")
    rows = {"train": "a.csv", "classes": [False, 1]}
    assert values == {
        "data": rows,
        "training": {"learning_rate": 1.5, "no": True},
        "again": rows,
        "when": "2024-13-45",
    }
    assert lines[("data",)] == 1
    assert lines[("data", "classes", 1)] == 3
    assert lines[("training", "no")] == 6
    assert lines[("again",)] == 7


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3\n", "a.yaml, line 3: a is given twice (first on line 1); keep one"),
        (
            "t:\n  a: 1\n  a: 2\n",
            "a.yaml, line 3: t.a is given twice (first on line 2); keep one",
        ),
        (
            "a: 1\nb: c: d\n",
            "a.yaml, line 2: this is not YAML: mapping values are not allowed here",
        ),
        ("a: 1\n b: 2\n", "a.yaml, line 2: this is not YAML: mapping values are not allowed here"),
        (
            "a: [1, 2\nb: 3\n",
            "a.yaml, line 2: this is not YAML: expected ',' or ']', but got ':'",
        ),
        (
            "a: 1\n---\nb: 2\n",
            "a.yaml, line 2: this is not YAML: but found another document",
        ),
        ("a: *b\n", "a.yaml, line 1: this is not YAML: found undefined alias 'b'"),
        ("a: &b\n  - *b\n", "a.yaml, line 1: an alias refers to what it stands in"),
        ("[a]: 1\n", "a.yaml, line 1: a key must be one word, not a list or a mapping"),
        ("a: 1\nb: \x07\n", "a.yaml, line 2: the character 7 may not stand in YAML"),
        (
            "a: !!python/object/apply:os.system [ls]\n",
            "a.yaml, line 1: the tag tag:yaml.org,2002:python/object/apply:os.system "
            "is not allowed in a recipe",
        ),
        ("a: !mine b\n", "a.yaml, line 1: the tag !mine is not allowed in a recipe"),
        ("a: !!int seven\n", "a.yaml, line 1: 'seven' is no int"),
    ],
)
def test_what_is_no_recipe_is_refused_with_its_line(text: str, sentence: str):
    with pytest.raises(RequestError, match=f"^{re.escape(sentence)}$"):
        parse(text, "a.yaml")


def test_overrides_reach_keys_items_and_sections_that_are_not_there():
    values = {"objective": [{"soft_labels": {"temperature": 4}}], "training": None}
    set_one = override(values, "objective.0.soft_labels.temperature=2")
    assert set_one == ("objective", 0, "soft_labels", "temperature")
    override(values, "training.epochs=20")
    override(values, "data.columns={label: y}")
    override(values, "export=[onnx]")
    override(values, "require=[accuracy >= 0.9]")
    assert values == {
        "objective": [{"soft_labels": {"temperature": 2}}],
        "training": {"epochs": 20},
        "data": {"columns": {"label": "y"}},
        "export": ["onnx"],
        "require": ["accuracy >= 0.9"],
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "training.epochs",
            "--set training.epochs: write it as key.path=value, such as training.epochs=20",
        ),
        ("a..b=1", "--set a..b=1: write it as key.path=value, such as training.epochs=20"),
        (
            "teacher.dropout=1",
            "--set teacher.dropout=1: teacher is 'big', which has no parts to set",
        ),
        (
            "export.1=onnx",
            "--set export.1=onnx: export is a list of 1, which has no item '1'; items count from 0",
        ),
        (
            "export.first=onnx",
            "--set export.first=onnx: export is a list of 1, which has no item 'first'; "
            "items count from 0",
        ),
        (
            "a=[1",
            "--set a=[1, line 1: this is not YAML: expected ',' or ']', but got '<stream end>'",
        ),
    ],
)
def test_overrides_that_lead_nowhere_are_refused(text: str, sentence: str):
    with pytest.raises(RequestError, match=f"^{re.escape(sentence)}$"):
        override({"teacher": "big", "export": ["onnx"]}, text)
