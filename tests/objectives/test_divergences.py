"""The formulas, against references written here in plain float64 numpy."""

import numpy as np
import pytest
import torch

from understudy.objectives import divergences as ours
from understudy.objectives import forward_kl


def kl(of, given):
    return (of * np.log(of / given)).sum(-1)


def jensen_shannon(p, q, share):
    mixture = share * q + (1 - share) * p
    return share * kl(q, mixture) + (1 - share) * kl(p, mixture)


def alpha_beta(p, q, alpha, beta):
    both = alpha + beta
    total = (q**both).sum(-1) / (beta * both) + (p**both).sum(-1) / (alpha * both)
    return total - (q**alpha * p**beta).sum(-1) / (alpha * beta)


CASES = {
    "reverse_kl": ({}, lambda p, q: kl(p, q)),
    "symmetric_kl": ({}, lambda p, q: (kl(p, q) + kl(q, p)) / 2),
    "jensen_shannon": ({"teacher_share": 0.5}, lambda p, q: jensen_shannon(p, q, 0.5)),
    "jensen_shannon 0.1": ({"teacher_share": 0.1}, lambda p, q: jensen_shannon(p, q, 0.1)),
    "jensen_shannon normalised": (
        {"teacher_share": 0.9, "normalised": True},
        lambda p, q: jensen_shannon(p, q, 0.9) / 0.09,
    ),
    "jensen_shannon at 0": ({"teacher_share": 0, "normalised": True}, lambda p, q: kl(q, p)),
    "jensen_shannon at 1": ({"teacher_share": 1, "normalised": True}, lambda p, q: kl(p, q)),
    "skewed_kl": ({"skew": 0.1}, lambda p, q: kl(q, 0.1 * q + 0.9 * p)),
    "skewed_kl at 0": ({"skew": 0}, lambda p, q: kl(q, p)),
    "skewed_reverse_kl": ({"skew": 0.1}, lambda p, q: kl(p, 0.1 * p + 0.9 * q)),
    "skewed_reverse_kl at 0": ({"skew": 0}, lambda p, q: kl(p, q)),
    "alpha_beta_divergence": ({"alpha": 0.8, "beta": 0.3}, lambda p, q: alpha_beta(p, q, 0.8, 0.3)),
    "alpha_beta_divergence (0.2, 0.7)": (
        {"alpha": 0.2, "beta": 0.7},
        lambda p, q: alpha_beta(p, q, 0.2, 0.7),
    ),
    "alpha_beta_divergence (1, 0)": ({"alpha": 1, "beta": 0}, lambda p, q: kl(q, p)),
    "alpha_beta_divergence (0, 1)": ({"alpha": 0, "beta": 1}, lambda p, q: kl(p, q)),
    "alpha_beta_divergence (1, 1)": (
        {"alpha": 1, "beta": 1},
        lambda p, q: 0.5 * ((p - q) ** 2).sum(-1),
    ),
    "alpha_beta_divergence (0, 0)": (
        {"alpha": 0, "beta": 0},
        lambda p, q: 0.5 * (np.log(p / q) ** 2).sum(-1),
    ),
    "total_variation": ({}, lambda p, q: 0.5 * np.abs(p - q).sum(-1)),
}


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("classes", [2, 5, 30])
@pytest.mark.parametrize("name", CASES)
def test_formula_and_gradient_equal_the_reference(pair, softmax, agree, name, classes, temperature):
    knobs, reference = CASES[name]
    if name == "total_variation":
        temperature = 1.0
    else:
        knobs = {**knobs, "temperature": temperature}
    student, teacher = pair(classes=classes)
    formula = getattr(ours, name.split()[0])
    agree(
        lambda shown: formula(shown, torch.tensor(teacher), **knobs),
        lambda shown: reference(softmax(shown, temperature), softmax(teacher, temperature)),
        student,
    )


@pytest.mark.parametrize("name", CASES)
def test_zero_only_at_the_teacher(pair, name):
    knobs, _ = CASES[name]
    student, teacher = (torch.tensor(table) for table in pair())
    formula = getattr(ours, name.split()[0])
    at_teacher = teacher.clone().requires_grad_()
    value = formula(at_teacher, teacher, **knobs)
    value.sum().backward()
    assert value.abs().max() < 1e-12
    assert formula(teacher + 5, teacher, **knobs).abs().max() < 1e-12
    assert at_teacher.grad.abs().max() < 1e-12
    assert formula(student, teacher, **knobs).min() > 1e-3


@pytest.mark.parametrize(("alpha", "beta"), [(0.6, 0.0), (0.0, 0.6), (0.0, 0.0)])
def test_alpha_beta_is_continuous_at_its_limits(pair, alpha, beta):
    student, teacher = (torch.tensor(table) for table in pair())
    at, beside = (
        ours.alpha_beta_divergence(student, teacher, alpha=alpha + more, beta=beta + more)
        for more in (0.0, 0.0011)
    )
    torch.testing.assert_close(at, beside, rtol=0.02, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "knobs"),
    [
        ("alpha_beta_divergence", {"alpha": 0.002, "beta": 0.002}),
        ("alpha_beta_divergence", {"alpha": 0.8, "beta": 0.0011}),
        ("alpha_beta_divergence", {"alpha": 0.0011, "beta": 0}),
        ("alpha_beta_divergence", {"alpha": 1, "beta": 3}),
        ("jensen_shannon", {"teacher_share": 0.0011, "normalised": True}),
        ("jensen_shannon", {"teacher_share": 0.9989, "normalised": True}),
        ("jensen_shannon", {"teacher_share": 1e-9}),
        ("skewed_kl", {"skew": 1e-9}),
        ("skewed_kl", {"skew": 0.999}),
    ],
)
def test_float32_keeps_its_digits_near_the_limits(pair, name, knobs):
    formula = getattr(ours, name)
    student, teacher = (torch.tensor(table, dtype=torch.float32) for table in pair())
    assert formula(teacher, teacher, **knobs).abs().max() == 0
    exact = formula(student.double(), teacher.double(), **knobs)
    torch.testing.assert_close(
        formula(student, teacher, **knobs).double(), exact, rtol=2e-3, atol=2e-7
    )
    certain = (100 * student).requires_grad_()
    formula(certain, -100 * teacher, **knobs).sum().backward()
    assert torch.isfinite(certain.grad).all()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_normalised_jensen_shannon_is_continuous_at_its_limits(pair, share):
    student, teacher = (torch.tensor(table, dtype=torch.float32) for table in pair())
    inside = abs(share - 0.0011)
    at, beside = (
        ours.jensen_shannon(student, teacher, teacher_share=each, normalised=True)
        for each in (share, inside)
    )
    torch.testing.assert_close(at, beside, rtol=0.05, atol=1e-3)


def test_skewed_divergences_stay_below_minus_log_skew():
    sure, other = torch.tensor([[100.0, 0.0]]), torch.tensor([[0.0, 100.0]])
    for formula in (ours.skewed_kl, ours.skewed_reverse_kl):
        assert float(formula(sure, other)) == pytest.approx(-np.log(0.1), rel=1e-5)
    assert float(forward_kl(sure, other)) == pytest.approx(100)


def test_reverse_and_forward_kl_are_each_other_with_the_arguments_swapped():
    even, odd = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.9, 0.1]]).log()
    assert float(ours.reverse_kl(odd, even)) == pytest.approx(0.3681, abs=1e-4)
    assert float(ours.reverse_kl(even, odd)) == pytest.approx(0.5108, abs=1e-4)
