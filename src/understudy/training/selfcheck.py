"""Proof, in seconds and on real rows, that what is about to be trained is what was meant.

Each check is one function that raises a RequestError; `CHECKS` lists them in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from understudy.data.labels import has_label
from understudy.errors import RequestError
from understudy.objectives import Objective, fused_loss, is_joint, mirrored, rests_at_teacher
from understudy.tasks.prepared import spread
from understudy.teachers.teacher import is_repeatable
from understudy.training.knowledge import Knowledge, Live
from understudy.training.learner import learner_of
from understudy.training.step import Lesson, answers_of, tensors

if TYPE_CHECKING:
    from understudy.tasks.prepared import Prepared
    from understudy.teachers import Teacher

ROWS = 16
ORDER_ROWS = 2000


@dataclass(frozen=True)
class Bench:
    """A few real rows, and everything that will meet in training."""

    prepared: Prepared
    inputs: Mapping[str, Tensor]
    rows: Any
    labels: Tensor
    said: Mapping[str, Tensor]
    student: nn.Module
    learner: nn.Module
    """The student, or the student with what is learnt beside it."""
    teacher: Teacher | None
    objective: Objective
    classes: tuple[str, ...]
    gives: str

    @property
    def counts(self) -> dict[str, int]:
        known = has_label(self.labels.numpy())
        return {"rows": len(known), "labelled": int(known.sum())}


def selfcheck(lesson: Lesson, student: nn.Module, teacher: Teacher | None) -> tuple[str, ...]:
    """Run every check, leaving weights, buffers and random state as they were.

    Returns the names of the checks. Raises: RequestError at the first that fails.
    """
    state = {name: value.clone() for name, value in student.state_dict().items()}
    random = torch.get_rng_state()
    rows = spread(lesson.rows(), ROWS)
    inputs = tensors(lesson.prepared.inputs(rows, lesson.inputs), "cpu")
    bench = Bench(
        prepared=lesson.prepared,
        inputs=inputs,
        rows=rows,
        labels=torch.from_numpy(lesson.prepared.labels[rows]),
        said=lesson.knowledge.of(rows, inputs),
        student=student,
        learner=learner_of(student, lesson, seed=0),
        teacher=teacher,
        objective=lesson.objective,
        classes=lesson.prepared.facts.classes,
        gives=lesson.gives,
    )
    try:
        for check in CHECKS:
            check(bench)
        if teacher is not None and lesson.gives == "logits":
            class_order(lesson.prepared, lesson.knowledge, lesson.inputs)
    finally:
        student.load_state_dict(state)
        student.zero_grad(set_to_none=True)
        torch.set_rng_state(random)
    ordered = teacher is not None and lesson.gives == "logits"
    return tuple(check.__name__ for check in CHECKS) + (("class_order",) if ordered else ())


def knowledge_is_this_teachers(bench: Bench) -> None:
    """Stored answers equal fresh ones on these rows."""
    if bench.teacher is None or not is_repeatable(bench.teacher):
        return
    fresh = Live(bench.teacher, bench.prepared).of(bench.rows, bench.inputs)
    for name in bench.objective.reads:
        stored, now = bench.said[name].float(), fresh[name].float()
        error = float((stored - now).abs().max()) / max(1.0, float(now.abs().max()))
        if not error <= 0.02:
            raise RequestError(
                f"self-check: the stored {name} are not what this teacher says now (they differ by "
                f"{error:.2g} of the largest); delete the knowledge, or give the teacher it is of"
            )


def student_answers_every_class(bench: Bench) -> None:
    """The student gives one finite logit a class."""
    logits = _answer(bench, bench.inputs)
    if bench.gives == "logits" and (logits.ndim != 2 or logits.shape[1] != len(bench.classes)):
        raise RequestError(
            f"the student answers a table of shape {tuple(logits.shape)}; expected "
            f"{len(logits)} rows of {len(bench.classes)} logits, one for each class of the data"
        )
    if not bool(torch.isfinite(logits).all()):
        raise RequestError("the student's first answers are NaN or infinite; check how it begins")


def student_scores_alike_twice(bench: Bench) -> None:
    """In eval mode an answer is repeatable and does not depend on the other rows of the batch."""
    first, second = (_answer(bench, bench.inputs) for _ in range(2))
    alone = _answer(bench, {name: value[:1] for name, value in bench.inputs.items()})
    if not torch.equal(first, second):
        raise RequestError(
            "self-check: scored twice, the student gives different answers; something in it still "
            "acts as in training (dropout called without `training=self.training`?)"
        )
    if not torch.allclose(alone, first[:1], rtol=1e-3, atol=1e-4):
        raise RequestError(
            "self-check: a row alone and the same row in a batch get different answers; the "
            "student mixes rows when it scores (batch statistics in eval mode?)"
        )


def equal_to_the_teacher_costs_nothing(bench: Bench) -> None:
    """A student that says what its teacher says has no loss, but in terms that say otherwise."""
    for part in bench.objective.terms:
        if not rests_at_teacher(part.term):
            continue
        equal = mirrored(part.term, bench.said)
        worst = float(part.term.per_row(equal, bench.said, bench.labels).abs().max())
        if not worst <= 1e-4:
            raise RequestError(
                f"self-check: {type(part.term).__name__} is {worst:.2g}, not 0, for a student that "
                "equals its teacher; the loss is wrong"
            )


def parts_add_up(bench: Bench) -> None:
    """Two micro-batches, and rows in another order, give the loss of the whole batch.

    Terms over pairs of rows say that they are joint: they may depend on micro-batches.
    """
    shown = _answers(bench.learner, bench.inputs, bench.gives)
    middle = len(bench.labels) // 2
    halves = [slice(middle), slice(middle, None)]
    reverse = [list(range(len(bench.labels)))[::-1]]
    terms = bench.objective.terms
    separable = tuple(part for part in terms if not is_joint(part.term))
    cases = (("in another order", terms, reverse), ("in micro-batches", separable, halves))
    for what, some, parts in cases:
        if not some:
            continue
        part_of = replace(bench, objective=Objective(some))
        whole = _loss(part_of, shown, slice(None))
        other = torch.stack([_loss(part_of, shown, part) for part in parts]).sum()
        if not torch.allclose(whole, other, rtol=1e-4, atol=1e-6):
            raise RequestError(
                f"self-check: the loss is {float(whole):.6g} for a batch and {float(other):.6g} "
                f"for the same rows {what}; the objective depends on how rows are grouped"
            )


def fused_path_is_right(bench: Bench) -> None:
    """The fused path gives the loss and the gradient of the plain one."""
    shown = _answers(bench.learner, bench.inputs, bench.gives)
    found = []
    for path in (bench.objective.loss, _fused(bench.objective)):
        copies = {name: value.clone().requires_grad_() for name, value in shown.items()}
        loss = path(copies, bench.said, bench.labels, **bench.counts)
        gradients = torch.autograd.grad(
            loss, list(copies.values()), allow_unused=True, materialize_grads=True
        )
        found.append((loss.detach(), torch.cat([each.flatten() for each in gradients])))
    (plain, slope), (fused, fused_slope) = found
    close = torch.allclose(plain, fused, rtol=1e-4, atol=1e-6)
    if not (close and torch.allclose(slope, fused_slope, rtol=1e-3, atol=1e-6)):
        raise RequestError(
            f"self-check: the fused path gives a loss of {float(fused):.6g}, the plain one "
            f"{float(plain):.6g}; this is a fault of ours, please report it"
        )


def student_can_learn(bench: Bench) -> None:
    """The loss is finite, and its gradient reaches the student."""
    bench.learner.train()
    shown = answers_of(bench.learner(*bench.inputs.values()), bench.gives)
    loss = fused_loss(bench.objective, shown, bench.said, bench.labels, **bench.counts)
    if loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]
    bench.student.eval()
    given = [weight.grad for weight in bench.student.parameters() if weight.grad is not None]
    slopes = [slope.to_dense() if slope.is_sparse else slope for slope in given]
    if not slopes or not any(bool(slope.abs().sum() > 0) for slope in slopes):
        raise RequestError("self-check: no gradient reaches the student; is all of it frozen?")
    if not all(bool(torch.isfinite(slope).all()) for slope in slopes):
        raise RequestError("self-check: the student's first gradient is NaN or infinite")


CHECKS: tuple[Callable[[Bench], None], ...] = (
    student_answers_every_class,
    student_scores_alike_twice,
    knowledge_is_this_teachers,
    equal_to_the_teacher_costs_nothing,
    parts_add_up,
    fused_path_is_right,
    student_can_learn,
)


def class_order(prepared: Prepared, knowledge: Knowledge, inputs: tuple[str, ...]) -> None:
    """The teacher's outputs stand in the order of the data's classes.

    Else the best renaming of its outputs would mend two in five of its errors or more, and a tenth
    of all rows. Raises: RequestError with that renaming.
    """
    from scipy.optimize import linear_sum_assignment

    rows = np.sort(np.concatenate([prepared.splits["train"], prepared.splits["validation"]]))
    rows = spread(rows[prepared.labelled[rows]], ORDER_ROWS)
    given = tensors(prepared.inputs(rows, inputs), "cpu")
    said = knowledge.of(rows, given)["logits"].numpy()
    truth, classes = prepared.labels[rows], prepared.facts.classes
    fits = _fit_of_sets(said, truth) if truth.ndim == 2 else _fit_of_classes(said, truth)
    outputs, meant = linear_sum_assignment(-fits)
    as_given, renamed = np.trace(fits), fits[outputs, meant].sum()
    if renamed - as_given > max(0.1, 0.4 * (1 - as_given)):
        order = ", ".join(classes[index] for index in meant)
        raise RequestError(
            f"the teacher is right on {as_given:.0%} of the labelled rows, but on {renamed:.0%} if "
            f"its outputs stand for [{order}]: its class order differs from the data's; "
            "set data.classes to that list"
        )


def _fit_of_classes(said: Any, truth: Any) -> Any:
    """The share of rows where output i is the largest and class j the label. -> [C, C]."""
    counts = np.zeros((said.shape[1], said.shape[1]))
    np.add.at(counts, (said.argmax(axis=1), truth), 1 / len(truth))
    return counts


def _fit_of_sets(said: Any, truth: Any) -> Any:
    """The F1 of output i as the answer to class j, each by its part of all classes. -> [C, C]."""
    answered, wanted = (said > 0).astype(float), truth.astype(float)
    both, sizes = answered.T @ wanted, answered.sum(0)[:, None] + wanted.sum(0)
    return 2 * both / np.maximum(sizes, 1) / truth.shape[1]


def _answer(bench: Bench, inputs: Mapping[str, Tensor]) -> Tensor:
    return _answers(bench.student, inputs, bench.gives)[bench.gives]


def _answers(network: nn.Module, inputs: Mapping[str, Tensor], gives: str) -> dict[str, Tensor]:
    network.eval()
    with torch.no_grad():
        shown = answers_of(network(*inputs.values()), gives)
    return {name: value.float() for name, value in shown.items()}


def _loss(bench: Bench, shown: Mapping[str, Tensor], part: slice | list[int]) -> Tensor:
    return fused_loss(
        bench.objective,
        {name: value[part] for name, value in shown.items()},
        {name: value[part] for name, value in bench.said.items()},
        bench.labels[part],
        **bench.counts,
    )


def _fused(objective: Objective) -> Callable[..., Tensor]:
    def path(
        shown: Mapping[str, Tensor], said: Mapping[str, Tensor], labels: Tensor, **counts: int
    ) -> Tensor:
        return fused_loss(objective, shown, said, labels, **counts)

    return path
