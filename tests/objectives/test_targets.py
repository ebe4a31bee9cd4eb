"""The formulas, against references written here in plain float64 numpy."""

import numpy as np
import pytest
import torch

from understudy.objectives import SoftLabels, StandardisedLogits, TeacherLabels, forward_kl
from understudy.objectives.targets import (
    logit_squared_error,
    soft_cross_entropy,
    standardised_kl,
)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("classes", [2, 5, 30])
def test_soft_cross_entropy(pair, softmax, agree, classes, temperature):
    student, teacher = pair(classes=classes)
    agree(
        lambda shown: soft_cross_entropy(shown, torch.tensor(teacher), temperature=temperature),
        lambda shown: (
            -(softmax(teacher, temperature) * np.log(softmax(shown, temperature))).sum(-1)
        ),
        student,
    )


def test_soft_cross_entropy_is_the_teachers_entropy_above_kl(pair, softmax):
    student, teacher = pair()
    entropy = -(softmax(teacher) * np.log(softmax(teacher))).sum(-1)
    shown, said = torch.tensor(student), torch.tensor(teacher)
    difference = soft_cross_entropy(shown, said) - forward_kl(shown, said)
    np.testing.assert_allclose(difference, entropy)


@pytest.mark.parametrize("classes", [2, 5, 30])
def test_logit_squared_error(pair, agree, classes):
    student, teacher = pair(classes=classes)

    def reference(shown):
        centred = [row - row.mean() for row in shown]
        wanted = [row - row.mean() for row in teacher]
        return np.array([((a - b) ** 2).mean() for a, b in zip(centred, wanted, strict=True)])

    agree(lambda shown: logit_squared_error(shown, torch.tensor(teacher)), reference, student)


def test_half_the_squared_error_is_the_limit_of_soft_labels_at_high_temperature(pair):
    student, teacher = (torch.tensor(table) for table in pair(rows=20, classes=10))
    hot = 1000.0**2 * forward_kl(student, teacher, temperature=1000.0)
    torch.testing.assert_close(hot, 0.5 * logit_squared_error(student, teacher), rtol=0.01, atol=0)


@pytest.mark.parametrize("classes", [3, 5, 30])
def test_standardised_kl(pair, softmax, agree, classes):
    student, teacher = pair(classes=classes)

    def standardised(table):
        return np.array([(row - row.mean()) / row.std(ddof=1) for row in table])

    def reference(shown):
        p, q = softmax(standardised(shown), 2.0), softmax(standardised(teacher), 2.0)
        return (q * np.log(q / p)).sum(-1)

    agree(lambda shown: standardised_kl(shown, torch.tensor(teacher)), reference, student)


def test_standardised_kl_sees_neither_shift_nor_stretch(pair):
    _, teacher = (torch.tensor(table) for table in pair())
    assert standardised_kl(3 * teacher + 7, teacher).abs().max() < 1e-12
    assert forward_kl(3 * teacher + 7, teacher).max() > 0.1


def test_with_two_classes_standardised_logits_are_soft_labels(pair):
    student, teacher = (torch.tensor(table) for table in pair(classes=2))
    shown, said, none = {"logits": student}, {"logits": teacher}, torch.full((6,), -1)
    torch.testing.assert_close(
        StandardisedLogits(2.0).per_row(shown, said, none),
        SoftLabels(2.0).per_row(shown, said, none),
    )


def test_a_flat_row_has_a_finite_gradient():
    for shown, said in ((torch.zeros(2, 4), torch.randn(2, 4)), (torch.randn(2, 4), torch.ones(4))):
        shown.requires_grad_()
        standardised_kl(shown, said).sum().backward()
        assert torch.isfinite(shown.grad).all()


def test_teacher_labels_are_the_cross_entropy_with_its_likeliest_class(pair, softmax, agree):
    student, teacher = pair()
    agree(
        lambda shown: TeacherLabels().per_row(
            {"logits": shown}, {"logits": torch.tensor(teacher)}, torch.zeros(6)
        ),
        lambda shown: -np.log(softmax(shown)[np.arange(6), teacher.argmax(-1)]),
        student,
    )
