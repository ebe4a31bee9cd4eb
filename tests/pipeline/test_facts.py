from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from understudy.data.rows import Rows
from understudy.data.settings import Data
from understudy.pipeline.distilling import Production
from understudy.pipeline.facts import curves, data_facts, knowledge_facts
from understudy.recipe.schema import Knowledge


def test_the_rows_are_counted(production: Production):
    facts = data_facts(production)
    assert facts["rows"] == 300
    assert facts["train_rows"] + facts["validation_rows"] + facts["test_rows"] == 300
    assert (facts["classes"], facts["unlabelled"], facts["duplicates"]) == (10, 0, 0)


def test_what_the_checks_found_is_told(producing: Callable, digits_rows: Rows):
    doubled = digits_rows.select([*range(300), *range(20)])
    train, test = doubled.select(range(320)), digits_rows.select(range(280, 300))
    facts = data_facts(producing(data=Data(train, test=test, unlabelled=digits_rows)))
    assert facts["leaked_test_rows"] == 20
    assert facts["duplicates"] >= 20
    assert facts["unlabelled"] == 300
    kinds = {finding["kind"] for finding in facts["findings"]}
    assert {"duplicates", "leaked_test_rows", "unlabelled"} <= kinds
    assert all(finding["text"] for finding in facts["findings"])


def test_suspect_labels_are_counted(producing: Callable, digits_rows: Rows):
    class Sure:
        fingerprint, classes = "sure", None

        def answer(self, inputs: dict) -> dict:
            import torch

            logits = torch.zeros(len(inputs["image"]), 10)
            logits[:, 3] = 20.0
            return {"logits": logits}

    made = producing(teacher=Sure())
    threes = int((made.prepared.labels == 3).sum())
    assert data_facts(made)["suspect_labels"] == 300 - threes


def test_knowledge_says_whether_it_was_there_before(producing: Callable, own_cache: Path):
    first = knowledge_facts(producing("a"))
    assert first["rows"] == 300
    assert first["bytes_per_row"] >= 40
    assert not first["reused"]
    assert first["errors"] == {}
    assert knowledge_facts(producing("b"))["reused"]
    # A rerun in the same folder says what that run did, not what the rerun found.
    assert not knowledge_facts(producing("a"))["reused"]


def test_a_lossy_codec_states_its_error(producing: Callable):
    found = knowledge_facts(producing(knowledge=Knowledge(codec="int8")))
    assert 0 < found["errors"]["logits"] < 1
    assert found["codec"] == "int8"


def test_a_live_teacher_leaves_no_knowledge(producing: Callable):
    assert knowledge_facts(producing(knowledge=Knowledge(mode="live"))) == {"mode": "live"}


def test_curves_are_those_of_what_was_trained(production: Production):
    found = curves(production)
    assert {name: len(points) for name, points in found.items()} == {
        "teacher": 8,
        "student": 4,
        "control": 4,
    }
    assert np.isfinite([point["loss"] for point in found["student"]]).all()
    alone = replace(production, recipe=replace(production.recipe, control=False))
    assert set(curves(alone)) == {"teacher", "student"}
