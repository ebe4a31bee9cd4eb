"""Our own objectives, put to the laws of `audit.py`, as `understudy doctor --losses` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from understudy.objectives import (
    OBJECTIVES,
    AlphaBeta,
    Corrected,
    HiddenFeatures,
    JensenShannon,
    SampledLabels,
    SkewedKl,
    SoftCrossEntropy,
    SoftLabels,
    SparseLabels,
    Term,
    as_objective,
    fused_loss,
    is_joint,
    recipe_name,
    rests_at_teacher,
)
from understudy.objectives.audit import (
    LAWS,
    TEMPERATURES,
    Claim,
    Law,
    Loss,
    Masked,
    Verdict,
    at_the_teacher,
    audit,
    half_precision,
    shift,
    twice_the_batch,
)
from understudy.objectives.binary import HardBinaryLabels, SoftBinaryLabels
from understudy.objectives.embeddings import Matryoshka
from understudy.objectives.labels import UNLABELLED
from understudy.objectives.rankings import ListwiseKl

SAY_KL: Mapping[str, Callable[[float], Term]] = {
    "soft_labels": SoftLabels,
    "soft_cross_entropy": SoftCrossEntropy,
    "skewed_kl, skew 0": lambda temperature: SkewedKl(0.0, temperature),
    "jensen_shannon, normalised, at 0": lambda temperature: JensenShannon(0.0, True, temperature),
    "alpha_beta (1, 0)": lambda temperature: AlphaBeta(1.0, 0.0, temperature),
    "corrected, teacher right": lambda temperature: Corrected(SoftLabels(temperature)),
    "listwise_kl, of scores": lambda temperature: ListwiseKl(temperature, temperature),
}
"""What is T**2 * KL(teacher || student) at every temperature, some at a limit of its knobs."""
SAY_KL_ONCE: Mapping[str, Term] = {
    "sparse_labels, all classes kept": SparseLabels(),
    "sampled_labels, endless draws": SampledLabels(),
}
"""What is KL(teacher || student) at temperature 1."""
TABLES: Mapping[str, tuple[str, ...]] = {
    "logits": (),
    "embedding": ("on embeddings",),
    "scores": ("on scores",),
}
"""What is said of a verdict on tables that are not logits."""


def audit_all() -> list[Verdict]:
    """A verdict on each objective: what says it is KL first, then all at their defaults.

    Terms that read embeddings or scores get two tables of those, and the laws that hold for them.
    What reads hidden features has laws of its own, in its tests.
    """
    found = [
        audit({each: as_loss(make(each)) for each in TEMPERATURES}, name=name)
        for name, make in SAY_KL.items()
    ]
    fused = {each: _fused(SoftLabels(each)) for each in TEMPERATURES}
    found.append(audit(fused, name="soft_labels, fused"))
    found += [audit(as_loss(term), name=name) for name, term in SAY_KL_ONCE.items()]
    done = (SoftLabels, SoftCrossEntropy, SparseLabels, SampledLabels, HiddenFeatures)
    for kind in OBJECTIVES:
        if kind in done:
            continue
        term, name = (
            Matryoshka(dimensions=(4,)) if kind is Matryoshka else kind(),
            recipe_name(kind),
        )
        claims: Claim = "zero" if rests_at_teacher(term) else "nothing"
        masked = _masked(term) if term.needs_labels else None
        laws = laws_of(term)
        verdict = audit(as_loss(term), name=name, claims=claims, masked=masked, laws=laws)
        found.append(replace(verdict, notes=TABLES[answer_of(term)] + verdict.notes))
    return found


def answer_of(term: Term) -> str:
    """What a term reads of the student: "embedding", "scores", or else "logits"."""
    return next((name for name in ("embedding", "scores") if name in term.reads), "logits")


def laws_of(term: Term) -> tuple[Law, ...]:
    """The laws of the audit that hold for a term, by what it reads.

    A constant added to a logit is no change to a softmax, but it is to a sigmoid, and to the rest.
    Embeddings and scores are one vector a row; where rows relate, a row's twin is a new neighbour.
    """
    if answer_of(term) == "logits":
        of_sigmoids = isinstance(term, SoftBinaryLabels | HardBinaryLabels)
        return tuple(law for law in LAWS if not (of_sigmoids and law is shift))
    always = (at_the_teacher, half_precision)
    return always if is_joint(term) else (*always, twice_the_batch)


def as_loss(term: Term) -> Loss:
    """A term as a loss of two tables of what it reads; the labels are what the teacher thinks."""

    def loss(student: Tensor, teacher: Tensor) -> Tensor:
        said = _said(teacher.flatten(0, -2))
        shown = {answer_of(term): student.flatten(0, -2)}
        return term.per_row(shown, said, _labels(term, said["logits"])).mean()

    return loss


def _masked(term: Term) -> Masked:
    """The same for a term that needs labels: a row is masked out by having none."""

    def loss(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
        labels = _labels(term, teacher)
        labels[~mask] = UNLABELLED
        counts = {"rows": len(mask), "labelled": int(mask.sum())}
        return as_objective(term).loss({"logits": student}, _said(teacher), labels, **counts)

    return loss


def _labels(term: Term, teacher: Tensor) -> Tensor:
    """What the teacher thinks: a class a row [B], or yes or no for each class [B, C]."""
    if isinstance(term, HardBinaryLabels):
        return (teacher > 0).long()
    return teacher.argmax(dim=-1)


def _fused(term: Term) -> Loss:
    def loss(student: Tensor, teacher: Tensor) -> Tensor:
        shown, said = {"logits": student.flatten(0, -2)}, _said(teacher.flatten(0, -2))
        labels = said["logits"].argmax(dim=-1)
        rows = len(labels)
        return fused_loss(as_objective(term), shown, said, labels, rows=rows, labelled=rows)

    return loss


def _said(teacher: Tensor) -> Mapping[str, Tensor]:
    """Everything that a teacher with these logits could have said, all of it kept."""
    said = torch.log_softmax(teacher.float(), dim=-1)
    ids = torch.arange(said.shape[-1]).expand_as(said)
    return {
        "logits": teacher,
        "embedding": teacher,
        "scores": teacher,
        "top_ids": ids,
        "top_log_probabilities": said,
        "sampled_ids": ids,
        "sampled_counts": said.exp(),
    }
