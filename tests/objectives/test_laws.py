"""What holds for every objective in the table, whoever wrote it.

The laws of what reads hidden features, which are not about logits, are in `test_hidden.py`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import is_dataclass

import pytest
import torch

import understudy.objectives
from understudy.objectives import (
    OBJECTIVES,
    AlphaBeta,
    Corrected,
    HiddenFeatures,
    JensenShannon,
    SkewedKl,
    SkewedReverseKl,
    SoftCrossEntropy,
    SoftLabels,
    Term,
    as_objective,
    fused_loss,
    is_joint,
    recipe_name,
    rests_at_teacher,
)
from understudy.objectives.audited import answer_of
from understudy.objectives.binary import HardBinaryLabels, SoftBinaryLabels
from understudy.objectives.embeddings import (
    ContrastiveEmbedding,
    EmbeddingSquaredError,
    Matryoshka,
    SimilarityKl,
    SoftContrastiveEmbedding,
)
from understudy.objectives.rankings import ListwiseKl, MarginMse, RankNet, ScoreSquaredError

TERMS: list[Term] = [
    *(kind() for kind in OBJECTIVES if kind not in (HiddenFeatures, Matryoshka)),
    JensenShannon(1, normalised=True, temperature=2.0),
    SkewedKl(0.0),
    SkewedReverseKl(0.0),
    AlphaBeta(1, 0),
    AlphaBeta(0, 1),
    AlphaBeta(0, 0),
    Corrected(),
    Corrected(SoftLabels(2.0), "keep"),
    Corrected(SoftLabels(2.0), "skip", confidence=2.0),
    Corrected(SoftLabels(2.0), "trust the label"),
    SoftBinaryLabels(3.0),
    Matryoshka(dimensions=(2,)),
    Matryoshka(EmbeddingSquaredError(), (1, 2), (0.5, 0)),
    Matryoshka(SimilarityKl(0.5), (2,)),
    Matryoshka(SoftContrastiveEmbedding(0.5), (2,)),
    ListwiseKl(2.0, 2.0),
    ListwiseKl(0.5, 2.0, "teacher"),
    ListwiseKl(0.5, 0.5, "both"),
    RankNet(top_heavy=True),
]
SIGMOIDS = (SoftBinaryLabels, HardBinaryLabels)
every_term = pytest.mark.parametrize("term", TERMS, ids=repr)
row_by_row = pytest.mark.parametrize(
    "term", [term for term in TERMS if not is_joint(term)], ids=repr
)


def batch(term, rows=12, classes=7, spread=3.0):
    """Two tables of what the term reads, and labels: one a row, or a yes or no a class."""
    generator = torch.Generator().manual_seed(rows * classes)
    student, teacher = spread * torch.randn(2, rows, classes, generator=generator)
    labels = torch.randint(0, classes, (rows,), generator=generator)
    if isinstance(term, HardBinaryLabels):
        labels = torch.randint(0, 2, (rows, classes), generator=generator)
    labels[3::4] = -1
    return student, teacher, labels


def shown_by(term, student):
    return {answer_of(term): student}


def labelled_rows(labels):
    return (labels >= 0).reshape(len(labels), -1).any(dim=1)


def loss_of(term, student, said, labels):
    counts = {"rows": len(labels), "labelled": int(labelled_rows(labels).sum())}
    return as_objective(term).loss(shown_by(term, student), said, labels, **counts)


@pytest.mark.parametrize("term", [term for term in TERMS if rests_at_teacher(term)], ids=repr)
def test_a_student_equal_to_its_teacher_has_no_loss_and_no_gradient(term, said_by):
    _, teacher, labels = batch(term)
    shown = teacher.clone().requires_grad_()
    values = term.per_row(shown_by(term, shown), said_by(term, teacher), labels)
    values.sum().backward()
    assert values.abs().max() < 1e-5
    assert shown.grad.abs().max() < 1e-5


def test_soft_cross_entropy_rests_at_the_teacher_with_its_entropy():
    term = SoftCrossEntropy()
    _, teacher, labels = batch(term)
    shown = teacher.clone().requires_grad_()
    values = term.per_row({"logits": shown}, {"logits": teacher}, labels)
    values.sum().backward()
    torch.testing.assert_close(
        values.detach(), torch.distributions.Categorical(logits=teacher).entropy()
    )
    assert shown.grad.abs().max() < 1e-5


@every_term
def test_a_step_along_the_gradient_lowers_the_loss(term, said_by):
    student, teacher, labels = batch(term)
    said = said_by(term, teacher)
    shown = student.clone().requires_grad_()
    before = loss_of(term, shown, said, labels)
    (slope,) = torch.autograd.grad(before, shown)
    after = loss_of(term, student - 1e-3 * slope / slope.norm(), said, labels)
    assert slope.norm() > 1e-4
    assert after < before


MEANT_AS_THEY_ARE = (*SIGMOIDS, ScoreSquaredError)
"""What learns logits or scores by their level."""


@pytest.mark.parametrize(
    "term",
    [
        term
        for term in TERMS
        if answer_of(term) != "embedding" and not isinstance(term, MEANT_AS_THEY_ARE)
    ],
    ids=repr,
)
def test_a_constant_added_to_the_logits_or_scores_of_a_row_changes_nothing(term, said_by):
    student, teacher, labels = batch(term)
    plain = term.per_row(shown_by(term, student), said_by(term, teacher), labels)
    moved = term.per_row(shown_by(term, student + 5), said_by(term, teacher - 3), labels)
    torch.testing.assert_close(moved, plain, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("term", [term for term in TERMS if isinstance(term, MEANT_AS_THEY_ARE)])
def test_what_is_meant_as_it_is_sees_a_constant(term, said_by):
    student, teacher, labels = batch(term)
    plain = term.per_row(shown_by(term, student), said_by(term, teacher), labels)
    moved = term.per_row(shown_by(term, student + 5), said_by(term, teacher), labels)
    counted = labelled_rows(labels) | (not term.needs_labels)
    assert ((moved - plain)[counted].abs() > 0.01).all()


def length_counts(term):
    return isinstance(getattr(term, "term", term), EmbeddingSquaredError)


@pytest.mark.parametrize(
    "term",
    [term for term in TERMS if answer_of(term) == "embedding" and not length_counts(term)],
    ids=repr,
)
def test_the_length_of_embeddings_does_not_matter(term, said_by):
    student, teacher, labels = batch(term)
    plain = term.per_row(shown_by(term, student), said_by(term, teacher), labels)
    longer = torch.arange(1.0, 13).unsqueeze(1)
    moved = term.per_row(shown_by(term, longer * student), said_by(term, teacher / 4), labels)
    torch.testing.assert_close(moved, plain, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "term",
    [
        term
        for term in TERMS
        if set(term.reads) <= {"logits", "embedding", "scores"}
        and not isinstance(term, Matryoshka | MarginMse)  # whose first places are others
    ],
    ids=repr,
)
def test_the_order_of_classes_dimensions_and_candidates_does_not_matter(term, said_by):
    student, teacher, labels = batch(term)
    order = torch.randperm(7, generator=torch.Generator().manual_seed(0))
    if labels.ndim == 2:
        renamed = labels[:, order]
    else:
        renamed = torch.where(labels < 0, labels, order.argsort()[labels.clamp(min=0)])
    plain = term.per_row(shown_by(term, student), said_by(term, teacher), labels)
    other = term.per_row(
        shown_by(term, student[:, order]), said_by(term, teacher[:, order]), renamed
    )
    torch.testing.assert_close(other, plain, rtol=1e-4, atol=1e-5)


@every_term
def test_the_order_of_the_rows_does_not_matter(term, said_by):
    student, teacher, labels = batch(term)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    said = said_by(term, teacher)
    plain = term.per_row(shown_by(term, student), said, labels)
    moved = {name: value[order] for name, value in said.items()}
    other = term.per_row(shown_by(term, student[order]), moved, labels[order])
    torch.testing.assert_close(other, plain[order], rtol=1e-4, atol=1e-5)


@row_by_row
def test_a_row_alone_and_micro_batches_give_the_same(term, said_by):
    student, teacher, labels = batch(term)
    said = said_by(term, teacher)

    def part(rows):
        shown = shown_by(term, student[rows])
        return shown, {name: value[rows] for name, value in said.items()}, labels[rows]

    together = term.per_row(*part(slice(None)))
    torch.testing.assert_close(term.per_row(*part(slice(3, 4)))[0], together[3])
    counts = {"rows": 12, "labelled": int(labelled_rows(labels).sum())}
    objective = as_objective(term)
    halves = [objective.loss(*part(rows), **counts) for rows in (slice(5), slice(5, None))]
    torch.testing.assert_close(sum(halves), objective.loss(*part(slice(None)), **counts))


@pytest.mark.parametrize("term", [term for term in TERMS if is_joint(term)], ids=repr)
def test_a_term_that_is_joint_does_depend_on_its_neighbours(term, said_by):
    student, teacher, labels = batch(term)
    said = said_by(term, teacher)
    together = term.per_row(shown_by(term, student), said, labels)
    part = {name: value[3:6] for name, value in said.items()}
    apart = term.per_row(shown_by(term, student[3:6]), part, labels[3:6])
    assert float(((apart - together[3:6]) / together[3:6]).abs().max()) > 0.1


TWINS_ARE_NEIGHBOURS = (ContrastiveEmbedding, SimilarityKl)
"""What picks among the other rows of a batch, where a row's twin is one more to pick."""


