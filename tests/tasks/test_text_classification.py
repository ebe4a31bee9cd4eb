"""Texts from tables: columns, parts, findings, made copies, and every refusal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from understudy.data.augmenting import Augmentation
from understudy.data.rows import Rows
from understudy.data.settings import Data
from understudy.errors import RequestError
from understudy.students.tokens import PARTS
from understudy.tasks import Facts, Prepared, task_named
from understudy.tasks.text_classification import TextClassification

TASK = TextClassification()


@pytest.fixture
def prepare(tmp_path: Path, text_rows: Callable[..., Rows]) -> Callable[..., Prepared]:
    """Prepares sources in a folder of this test; settings by keyword."""

    def make(sources: dict[str, Rows] | None = None, **settings: Any) -> Prepared:
        rows = {"train": text_rows(), **(sources or {})}
        return TASK.prepare(rows, Data(None, **settings), tmp_path / "key")

    return make


def texts_of(prepared: Prepared, part: str) -> list[str]:
    return prepared.inputs(prepared.splits[part], ("text",))["text"].tolist()


def kinds(prepared: Prepared) -> dict[str, int]:
    return {finding["kind"]: finding["count"] for finding in prepared.facts.findings}


def test_every_row_is_kept_with_its_label(texts: Prepared, asked: tuple[list[str], list[str]]):
    assert texts.facts.classes == ("music", "travel", "weather")
    assert texts.facts.form == {"tokens": 12}
    assert (texts.facts.rows["train"], texts.facts.rows["augmented"]) == (180, 0)
    everything = np.arange(180)
    assert texts.inputs(everything, ("text",))["text"].tolist() == asked[0]
    assert [texts.facts.classes[number] for number in texts.labels] == asked[1]
    sizes = {part: len(rows) for part, rows in texts.splits.items()}
    assert sum(sizes.values()) == 180
    assert (sizes["test"], sizes["validation"]) == (36, 18)


def test_each_role_serves_for_what_it_is_named(
    prepare: Callable[..., Prepared], text_rows: Callable[..., Rows]
):
    found = prepare(
        {
            "test": text_rows(text=["play me", "fly me"], label=["music", "travel"], by=["x", "y"]),
            "unlabelled": text_rows(text=["what is on"]),
            "out_of_scope": text_rows(text=["who are you", "tell a joke"]),
        },
        slices=("by",),
    )
    assert texts_of(found, "test") == ["play me", "fly me"]
    assert texts_of(found, "out_of_scope") == ["who are you", "tell a joke"]
    assert texts_of(found, "train")[-1] == "what is on"
    assert found.labels[found.splits["out_of_scope"]].tolist() == [-1, -1]
    assert found.facts.slices == {"by": ("x", "y")}
    assert found.source_rows("out_of_scope").tolist() == [0, 1]


def test_two_columns_are_one_text_with_two_parts(tmp_path: Path, text_rows: Callable[..., Rows]):
    rows = text_rows(
        question=[f"is it {number}" for number in range(30)],
        reply=[f"it is {number}" for number in range(30)],
        label=["yes", "no"] * 15,
    )
    columns = {"text": "question", "text_2": "reply", "label": "label"}
    found = TASK.prepare({"train": rows}, Data(None, columns=columns), tmp_path / "key")
    assert f"is it 4{PARTS}it is 4" in texts_of(found, "train") + texts_of(found, "test")


def test_made_texts_stand_behind_all_others_without_labels(
    prepare: Callable[..., Prepared], text_rows: Callable[..., Rows]
):
    outside = text_rows(text=["who are you"])
    found = prepare({"out_of_scope": outside}, augment=Augmentation(copies=2))
    made = found.facts.rows["augmented"]
    assert 0 < made <= 2 * 126
    assert len(found) == 180 + 1 + made
    new = np.arange(181, len(found))
    assert (found.labels[new] == -1).all()
    assert set(new) <= set(found.splits["train"])
    assert not set(new) & {*found.splits["test"], *found.splits["validation"]}
    assert kinds(found)["augmented"] == made
    # Numbered among themselves, as rows of a source are.
    assert found.source_rows("train")[-made:].tolist() == list(range(made))
    # Of training rows alone: each word comes from one.
    known = {word for text in texts_of(found, "train")[:126] for word in text.split()}
    words = {word for text in found.inputs(new, ("text",))["text"] for word in text.split()}
    assert words - known <= {"[MASK]"}


def test_what_is_suspect_is_found(prepare: Callable[..., Prepared], text_rows: Callable[..., Rows]):
    texts = [f"unlike text number {number} of a kind" for number in range(40)]
    labels = ["a", "b"] * 20
    texts += [texts[0], texts[1]]
    labels += ["a", "a"]
    found = prepare(
        {
            "train": text_rows(text=texts, label=labels),
            "test": text_rows(text=[texts[2], "something else"], label=["a", "b"]),
            "validation": text_rows(text=["one", "two"], label=["a", "b"]),
        }
    )
    told = kinds(found)
    assert told["duplicates"] == 2
    assert told["leaked_test_rows"] == 1
    (leak,) = [f for f in found.facts.findings if f["kind"] == "leaked_test_rows"]
    assert list(leak["rows"]) == [found.splits["test"][0]]
    assert any("label" in kind for kind in told)


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ({"train": {"text": ["a b", " ", None], "label": ["x", "y", "x"]}}, "2 blank texts of 3"),
        ({"test": {"text": ["a", ""], "label": ["music", "music"]}}, "data.test: column 'text'"),
        ({"train": {"text": ["a b", 3], "label": ["x", "y"]}}, "cells that are no text, row 1"),
        ({"train": {"number": [1, 2], "label": ["x", "y"]}}, "no column that looks like the text"),
        ({"train": {"text": ["one two three four five"] * 3}}, "no column that looks like the lab"),
        ({"test": {"text": ["a b"], "label": ["sports"]}}, "data.test: "),
        ({"train": {"text": ["a b", "c d"] * 10, "label": ["x"] * 20}}, "hold one class only"),
    ],
)
def test_what_is_wrong_is_told(
    prepare: Callable[..., Prepared],
    text_rows: Callable[..., Rows],
    sources: dict[str, dict[str, list]],
    words: str,
):
    with pytest.raises(RequestError) as caught:
        prepare({role: text_rows(**columns) for role, columns in sources.items()})
    assert words in str(caught.value)


def test_its_defaults():
    assert task_named("text-classification").gives == "logits"
    terms = [(part.weight, type(part.term).__name__) for part in TASK.objective(3).terms]
    assert terms == [(0.9, "SoftLabels"), (0.1, "HardLabels")]
    facts = Facts("text-classification", ("a", "b"), {"tokens": 12}, {})
    blueprint = TASK.blueprint("static", facts)
    assert (blueprint.kind, blueprint.reads) == ("preset", "text")
    assert (blueprint.shape, blueprint.classes) == ((0, 12), 2)
    with pytest.raises(RequestError, match="did you mean 'bilstm'"):
        TASK.blueprint("bi-lstm", facts)
    body = nn.Linear(1, 1)
    assert TASK.network(body, {}) is body


def test_a_row_is_shown_in_words():
    inputs = {"text": np.array(["a", f"b{PARTS}c"], dtype=object)}
    assert TASK.text(inputs, 1) == "b\nc"
    assert TASK.picture(inputs, 1) is None


def test_the_texts_of_a_source_are_a_users_own(text_rows: Callable[..., Rows]):
    rows = text_rows(said=["a\x00b"], label=["x"])
    given = TASK.given(rows, {"text": "said"})
    assert TASK.rows_of({}, given)["text"].tolist() == ["ab"]


def test_the_same_rows_give_the_same_folder(prepare: Callable[..., Prepared], texts: Prepared):
    first = prepare(augment=Augmentation(copies=1))
    again = prepare(augment=Augmentation(copies=1))
    assert torch.equal(torch.from_numpy(first.labels), torch.from_numpy(again.labels))
    for part, rows in first.splits.items():
        np.testing.assert_array_equal(again.splits[part], rows)
