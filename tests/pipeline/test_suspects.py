"""Labels that the teacher contradicts, by hand."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from understudy.pipeline import suspects
from understudy.pipeline.suspects import suspect_rows


@dataclass
class Store:
    logits: np.ndarray

    def read(self, name: str, start: int, stop: int) -> np.ndarray:
        assert name == "logits"
        return self.logits[start:stop]


def production(logits: list[Any], labels: list[Any], several: bool) -> Any:
    return SimpleNamespace(
        store=Store(np.array(logits, dtype=np.float32)),
        task=SimpleNamespace(gives="logits", several=several),
        prepared=SimpleNamespace(labels=np.array(labels)),
    )


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_the_surest_contradictions_come_first(at_once: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(suspects, "ROWS_AT_ONCE", at_once)
    logits = [[5, 0], [0, 4], [0, 5], [0, 9], [1, 0]]
    found = suspect_rows(production(logits, [1, 0, 1, -1, 1], several=False))
    assert [(row, said) for row, said, _ in found] == [(0, 0), (1, 1)]
    assert found[0][2] == pytest.approx(1 / (1 + np.exp(-5)))


def test_of_sets_the_worst_class_stands_for_the_row():
    logits = [[5, -5, 3], [5, -5, -3], [-4, 4, 0], [9, 9, 9]]
    labels = [[1, 0, 0], [1, 0, 0], [1, 0, 1], [-1, -1, -1]]
    found = suspect_rows(production(logits, labels, several=True))
    assert [(row, said) for row, said, _ in found] == [(2, 0), (0, 2)]
    sure = [1 / (1 + np.exp(-4)), 1 / (1 + np.exp(-3))]
    assert [each[2] for each in found] == pytest.approx(sure)


def test_a_teacher_that_is_asked_live_is_not_asked_again():
    made = production([[1, 0]], [0], several=False)
    made.store = None
    assert suspect_rows(made) == []
