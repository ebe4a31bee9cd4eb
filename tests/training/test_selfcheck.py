"""Each check refuses its own fault, in its own words, and nothing is changed by asking."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.errors import RequestError
from understudy.objectives import (
    OBJECTIVES,
    Correlations,
    HardLabels,
    Objective,
    SoftLabels,
    as_objective,
    forward_kl,
    fused_loss,
)
from understudy.objectives.term import Composable
from understudy.store import Store
from understudy.students.tokens import trained_tokens
from understudy.tasks import Prepared
from understudy.tasks.reading import Tokenised
from understudy.teachers import NetworkTeacher
from understudy.training import selfcheck as module
from understudy.training.knowledge import Knowledge, Live, Nothing, Stored
from understudy.training.selfcheck import CHECKS, selfcheck
from understudy.training.step import Lesson

NAMES = tuple(check.__name__ for check in CHECKS)


class Around(nn.Module):
    """A network with something wrong with it."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.extra = nn.Parameter(torch.zeros(1))


class AlwaysDropping(Around):
    def forward(self, image: Tensor) -> Tensor:
        return functional.dropout(self.inner(image), 0.5)


class Mixing(Around):
    def forward(self, image: Tensor) -> Tensor:
        logits = self.inner(image)
        return logits - logits.mean(dim=0)


class TooNarrow(Around):
    def forward(self, image: Tensor) -> Tensor:
        return self.inner(image)[:, :9]


class NotFinite(Around):
    def forward(self, image: Tensor) -> Tensor:
        return self.inner(image) / self.extra


class SteepAtZero(Around):
    def forward(self, image: Tensor) -> Tensor:
        return self.inner(image) + self.extra.sqrt()


class Frozen(Around):
    def forward(self, image: Tensor) -> Tensor:
        return self.inner(image)

    def __init__(self, inner: nn.Module) -> None:
        super().__init__(inner)
        self.requires_grad_(False)


class Reordered(nn.Module):
    """Its outputs stand for the classes in another order."""

    def __init__(self, inner: nn.Module, order: str) -> None:
        super().__init__()
        self.inner = inner
        self.order = [int(name) for name in order]

    def forward(self, image: Tensor) -> Tensor:
        return self.inner(image)[:, self.order]


@pytest.mark.parametrize("objective", [term for term in OBJECTIVES if term.reads == ("logits",)])
def test_every_objective_on_logits_passes(
    lesson: Callable[..., Lesson],
    teacher: NetworkTeacher,
    small_network: Callable[..., nn.Module],
    objective: type,
):
    made = as_objective(objective()) + 0.1 * HardLabels()
    assert selfcheck(lesson(made), small_network(), teacher) == (*NAMES, "class_order")


def test_without_a_teacher_its_checks_are_passed_over(
    lesson: Callable[..., Lesson], small_network: Callable[..., nn.Module]
):
    control = lesson(as_objective(HardLabels()), Nothing())
    assert selfcheck(control, small_network(), None) == NAMES
    assert "class_order" not in NAMES


def test_lossy_knowledge_passes(
    lesson: Callable[..., Lesson],
    teacher: NetworkTeacher,
    small_network: Callable[..., nn.Module],
):
    class Rounded:
        def of(self, rows: np.ndarray, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
            said = teacher.answer(inputs)["logits"]
            step = said.abs().amax(dim=1, keepdim=True) / 127
            return {"logits": (said / step).round() * step}

        def announce(self, rows: np.ndarray) -> None: ...

    selfcheck(lesson(knowledge=Rounded()), small_network(), teacher)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (
            AlwaysDropping,
            "self-check: scored twice, the student gives different answers; something in it still "
            "acts as in training (dropout called without `training=self.training`?)",
        ),
        (
            Mixing,
            "self-check: a row alone and the same row in a batch get different answers; the "
            "student mixes rows when it scores (batch statistics in eval mode?)",
        ),
        (
            TooNarrow,
            "the student answers a table of shape (16, 9); expected 16 rows of 10 logits, one for "
            "each class of the data",
        ),
        (NotFinite, "the student's first answers are NaN or infinite; check how it begins"),
        (SteepAtZero, "self-check: the student's first gradient is NaN or infinite"),
        (Frozen, "self-check: no gradient reaches the student; is all of it frozen?"),
    ],
)
@pytest.mark.parametrize("objective", [0.9 * SoftLabels() + 0.1 * HardLabels(), HardLabels()])
def test_a_student_that_cannot_be_trained_is_told(
    lesson: Callable[..., Lesson],
    teacher: NetworkTeacher,
    small_network: Callable[..., nn.Module],
    fault: type[Around],
    told: str,
    objective: Objective,
):
    with pytest.raises(RequestError) as caught:
        selfcheck(lesson(as_objective(objective)), fault(small_network()), teacher)
    assert str(caught.value) == told


