"""The formulas, against references written here in plain float64 numpy."""

import numpy as np
import pytest
import torch

from understudy.errors import RequestError
from understudy.objectives import HardLabels, SoftLabels, cross_entropy, forward_kl

RNG = np.random.default_rng(0)


def probabilities(logits: np.ndarray, temperature: float) -> np.ndarray:
    shifted = logits / temperature
    powers = np.exp(shifted - shifted.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def reference_kl(student: np.ndarray, teacher: np.ndarray, temperature: float) -> np.ndarray:
    p, q = probabilities(student, temperature), probabilities(teacher, temperature)
    return (q * (np.log(q) - np.log(p))).sum(axis=-1)


@pytest.mark.parametrize("classes", [2, 10, 1000])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 20.0])
def test_forward_kl_equals_the_reference_with_its_gradient(classes, temperature):
    student, teacher = (RNG.normal(size=(7, classes)) * 3 for _ in range(2))
    shown = torch.tensor(student, dtype=torch.float32, requires_grad=True)
    found = forward_kl(shown, torch.tensor(teacher), temperature=temperature)
    np.testing.assert_allclose(
        found.detach(), reference_kl(student, teacher, temperature), rtol=2e-4, atol=1e-6
    )
    found.sum().backward()
    slope = (
        probabilities(student, temperature) - probabilities(teacher, temperature)
    ) / temperature
    np.testing.assert_allclose(shown.grad, slope, atol=2e-6)


def test_forward_kl_is_zero_at_the_teacher_and_knows_its_direction():
    even, odd = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.9, 0.1]]).log()
    assert float(forward_kl(even, even)) == 0.0
    assert float(forward_kl(odd, even)) == pytest.approx(0.5108, abs=1e-4)
    assert float(forward_kl(even, odd)) == pytest.approx(0.3681, abs=1e-4)


def test_forward_kl_tends_to_half_the_squared_difference_of_centred_logits():
    student, teacher = (torch.tensor(RNG.normal(size=(5, 10))) for _ in range(2))
    temperature = 100.0
    centred = (student - student.mean(-1, keepdim=True)) - (
        teacher - teacher.mean(-1, keepdim=True)
    )
    limit = 0.5 * centred.square().mean(-1)
    found = temperature**2 * forward_kl(student, teacher, temperature=temperature)
    torch.testing.assert_close(found, limit, rtol=0.05, atol=0.01)


def test_forward_kl_ignores_a_shift_and_works_on_any_leading_shape():
    student, teacher = (torch.tensor(RNG.normal(size=(2, 3, 10))).float() for _ in range(2))
    found = forward_kl(student + 7, teacher - 3)
    flat = forward_kl(student.reshape(6, 10), teacher.reshape(6, 10))
    torch.testing.assert_close(found.reshape(6), flat)


def test_half_precision_gives_about_the_same_number():
    student, teacher = (torch.tensor(RNG.normal(size=(4, 10)) * 5).float() for _ in range(2))
    found = forward_kl(student.bfloat16(), teacher.bfloat16(), temperature=2.0)
    torch.testing.assert_close(
        found, forward_kl(student, teacher, temperature=2.0), rtol=0.1, atol=0.02
    )


def test_cross_entropy_equals_the_reference_and_skips_rows_without_a_label():
    logits = RNG.normal(size=(6, 5))
    labels = np.array([0, 4, -1, 2, -1, 1])
    found = cross_entropy(torch.tensor(logits), torch.tensor(labels)).numpy()
    wanted = [
        -np.log(probabilities(row, 1.0)[label]) if label >= 0 else 0.0
        for row, label in zip(logits, labels, strict=True)
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_soft_labels_keep_the_length_of_the_gradient_over_temperatures():
    """Near the teacher and at high temperature, T**2 makes the gradient independent of T."""
    teacher = torch.tensor(RNG.normal(size=(32, 10))).float()
    lengths = []
    for temperature in (20.0, 40.0):
        shown = (teacher + 0.1).clone() + 0.1 * torch.tensor(RNG.normal(size=(32, 10))).float()
        shown = (teacher + 0.1 * torch.linspace(-1, 1, 10)).requires_grad_()
        term = SoftLabels(temperature)
        term.per_row({"logits": shown}, {"logits": teacher}, torch.zeros(32)).sum().backward()
        lengths.append(float(shown.grad.norm()))
    assert lengths[0] == pytest.approx(lengths[1], rel=0.1)


def test_hard_labels_do_not_read_the_teacher():
    assert HardLabels().reads == ()
    values = HardLabels().per_row({"logits": torch.zeros(2, 4)}, {}, torch.tensor([1, -1]))
    torch.testing.assert_close(values, torch.tensor([np.log(4), 0.0]).float())


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(RequestError, match=r"temperature is 0; it must be above 0, or 'auto'"):
        SoftLabels(temperature=0)
