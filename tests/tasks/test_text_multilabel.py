"""Texts with sets of classes: what is stored, how it is split, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from understudy.data.cells import objects
from understudy.data.rows import Rows
from understudy.data.settings import Data
from understudy.errors import RequestError
from understudy.objectives import HardBinaryLabels, SoftBinaryLabels
from understudy.tasks import Prepared, open_prepared, task_named
from understudy.tasks.text_multilabel import TextMultilabel

TASK = TextMultilabel()


def source(count: int, labels: list[object], name: str = "s") -> Rows:
    texts = [f"text number {name} {row}" for row in range(count)]
    return Rows({"text": objects(texts), "label": objects(labels)}, name, f"{name}{labels}")


def test_every_row_is_kept_with_its_set(tagged: Prepared, asked: tuple[list[str], list[str]]):
    assert tagged.facts.classes == ("music", "travel", "weather")
    assert tagged.labels.shape == (180, 3)
    assert tagged.labels.dtype == np.int8
    assert [tagged.facts.classes[c] for c in np.flatnonzero(tagged.labels[0])] == [asked[1][0]]
    stored = tagged.store.read("label", 0, 180)
    assert np.array_equal(stored, tagged.labels)
    again = open_prepared(Path(tagged.store.root).parent)
    assert again is not None
    assert np.array_equal(again.labels, tagged.labels)
    assert again.labelled.all()


def test_every_class_is_in_every_part(tagged: Prepared):
    for part in ("train", "validation", "test"):
        assert tagged.labels[tagged.splits[part]].any(axis=0).all(), part


def test_rows_without_labels_and_rows_of_no_class_are_told_apart(tmp_path: Path):
    labels: list[object] = [["a"], ["b"], ["a", "b"], [], None] * 12
    rows = {"train": source(60, labels), "unlabelled": source(5, [None] * 5, "u")}
    found = TASK.prepare(rows, Data(None, test_share=0.2), tmp_path / "key")
    assert int((~found.labelled).sum()) == 12 + 5
    empty = found.labelled & ~(found.labels > 0).any(axis=1)
    assert int(empty.sum()) == 12
    assert found.labelled[found.splits["test"]].all()
    told = {finding["kind"]: finding for finding in found.facts.findings}
    assert told["unlabelled"]["count"] == 17


def test_equal_texts_with_other_sets_are_told(tmp_path: Path):
    labels: list[object] = [["a"], ["b"], ["a", "b"]] * 12
    train = source(36, labels)
    train.columns["text"][1] = train.columns["text"][0]
    rows = {"train": train, "test": source(9, labels[:9], "t")}
    found = TASK.prepare(rows, Data(None, test="t"), tmp_path / "key")
    kinds = {finding["kind"]: finding["count"] for finding in found.facts.findings}
    assert kinds.get("conflicting_labels", 2) == 2
    assert "duplicates" in kinds or 1 not in found.splits["train"]


def test_the_default_objective_asks_each_class_by_itself():
    terms = [type(part.term) for part in TASK.objective(3).terms]
    assert terms == [SoftBinaryLabels, HardBinaryLabels]
    assert TASK.several
    assert type(task_named("text-multilabel")) is TextMultilabel


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ({"train": source(40, [["a"], ["a", "b"]] * 20), "out_of_scope": source(2, [None] * 2)},
         "data.out_of_scope: for text-multilabel a row of no class has an empty set"),
        ({"train": source(40, [["a"], ["b"]] * 20), "test": source(2, [["a"], None], "t")},
         "1 of the 2 test rows have no label"),
        ({"train": source(40, [["a"], ["b"]] * 20), "test": source(2, [["a"], ["c"]], "t")},
         "data.test: the label 'c' is not among the 2 classes"),
    ],
)  # fmt: skip
def test_what_cannot_be_scored_is_refused(rows: dict[str, Rows], told: str, tmp_path: Path):
    with pytest.raises(RequestError) as caught:
        TASK.prepare(rows, Data(None), tmp_path / "key")
    assert told in str(caught.value)