@pytest.mark.parametrize("order", ["1234567890", "0123456798"])
@pytest.mark.parametrize("live", [False, True])
def test_another_class_order_is_told_with_the_right_one(
    lesson: Callable[..., Lesson],
    prepared: Prepared,
    teacher: NetworkTeacher,
    small_network: Callable[..., nn.Module],
    live: bool,
    order: str,
):
    reordered = NetworkTeacher(Reordered(teacher.network, order))
    knowledge: Knowledge = Live(reordered, lesson().prepared)
    if not live:
        everything = {"image": torch.from_numpy(np.asarray(prepared.store.read("image", 0, 300)))}
        said = reordered.answer(everything)["logits"]

        class Table:
            def of(self, rows: np.ndarray, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
                return {"logits": said[rows]}

            def announce(self, rows: np.ndarray) -> None: ...

        knowledge = Table()
    with pytest.raises(RequestError) as caught:
        selfcheck(lesson(knowledge=knowledge), small_network(), reordered)
    found = re.fullmatch(
        r"the teacher is right on (\d+)% of the labelled rows, but on (\d+)% if its outputs stand "
        r"for \[(.*)\]: its class order differs from the data's; set data.classes to that list",
        str(caught.value),
    )
    assert found
    assert int(found[1]) < (20 if order == "1234567890" else 85)
    assert int(found[2]) > 90
    assert found[3].split(", ") == [*order]


def test_a_weak_teacher_is_not_taken_for_a_reordered_one(
    lesson: Callable[..., Lesson], small_network: Callable[..., nn.Module]
):
    untrained = NetworkTeacher(small_network(3, "mlp-128"))
    selfcheck(lesson(knowledge=Live(untrained, lesson().prepared)), small_network(), untrained)


def test_knowledge_of_another_teacher_is_told(
    lesson: Callable[..., Lesson], store: Store, small_network: Callable[..., nn.Module]
):
    other = NetworkTeacher(small_network(8, "mlp-32"))
    with pytest.raises(RequestError) as caught:
        selfcheck(lesson(), small_network(), other)
    assert re.fullmatch(
        r"self-check: the stored logits are not what this teacher says now \(they differ by "
        r"\d+(\.\d+)? of the largest\); delete the knowledge, or give the teacher it is of",
        str(caught.value),
    )


@dataclass(frozen=True)
class Shifted(Composable):
    """Not zero for a student that equals its teacher."""

    reads: ClassVar[tuple[str, ...]] = ("logits",)
    needs_labels: ClassVar[bool] = False

    def per_row(
        self, shown: Mapping[str, Tensor], said: Mapping[str, Tensor], labels: Tensor
    ) -> Tensor:
        return 2.5 + forward_kl(shown["logits"], said["logits"])


@dataclass(frozen=True)
class Grouped(Shifted):
    """Counts the rows that it happens to see."""

    def per_row(
        self, shown: Mapping[str, Tensor], said: Mapping[str, Tensor], labels: Tensor
    ) -> Tensor:
        return len(labels) * forward_kl(shown["logits"], said["logits"])


@dataclass(frozen=True)
class Ordered(Shifted):
    """Weighs rows by their place, and says that it is over pairs."""

    joint: ClassVar[bool] = True

    def per_row(
        self, shown: Mapping[str, Tensor], said: Mapping[str, Tensor], labels: Tensor
    ) -> Tensor:
        return torch.arange(len(labels)) * forward_kl(shown["logits"], said["logits"])


def test_a_term_that_is_not_zero_at_the_teacher_is_told(
    lesson: Callable[..., Lesson],
    teacher: NetworkTeacher,
    small_network: Callable[..., nn.Module],
):
    with pytest.raises(RequestError) as caught:
        selfcheck(lesson(Shifted() + HardLabels()), small_network(), teacher)
    assert str(caught.value) == (
        "self-check: Shifted is 2.5, not 0, for a student that equals its teacher; the loss is "
        "wrong"
    )


@pytest.mark.parametrize(
    ("term", "how"), [(Grouped(), "in micro-batches"), (Ordered(), "in another order")]
)
def test_a_term_that_depends_on_the_grouping_is_told(
    lesson: Callable[..., Lesson],
    teacher: NetworkTeacher,
    small_network: Callable[..., nn.Module],
    term: Shifted,
    how: str,
):
    with pytest.raises(RequestError) as caught:
        selfcheck(lesson(term + HardLabels()), small_network(), teacher)
    number = r"[\d.e+-]+"
    assert re.fullmatch(
        rf"self-check: the loss is {number} for a batch and {number} for the same rows {how}; the "
        "objective depends on how rows are grouped",
        str(caught.value),
    )


def test_a_term_over_pairs_may_depend_on_micro_batches(
    lesson: Callable[..., Lesson],
    teacher: NetworkTeacher,
    small_network: Callable[..., nn.Module],
):
    assert Correlations.joint
    selfcheck(lesson(as_objective(Correlations())), small_network(), teacher)


def wrong_loss(objective: Objective, *answers: object, **counts: int) -> Tensor:
    return 1.5 * fused_loss(objective, *answers, **counts)


def wrong_gradient(objective: Objective, *answers: object, **counts: int) -> Tensor:
    loss = fused_loss(objective, *answers, **counts)
    return 2 * loss - loss.detach()


@pytest.mark.parametrize("fault", [wrong_loss, wrong_gradient])
def test_a_fused_path_that_is_wrong_is_told(
    lesson: Callable[..., Lesson],
    teacher: NetworkTeacher,
    small_network: Callable[..., nn.Module],
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[..., Tensor],
):
    monkeypatch.setattr(module, "fused_loss", fault)
    with pytest.raises(RequestError) as caught:
        selfcheck(lesson(), small_network(), teacher)
    assert re.fullmatch(
        r"self-check: the fused path gives a loss of [\d.]+, the plain one [\d.]+; this is a fault "
        "of ours, please report it",
        str(caught.value),
    )


@pytest.mark.parametrize("fails", [False, True])
def test_the_student_and_the_random_state_stay_as_they_were(
    lesson: Callable[..., Lesson],
    store: Store,
    teacher: NetworkTeacher,
    small_network: Callable[..., nn.Module],
    fails: bool,
):
    student = small_network(0, "cnn-small", 0.5)
    before = {name: value.clone() for name, value in student.state_dict().items()}
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    if fails:
        with pytest.raises(RequestError):
            selfcheck(lesson(Shifted() + HardLabels()), student, teacher)
    else:
        selfcheck(lesson(), student, teacher)
    assert torch.equal(torch.rand(3), wanted)
    assert all(torch.equal(value, before[name]) for name, value in student.state_dict().items())
    assert all(weight.grad is None for weight in student.parameters())


def test_real_rows_are_taken_from_the_whole_training_part(
    lesson: Callable[..., Lesson],
    prepared: Prepared,
    store: Store,
    small_network: Callable[..., nn.Module],
):
    seen: list[np.ndarray] = []

    class Noting(Stored):
        def of(self, rows: np.ndarray, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
            seen.append(rows)
            return super().of(rows, inputs)

    selfcheck(lesson(knowledge=Noting(store, frozenset({"logits"}))), small_network(), None)
    train = prepared.splits["train"]
    assert (len(seen), len(seen[0])) == (1, 16)
    assert np.isin(seen[0], train).all()
    assert (seen[0][0], seen[0][-1]) == (train[0], train[-1])


class Table:
    """Knowledge that is a table."""

    def __init__(self, table: np.ndarray) -> None:
        self.table = torch.from_numpy(table.astype(np.float32))

    def of(self, rows: np.ndarray, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        return {"logits": self.table[rows]}

    def announce(self, rows: np.ndarray) -> None: ...


def test_another_order_of_classes_is_told_where_a_row_may_have_several(tagged: Prepared):
    reading = Tokenised(trained_tokens(["a b"], 300, 24))
    rows, marks = reading.over(tagged), tagged.labels
    right = 6.0 * marks - 3.0
    module.class_order(rows, Table(right), reading.columns)
    with pytest.raises(RequestError) as caught:
        module.class_order(rows, Table(right[:, [1, 2, 0]]), reading.columns)
    names = tagged.facts.classes
    assert f"[{names[1]}, {names[2]}, {names[0]}]" in str(caught.value)
