"""The fused path: soft and hard labels in one step, with the gradient made in the forward pass.

Autograd would record some two dozen operations on [B, C] for the two terms; this is a dozen, and
none of them is recorded. The self-check holds the result against the plain path before training.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from understudy.objectives.labels import UNLABELLED, HardLabels, SoftLabels
from understudy.objectives.probabilities import LEAST
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
        labelled == rows,
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
        all_labelled: bool,
    ) -> Tensor:
        # Minus infinity rules a class out; bounded, its probability is still exactly 0.
        logits, other = (side.detach().float().clamp(min=LEAST) for side in (student, teacher))
        shown, said = (torch.log_softmax(side / temperature, -1) for side in (logits, other))
        apart = said - shown
        target = said.exp_()
        loss = torch.dot(target.flatten(), apart.flatten()).mul_(soft * temperature**2)
        gradient = shown.exp_().sub_(target).mul_(soft * temperature)
        if hard:
            plain = torch.log_softmax(logits, -1)
            nats = functional.nll_loss(plain, labels, reduction="sum", ignore_index=UNLABELLED)
            loss.add_(nats, alpha=hard)
            slope = plain.exp_()
            # Every row's own class; a row without a label is given class 0, and masked below.
            index = labels if all_labelled else labels.clamp(min=0)
            slope.scatter_add_(1, index.unsqueeze(1), slope.new_full((len(slope), 1), -1.0))
            if not all_labelled:
                slope *= (labels != UNLABELLED).unsqueeze(1)
            gradient.add_(slope, alpha=hard)
        ctx.save_for_backward(gradient.to(student.dtype))
        return loss

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return gradient * upstream[0], None, None, None, None, None, None
