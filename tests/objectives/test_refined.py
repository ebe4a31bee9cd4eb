"""DKD, RLD and PLD, against references written here in plain float64 numpy."""

import numpy as np
import pytest
import torch

from understudy.objectives import DecoupledLabels, PlackettLuce, RefinedLabels, SoftLabels
from understudy.objectives.refined import binary_kl, plackett_luce, restricted_kl

LABELS = np.array([0, 1, 1, 0, 1, 0])


def kl(of, given):
    return float((of * np.log(of / given)).sum())


def coin(probabilities, index):
    return np.array([probabilities[index], 1 - probabilities[index]])


def decoupled(student, teacher, labels, softmax, temperature, weights=(1.0, 8.0)):
    values = []
    for z, t, y in zip(student, teacher, labels, strict=True):
        p, q = softmax(z, temperature), softmax(t, temperature)
        rest = np.arange(len(z)) != y
        value = weights[0] * kl(coin(q, y), coin(p, y))
        value += weights[1] * kl(q[rest] / q[rest].sum(), p[rest] / p[rest].sum())
        values.append(temperature**2 * value)
    return np.array(values)


def refined(student, teacher, labels, softmax):
    values = []
    for z, t, y in zip(student, teacher, labels, strict=True):
        p, q = softmax(z), softmax(t)
        value = kl(coin(q, q.argmax()), coin(p, y))
        below = t < t[y]
        if below.any():
            value += 8 * 16 * kl(softmax(t[below], 4.0), softmax(z[below], 4.0))
        values.append(value)
    return np.array(values)


def ranked(student, teacher, labels, softmax):
    values = []
    for z, t, y in zip(student, teacher, labels, strict=True):
        q = softmax(t)
        order = [y] + [c for c in np.argsort(-t) if c != y]
        value = 0.0
        for k, chosen in enumerate(order):
            left = z[order[k:]]
            value += q[chosen] * (np.log(np.exp(left - left.max()).sum()) + left.max() - z[chosen])
        values.append(value)
    return np.array(values)


def on_rows(term, teacher, labels):
    return lambda shown: term.per_row(
        {"logits": shown}, {"logits": torch.tensor(teacher)}, torch.tensor(labels)
    )


@pytest.mark.parametrize("classes", [2, 5, 30])
def test_decoupled_labels(pair, softmax, agree, classes):
    student, teacher = pair(classes=classes)
    agree(
        on_rows(DecoupledLabels(), teacher, LABELS),
        lambda shown: decoupled(shown, teacher, LABELS, softmax, 4.0),
        student,
    )


@pytest.mark.parametrize("classes", [2, 5, 30])
def test_refined_labels(pair, softmax, agree, classes):
    student, teacher = pair(classes=classes)
    agree(
        on_rows(RefinedLabels(), teacher, LABELS),
        lambda shown: refined(shown, teacher, LABELS, softmax),
        student,
    )


@pytest.mark.parametrize("classes", [2, 5, 30])
def test_plackett_luce(pair, softmax, agree, classes):
    student, teacher = pair(classes=classes)
    agree(
        on_rows(PlackettLuce(), teacher, LABELS),
        lambda shown: ranked(shown, teacher, LABELS, softmax),
        student,
    )


def test_kl_is_its_two_parts_with_the_rest_weighed_by_the_teachers_doubt(pair, softmax):
    """Section 3.1 of Zhao et al.: KD = TCKD + (1 - q_y) NCKD."""
    student, teacher = (torch.tensor(table) for table in pair())
    labels = torch.tensor(LABELS)
    kept = torch.arange(5) != labels.unsqueeze(1)
    doubt = 1 - torch.softmax(teacher, dim=-1).gather(1, labels.unsqueeze(1)).squeeze(1)
    whole = binary_kl(student, teacher, labels, labels)
    whole = whole + doubt * restricted_kl(student, teacher, kept)
    found = SoftLabels(1.0).per_row({"logits": student}, {"logits": teacher}, labels)
    torch.testing.assert_close(found, whole)


def test_a_teacher_that_is_certain_leaves_the_rest_readable():
    """Subtracting 1,000 from the label's logit, in half precision, would leave nothing."""
    teacher = torch.tensor([[60.0, 2.0, 1.0]]).half()
    student = torch.tensor([[60.0, 1.0, 2.0]]).half()
    label = torch.tensor([0])
    found = DecoupledLabels(temperature=1.0).per_row(
        {"logits": student}, {"logits": teacher}, label
    )
    p = np.exp([1.0, 2.0]) / np.exp([1.0, 2.0]).sum()
    assert float(found) == pytest.approx(8 * kl(p[::-1], p), rel=1e-3)


def test_refined_labels_never_pull_to_the_class_that_the_teacher_has_wrong():
    teacher = torch.tensor([[5.0, 1.0, 0.0, -1.0]])
    student = torch.zeros(1, 4, requires_grad=True)
    value = RefinedLabels().per_row({"logits": student}, {"logits": teacher}, torch.tensor([1]))
    value.sum().backward()
    assert student.grad[0, 1] < 0 < student.grad[0, 0]


def test_refined_labels_match_nothing_below_the_label_that_the_teacher_ranks_last():
    teacher = torch.tensor([[5.0, 1.0, 0.0]])
    student = torch.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    term = RefinedLabels(confidence=0.0)
    value = term.per_row({"logits": student}, {"logits": teacher}, torch.tensor([2]))
    value.sum().backward()
    assert value.item() == 0.0
    assert float(student.grad.abs().sum()) == 0.0


def test_plackett_luce_tends_to_zero_for_a_student_that_is_ever_surer_of_the_ranking():
    teacher = torch.tensor([[3.0, 2.0, 1.0, 0.0]])
    ranking = torch.tensor([[2.0, 3.0, 1.0, 0.0]])
    values = [float(plackett_luce(s * ranking, teacher, torch.tensor([1]))) for s in (1, 10, 100)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 1e-6 < float(plackett_luce(100 * teacher, teacher, torch.tensor([1])))


@pytest.mark.parametrize("term", [DecoupledLabels(), RefinedLabels(), PlackettLuce()])
def test_rows_without_a_label_count_nothing(pair, term):
    student, teacher = (torch.tensor(table) for table in pair())
    student.requires_grad_()
    labels = torch.tensor([0, -1, 1, -1, 2, -1])
    values = term.per_row({"logits": student}, {"logits": teacher}, labels)
    values.sum().backward()
    assert (values[labels == -1] == 0).all()
    assert (student.grad[labels == -1] == 0).all()
    assert (values[labels >= 0] > 0).all()
