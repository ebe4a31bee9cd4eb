"""The fused path: soft and hard labels in one step, with the gradient made in the forward pass.

Autograd would record some two dozen operations on [B, C] for the two terms; this is a dozen, and
none of them is recorded. The self-check holds the result against the plain path before training.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from understudy.objectives.labels import UNLABELLED, HardLabels, SoftLabels
from understudy.objectives.probabilities import log_probabilities
from understudy.objectives.term import Answers, Objective, settled


def fused_loss(
    objective: Objective,
    shown: Answers,
    said: Answers,
    labels: Tensor,
    *,
    rows: int,
    labelled: int,
) -> Tensor:
    """The same number as `objective.loss`, and by that very path where no fused one exists."""
    parts = _soft_and_hard(objective)
    if parts is None:
        return objective.loss(shown, said, labels, rows=rows, labelled=labelled)
    temperature, soft, hard = parts
    loss: Tensor = _LabelsLoss.apply(  # type: ignore[no-untyped-call]
        shown["logits"],
        said["logits"],
        labels,
        temperature,
        soft / rows,
        hard / labelled if labelled else 0.0,
    )
    return loss


def _soft_and_hard(objective: Objective) -> tuple[float, float, float] | None:
    """(temperature, soft weight, hard weight) of one soft term with at most one hard one."""
    soft = [part for part in objective.terms if type(part.term) is SoftLabels]
    hard = [part for part in objective.terms if type(part.term) is HardLabels]
    if len(soft) != 1 or len(hard) > 1 or len(soft) + len(hard) != len(objective.terms):
        return None
    temperature = settled(soft[0].term.temperature)  # type: ignore[attr-defined]
    return temperature, settled(soft[0].weight), sum(settled(part.weight) for part in hard)


class _LabelsLoss(torch.autograd.Function):
    """soft * sum of T**2 KL + hard * sum of cross-entropy over [B, C], as one number.

    Gradients: T (p_T - q_T) of the soft term, p - onehot(label) of the hard one.
    """

    @staticmethod
    def forward(
        ctx: Any,
        student: Tensor,
        teacher: Tensor,
        labels: Tensor,
        temperature: float,
        soft: float,
        hard: float,
    ) -> Tensor:
        logits = student.detach().float()
        shown = log_probabilities(logits, temperature=temperature)
        said = log_probabilities(teacher.float(), temperature=temperature)
        target = said.exp()
        loss = soft * temperature**2 * torch.sum(target * (said - shown))
        gradient = (shown.exp_() - target).mul_(soft * temperature)
        if hard:
            plain = log_probabilities(logits)
            index = labels.clamp(min=0).unsqueeze(1)
            scale = (labels != UNLABELLED).to(plain.dtype).mul_(hard).unsqueeze(1)
            loss = loss - torch.sum(plain.gather(1, index) * scale)
            gradient += plain.exp_() * scale
            gradient.scatter_add_(1, index, -scale)
        ctx.save_for_backward(gradient.to(student.dtype))
        return loss

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return gradient * upstream[0], None, None, None, None, None