@pytest.mark.parametrize(
    "term",
    [t for t in TERMS if not isinstance(getattr(t, "term", t), TWINS_ARE_NEIGHBOURS)],
    ids=repr,
)
def test_a_batch_given_twice_has_the_same_loss(term, said_by):
    student, teacher, labels = batch(term)
    said = said_by(term, teacher)
    twice = {name: value.repeat(2, 1) for name, value in said.items()}
    once = loss_of(term, student, said, labels)
    both = loss_of(term, student.repeat(2, 1), twice, torch.cat([labels, labels]))
    torch.testing.assert_close(both, once, rtol=1e-4, atol=1e-6)


@every_term
def test_rows_without_a_label_count_unless_labels_are_needed(term, said_by):
    student, teacher, labels = batch(term)
    said = said_by(term, teacher)
    if not term.needs_labels:
        assert (term.per_row(shown_by(term, student), said, labels)[3::4] > 0).all()
        return
    labelled = labelled_rows(labels)
    kept = {name: value[labelled] for name, value in said.items()}
    torch.testing.assert_close(
        loss_of(term, student, said, labels),
        loss_of(term, student[labelled], kept, labels[labelled]),
    )


@every_term
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_give_the_number_of_the_same_logits_in_float32(term, dtype, said_by):
    student, teacher, labels = batch(term)
    student, teacher = student.to(dtype), teacher.to(dtype)
    shown = student.clone().requires_grad_()
    said = said_by(term, teacher)
    values = term.per_row(shown_by(term, shown), said, labels)
    values.sum().backward()
    wide = {
        name: value.float() if value.is_floating_point() else value for name, value in said.items()
    }
    wanted = term.per_row(shown_by(term, student.float()), wide, labels)
    torch.testing.assert_close(values.detach().float(), wanted, rtol=1e-4, atol=1e-5)
    assert shown.grad.dtype == dtype
    assert torch.isfinite(shown.grad).all()


