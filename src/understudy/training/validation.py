"""How good a network is on the validation rows, after each epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from understudy.objectives.binary import binary_cross_entropy
from understudy.objectives.rankings import listwise_kl
from understudy.training.step import Lesson, tensors

if TYPE_CHECKING:
    from understudy.tasks.prepared import IntArray

Judge = Callable[[Tensor, Lesson, "IntArray", Mapping[str, Tensor]], tuple[float, float]]
"""From a batch's answers to two sums over its rows: a merit, more is better, and a loss."""


def validate(network: nn.Module, lesson: Lesson, batch_size: int) -> dict[str, float]:
    """A merit and a loss, both means over the validation rows, in eval mode.

    Of classifiers these are accuracy and cross-entropy in nats; where a row may have several
    classes, its F1 (1 for none where none is right) and binary cross-entropy; of embeddings, the
    cosine to the teacher and 1 minus it; of scores, the share of a row's pairs that stand in the
    teacher's order, and the KL in nats to the teacher's softmax over the row, both standardised.
    """
    rows = lesson.prepared.splits["validation"]
    several = lesson.prepared.labels.ndim == 2
    judge = _against_sets if several else JUDGES[lesson.gives]
    device = next(network.parameters()).device
    merit, loss = 0.0, 0.0
    network.eval()
    with torch.inference_mode():
        for start in range(0, len(rows), 4 * batch_size):
            part = rows[start : start + 4 * batch_size]
            inputs = tensors(lesson.prepared.inputs(part, lesson.inputs), device)
            answers = network(*inputs.values()).float()
            gained, lost = judge(answers, lesson, part, inputs)
            merit, loss = merit + gained, loss + lost
    return {"validation": merit / len(rows), "validation_loss": loss / len(rows)}


def _against_labels(
    logits: Tensor, lesson: Lesson, rows: IntArray, inputs: Mapping[str, Tensor]
) -> tuple[float, float]:
    truth = torch.from_numpy(lesson.prepared.labels[rows]).to(logits.device)
    right = int((logits.argmax(dim=-1) == truth).sum())
    return right, float(nn.functional.cross_entropy(logits, truth, reduction="sum"))


def _against_sets(
    logits: Tensor, lesson: Lesson, rows: IntArray, inputs: Mapping[str, Tensor]
) -> tuple[float, float]:
    truth = torch.from_numpy(lesson.prepared.labels[rows]).to(logits.device)
    answered, wanted = logits > 0, truth > 0
    sizes = answered.sum(-1) + wanted.sum(-1)
    f1 = torch.where(sizes > 0, 2 * (answered & wanted).sum(-1) / sizes.clamp(min=1), 1.0)
    return float(f1.sum()), float(binary_cross_entropy(logits, truth).sum())


def _against_the_teacher(
    vectors: Tensor, lesson: Lesson, rows: IntArray, inputs: Mapping[str, Tensor]
) -> tuple[float, float]:
    theirs = lesson.knowledge.of(rows, inputs)["embedding"].float()
    cosine = float(nn.functional.cosine_similarity(vectors, theirs, dim=-1).sum())
    return cosine, len(rows) - cosine


def _in_the_teachers_order(
    scores: Tensor, lesson: Lesson, rows: IntArray, inputs: Mapping[str, Tensor]
) -> tuple[float, float]:
    theirs = lesson.knowledge.of(rows, inputs)["scores"].float()
    apart, mine = (each.unsqueeze(-1) - each.unsqueeze(-2) for each in (theirs, scores))
    above = apart > 0
    kept = (above & (mine > 0)).sum((-2, -1)) / above.sum((-2, -1)).clamp(min=1)
    loss = listwise_kl(scores, theirs, standardised="both")
    return float(kept.sum()), float(loss.sum())


JUDGES: Mapping[str, Judge] = {
    "logits": _against_labels,
    "embedding": _against_the_teacher,
    "scores": _in_the_teachers_order,
}
