"""Stored and live answers are the same to whoever asks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from understudy.errors import RequestError
from understudy.store import Store
from understudy.students import Blueprint, build
from understudy.students.projection import Projection
from understudy.students.tokens import trained_tokens
from understudy.tasks import Prepared
from understudy.tasks.reading import Tokenised
from understudy.teachers import NetworkTeacher
from understudy.teachers.teacher import as_tensors
from understudy.training.knowledge import Knowledge, Live, Narrowed, Nothing, Stored

ROWS = np.array([0, 3, 61, 62, 299])


@pytest.fixture
def inputs(prepared: Prepared) -> dict[str, torch.Tensor]:
    return {"image": torch.from_numpy(prepared.inputs(ROWS, ("image",))["image"])}


def test_stored_and_live_answers_agree(
    teacher: NetworkTeacher, prepared: Prepared, store: Store, inputs: dict[str, torch.Tensor]
):
    fresh = teacher.answer(inputs)["logits"]
    made: list[Callable[[], Knowledge]] = [
        lambda: Stored(store, frozenset({"logits"})),
        lambda: Live(teacher, prepared),
    ]
    for make in made:
        said = make().of(ROWS, inputs)
        assert said.keys() == {"logits"}
        assert said["logits"].dtype == torch.float32
        torch.testing.assert_close(said["logits"], fresh, rtol=1e-5, atol=1e-5)


def test_stored_answers_are_those_of_the_rows_asked_for(
    store: Store, inputs: dict[str, torch.Tensor]
):
    said = Stored(store, frozenset({"logits"})).of(ROWS, inputs)["logits"]
    np.testing.assert_array_equal(said.numpy(), np.asarray(store.read("logits", 0, 300))[ROWS])


def test_a_name_that_was_not_recorded_is_told(store: Store, inputs: dict[str, torch.Tensor]):
    with pytest.raises(RequestError, match="has no column 'embedding'"):
        Stored(store, frozenset({"embedding"})).of(ROWS, inputs)


def test_embeddings_are_projected_as_they_are_read_and_the_rest_stays():
    class Said(Nothing):
        announced: object = None

        def of(self, rows: object, inputs: object) -> dict[str, torch.Tensor]:
            vectors = torch.tensor([[3.0, 4.0, 9.0]], dtype=torch.float16)
            return {"embedding": vectors, "tap/layer": vectors}

        def announce(self, rows: object) -> None:
            self.announced = rows

    whole = Said()
    narrow = Narrowed(whole, Projection.leading(3, 2))
    said = narrow.of(ROWS[:1], {})
    torch.testing.assert_close(said["embedding"], torch.tensor([[0.6, 0.8]]))
    assert said["tap/layer"].shape == (1, 3)
    narrow.announce(ROWS)
    assert whole.announced is ROWS


def test_live_answers_may_take_part_in_a_gradient(
    teacher: NetworkTeacher, prepared: Prepared, inputs: dict[str, torch.Tensor]
):
    said = Live(teacher, prepared).of(ROWS, inputs)["logits"]
    assert not said.requires_grad
    student = torch.zeros_like(said, requires_grad=True)
    (student * said).sum().backward()
    assert torch.equal(student.grad, said)


def test_nothing_says_nothing(inputs: dict[str, torch.Tensor]):
    assert Nothing().of(ROWS, inputs) == {}


def test_rows_can_be_announced(teacher: NetworkTeacher, prepared: Prepared, store: Store):
    for knowledge in (Nothing(), Live(teacher, prepared), Stored(store, frozenset({"logits"}))):
        knowledge.announce(ROWS)


def test_a_live_teacher_reads_through_its_own_tokenizer(texts: Prepared, asked: tuple):
    own = Tokenised(trained_tokens(asked[0], 300, 12))
    students = Tokenised(trained_tokens(["play the song in paris"], 70, 12))
    torch.manual_seed(0)
    network = build(Blueprint("preset", "static-8-0", (own.tokens.size, 12), 3, reads="text"))
    teacher = NetworkTeacher(network, texts.facts.classes, own)
    rows = np.array([0, 3, 61, 179])
    seen = students.over(texts)
    given = as_tensors(seen.inputs(rows, students.columns))
    assert given["ids"].shape != tuple(own.over(texts).inputs(rows, ("ids",))["ids"].shape)
    # The student's own rows are handed in, as a lesson does.
    said = Live(teacher, seen).of(rows, given)["logits"]
    raw = own.arrays(texts.inputs(rows, ("text",)))
    with torch.no_grad():
        wanted = network(*map(torch.from_numpy, raw.values()))
    torch.testing.assert_close(said, wanted)
    Live(teacher, seen).announce(rows)