@every_term
@pytest.mark.parametrize(
    ("rows", "classes", "labelled"),
    [(1, 2, True), (1, 7, True), (12, 2, True), (12, 7, False), (1, 2, False), (3, 1000, True)],
)
@pytest.mark.parametrize("spread", [3.0, 300.0, 0.0])
def test_small_batches_and_extreme_logits_are_finite(
    term, rows, classes, labelled, spread, said_by
):
    student, teacher, labels = batch(term, rows, classes, spread)
    labels = labels if labelled else torch.full_like(labels, -1)
    shown = student.clone().requires_grad_()
    values = term.per_row(shown_by(term, shown), said_by(term, teacher), labels)
    loss = loss_of(term, shown, said_by(term, teacher), labels)
    values.sum().backward()
    assert values.shape == (rows,)
    assert torch.isfinite(values).all()
    assert torch.isfinite(loss)
    assert torch.isfinite(shown.grad).all()


@every_term
def test_the_fused_path_gives_the_plain_loss(term, said_by):
    student, teacher, labels = batch(term)
    counts = {"rows": 12, "labelled": int(labelled_rows(labels).sum())}
    said = said_by(term, teacher)
    fused = fused_loss(as_objective(term), shown_by(term, student), said, labels, **counts)
    torch.testing.assert_close(fused, loss_of(term, student, said, labels), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_a_choice_is_a_frozen_record_that_says_what_it_reads(kind):
    assert is_dataclass(kind)
    assert kind.__dataclass_params__.frozen
    assert kind.__doc__ and not kind.__doc__.startswith(kind.__name__ + "(")
    assert "Shapes:" in kind.per_row.__doc__
    assert isinstance(kind().reads, tuple)
    assert kind() == kind()


def test_names_in_a_recipe_are_unique():
    names = [recipe_name(kind) for kind in OBJECTIVES]
    assert len(set(names)) == len(names)


MODULES = [
    importlib.import_module(f"understudy.objectives.{module.name}")
    for module in pkgutil.iter_modules(understudy.objectives.__path__)
    if module.name not in ("audit", "audited", "catalogue", "fused", "notes")
]
FORMULAS = [
    function
    for module in MODULES
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__
    and not name.startswith("_")
    and inspect.signature(function).return_annotation == "Tensor"
]


def test_formulas_are_found():
    assert {"forward_kl", "sparse_kl", "similarity_kl", "list_mle", "sigmoid_kl"} <= {
        each.__name__ for each in FORMULAS
    }


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.__name__)
def test_every_formula_states_its_shapes_its_zero_or_limits_and_its_source(formula):
    text = inspect.getdoc(formula)
    assert "Shapes: " in text
    assert "Zero: " in text or "Limits: " in text
    assert "Source: " in text
