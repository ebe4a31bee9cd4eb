"""The fused path gives the loss and the gradients of the plain one."""

from functools import partial

import pytest
import torch

from understudy.objectives import HardLabels, SoftLabels, as_objective, fused_loss

OBJECTIVES = {
    "both": 0.9 * SoftLabels(temperature=4) + 0.1 * HardLabels(),
    "soft alone": as_objective(SoftLabels(temperature=2)),
    "hard alone (no fused path)": as_objective(HardLabels()),
    "two soft (no fused path)": SoftLabels(1) + SoftLabels(4),
    "weight zero": 1.0 * SoftLabels(temperature=1) + 0.0 * HardLabels(),
}


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("classes", [2, 10, 300])
@pytest.mark.parametrize("unlabelled", [0, 3, 16])
def test_fused_equals_plain(name, classes, unlabelled):
    generator = torch.Generator().manual_seed(classes)
    student = (4 * torch.randn(16, classes, generator=generator)).requires_grad_()
    teacher = 4 * torch.randn(16, classes, generator=generator)
    labels = torch.randint(0, classes, (16,), generator=generator)
    labels[:unlabelled] = -1
    counts = {"rows": 16, "labelled": 16 - unlabelled}
    objective = OBJECTIVES[name]
    plain = objective.loss({"logits": student}, {"logits": teacher}, labels, **counts)
    fused = fused_loss(objective, {"logits": student}, {"logits": teacher}, labels, **counts)
    torch.testing.assert_close(fused, plain, rtol=1e-4, atol=1e-5)
    if plain.requires_grad:
        wanted, found = (torch.autograd.grad(loss, student)[0] for loss in (plain, fused))
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


def test_the_gradient_is_scaled_by_what_comes_from_above():
    student = torch.randn(4, 3, requires_grad=True)
    teacher, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    loss = fused_loss(
        OBJECTIVES["both"],
        {"logits": student},
        {"logits": teacher},
        labels,
        rows=4,
        labelled=4,
    )
    (once,) = torch.autograd.grad(loss, student, retain_graph=True)
    (thrice,) = torch.autograd.grad(3 * loss, student)
    torch.testing.assert_close(thrice, 3 * once)


def test_half_precision_logits_get_a_half_precision_gradient():
    student = torch.randn(4, 3).bfloat16().requires_grad_()
    loss = fused_loss(
        OBJECTIVES["both"],
        {"logits": student},
        {"logits": torch.randn(4, 3)},
        torch.tensor([0, 1, 2, 0]),
        rows=4,
        labelled=4,
    )
    loss.backward()
    assert student.grad.dtype == torch.bfloat16
    assert torch.isfinite(loss)


def test_a_class_that_is_ruled_out_gives_the_plain_path_s_number():
    student, teacher = torch.randn(4, 3), torch.randn(4, 3)
    student[:, 2] = teacher[:, 2] = -torch.inf
    student.requires_grad_()
    labels = torch.tensor([0, 1, 1, 0])
    both = [
        path({"logits": student}, {"logits": teacher}, labels, rows=4, labelled=4)
        for path in (OBJECTIVES["both"].loss, partial(fused_loss, OBJECTIVES["both"]))
    ]
    torch.testing.assert_close(both[0], both[1])
    assert bool(torch.isfinite(torch.autograd.grad(both[1], student)[0]).all())
