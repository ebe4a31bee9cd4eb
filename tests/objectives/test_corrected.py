import numpy as np
import pytest
import torch

from understudy.objectives import Corrected, ReverseKl, SoftLabels, cross_entropy
from understudy.objectives.corrected import blended, confidence_weight

TEACHER = torch.tensor([[3.0, 0.0, -1.0], [3.0, 0.0, -1.0], [0.0, 2.0, 1.0]])
LABELS = torch.tensor([0, 1, -1])
"""The teacher is right, wrong, and not judged."""
STUDENT = torch.tensor([[1.0, 0.5, 0.0], [0.2, 0.1, 0.0], [0.0, 0.0, 1.0]])


def values(term, student=STUDENT):
    return term.per_row({"logits": student}, {"logits": TEACHER}, LABELS)


@pytest.mark.parametrize("inner", [SoftLabels(2.0), ReverseKl()])
@pytest.mark.parametrize("when_wrong", ["keep", "blend", "skip", "trust the label"])
def test_only_the_contradicted_row_changes(inner, when_wrong):
    plain, found = values(inner), values(Corrected(inner, when_wrong))
    torch.testing.assert_close(found[[0, 2]], plain[[0, 2]])
    assert (float(found[1]) == pytest.approx(float(plain[1]))) == (when_wrong == "keep")


def test_skip_pulls_nowhere_and_trust_is_the_cross_entropy_with_the_label():
    student = STUDENT.clone().requires_grad_()
    skipped = values(Corrected(SoftLabels(), "skip"), student)
    skipped.sum().backward()
    assert skipped[1].item() == 0.0
    assert float(student.grad[1].abs().max()) == 0.0
    trusted = values(Corrected(SoftLabels(), "trust the label"))
    torch.testing.assert_close(trusted[1], cross_entropy(STUDENT, LABELS)[1])


def test_blend_learns_from_half_the_teacher_and_half_the_label(softmax):
    q = softmax(TEACHER[1].double().numpy())
    target = 0.5 * q + 0.5 * np.eye(3)[1]
    np.testing.assert_allclose(blended(TEACHER[1:2], LABELS[1:2]).exp()[0], target, rtol=1e-5)
    p = softmax(STUDENT[1].double().numpy())
    found = values(Corrected(SoftLabels(1.0), "blend"))[1]
    assert float(found) == pytest.approx(float((target * np.log(target / p)).sum()), rel=1e-5)


def test_blend_makes_the_label_the_likeliest_class():
    teacher = 5 * torch.randn(50, 7, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(50) % 7
    assert (blended(teacher, labels).argmax(dim=-1) == labels).all()


def test_confidence_weighs_rows_by_the_teachers_probability_of_the_label_or_its_best(softmax):
    q = softmax(TEACHER.double().numpy())
    weight = confidence_weight(TEACHER, LABELS, power=2.0)
    np.testing.assert_allclose(weight, np.array([q[0, 0], q[1, 1], q[2, 1]]) ** 2, rtol=1e-5)
    found = values(Corrected(SoftLabels(), "keep", confidence=2.0))
    torch.testing.assert_close(found, weight * values(SoftLabels()))
    torch.testing.assert_close(confidence_weight(TEACHER, LABELS, power=0.0), torch.ones(3))


def test_every_way_is_finite_in_half_precision_and_for_a_certain_teacher():
    teacher = torch.tensor([[500.0, 0.0, -500.0]]).half()
    for when_wrong in ("keep", "blend", "skip", "trust the label"):
        student = torch.zeros(1, 3, dtype=torch.float16, requires_grad=True)
        term = Corrected(SoftLabels(), when_wrong, confidence=1.0)
        value = term.per_row({"logits": student}, {"logits": teacher}, torch.tensor([2]))
        value.sum().backward()
        assert torch.isfinite(value).all()
        assert torch.isfinite(student.grad).all()
