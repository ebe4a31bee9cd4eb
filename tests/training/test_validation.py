"""Merit and loss over the validation rows, against the same in plain numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from understudy.objectives import EmbeddingCosine, HardBinaryLabels, as_objective
from understudy.students import build
from understudy.students.blueprint import Blueprint
from understudy.students.tokens import trained_tokens
from understudy.tasks import Prepared
from understudy.tasks.reading import Tokenised
from understudy.training.step import Lesson
from understudy.training.validation import JUDGES, validate


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_of_classifiers_it_is_accuracy_and_cross_entropy(
    prepared: Prepared,
    small_network: Callable[..., nn.Module],
    lesson: Callable[..., Lesson],
    batch_size: int,
):
    network = small_network(3, dropout=0.5).train()
    found = validate(network, lesson(), batch_size)
    rows = prepared.splits["validation"]
    pixels = torch.from_numpy(prepared.inputs(rows, ("image",))["image"])
    with torch.no_grad():
        logits = network.eval()(pixels).double().numpy()
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    truth = prepared.labels[rows]
    assert found["validation"] == pytest.approx((logits.argmax(1) == truth).mean())
    wanted = -logs[np.arange(len(rows)), truth].mean()
    assert found["validation_loss"] == pytest.approx(wanted, rel=1e-4)


class Vectors:
    """Says what it was told of each row."""

    def __init__(self, table: np.ndarray) -> None:
        self.table = torch.from_numpy(table)

    def of(self, rows: np.ndarray, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        return {"embedding": self.table[rows]}

    def announce(self, rows: np.ndarray) -> None:
        """Nothing to fetch."""


@pytest.mark.parametrize("batch_size", [1, 64])
def test_of_embeddings_it_is_the_cosine_to_the_teacher(texts: Prepared, batch_size: int):
    facts = replace(texts.facts, task="text-embedding", classes=())
    table = np.random.default_rng(0).normal(size=(len(texts), 5)).astype(np.float32)
    tokens = trained_tokens(["play the song in paris"], 100, 12)
    reading = Tokenised(tokens)
    rows = reading.over(replace(texts, facts=facts))
    objective = as_objective(EmbeddingCosine())
    lesson = Lesson(rows, reading.columns, Vectors(table), objective)
    assert lesson.gives == "embedding"
    torch.manual_seed(0)
    network = build(Blueprint("preset", "static-8-0", (tokens.size, 12), 5, reads="text"))
    found = validate(network, lesson, batch_size)
    part = texts.splits["validation"]
    batch = reading.arrays(texts.inputs(part, ("text",)))
    with torch.no_grad():
        ours = network.eval()(*map(torch.from_numpy, batch.values())).double().numpy()
    theirs = table[part].astype(np.float64)
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    wanted = ((ours * theirs).sum(1) / lengths).mean()
    assert found["validation"] == pytest.approx(wanted, abs=1e-5)
    assert found["validation_loss"] == pytest.approx(1 - wanted, abs=1e-5)


def test_of_scores_it_is_the_share_of_pairs_in_the_teachers_order():
    class Said:
        def of(self, rows: np.ndarray, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {"scores": torch.tensor([[3.0, 2.0, 1.0], [1.0, 1.0, 5.0]])}

    lesson = Lesson(None, (), Said(), None)  # type: ignore[arg-type]
    scores = torch.tensor([[9.0, 1.0, 2.0], [4.0, 0.0, 8.0]])
    merit, loss = JUDGES["scores"](scores, lesson, np.arange(2), {})
    assert merit == pytest.approx(2 / 3 + 1)
    assert loss > 0
    same = JUDGES["scores"](7 * Said().of(np.arange(2), {})["scores"] + 1, lesson, np.arange(2), {})
    assert same == pytest.approx((2.0, 0.0), abs=1e-5)


def test_where_a_row_may_have_several_classes_it_is_the_f1_of_the_row(tagged: Prepared):
    rows = tagged.splits["validation"]
    table = np.random.default_rng(0).normal(size=(len(tagged), 3)).astype(np.float32)
    table[rows[0]] = -1.0  # names none

    class Says(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused = nn.Parameter(torch.zeros(1))
            self.place = 0

        def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
            part = rows[self.place : self.place + len(ids)]
            self.place += len(ids)
            return torch.from_numpy(table[part])

    tokens = trained_tokens(["a b"], 300, 24)
    reading = Tokenised(tokens)
    lesson = Lesson(
        reading.over(tagged), reading.columns, Vectors(table), as_objective(HardBinaryLabels())
    )
    found = validate(Says(), lesson, 2)
    truth, said = tagged.labels[rows] > 0, table[rows] > 0
    f1 = 2 * (truth & said).sum(1) / (truth.sum(1) + said.sum(1))
    assert found["validation"] == pytest.approx(f1.mean())
    logits = table[rows].astype(np.float64)
    losses = np.logaddexp(0, logits) - logits * truth
    assert found["validation_loss"] == pytest.approx(losses.mean(), rel=1e-5)
