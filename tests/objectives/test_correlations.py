import numpy as np
import pytest
import torch

from understudy.objectives import Correlations
from understudy.objectives.correlations import correlation_distance


def distance(first, second):
    return np.array([1 - np.corrcoef(a, b)[0, 1] for a, b in zip(first, second, strict=True)])


def test_correlation_distance_is_one_less_pearson(pair, agree):
    student, teacher = pair()
    shown = torch.tensor(student)
    np.testing.assert_allclose(
        correlation_distance(shown, torch.tensor(teacher)), distance(student, teacher), atol=1e-8
    )
    assert correlation_distance(3 * shown + 1, shown).max() < 1e-12
    assert correlation_distance(-shown, shown) == pytest.approx(2.0)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize(("rows", "classes"), [(12, 5), (5, 12), (8, 2)])
def test_value_and_gradient_of_the_batch_equal_the_reference(
    pair, softmax, agree, rows, classes, temperature
):
    student, teacher = pair(rows=rows, classes=classes)
    said, q = {"logits": torch.tensor(teacher)}, softmax(teacher, temperature)
    term = Correlations(inter=1.0, intra=2.0, temperature=temperature)

    def reference(shown):
        p = softmax(shown, temperature)
        inter, intra = distance(p, q).mean(), distance(p.T, q.T).mean()
        return np.array(temperature**2 * (inter + 2 * intra))

    def mean(shown):
        return term.per_row({"logits": shown}, said, torch.zeros(rows)).mean()

    # The 1e-8 of the authors' code is in ours and not in the reference.
    shown = torch.tensor(student, requires_grad=True)
    np.testing.assert_allclose(mean(shown).detach(), reference(student), rtol=1e-5, atol=1e-5)
    mean(shown).backward()
    for place in ((0, 0), (1, 1), (rows - 1, classes - 1)):
        above, below = student.copy(), student.copy()
        above[place] += 1e-5
        below[place] -= 1e-5
        slope = (reference(above) - reference(below)) / 2e-5
        np.testing.assert_allclose(shown.grad[place], slope, rtol=1e-3, atol=1e-5)


def test_a_single_row_and_a_flat_student_have_finite_gradients():
    for student in (torch.randn(1, 4), torch.zeros(3, 4)):
        student.requires_grad_()
        teacher = torch.randn(student.shape)
        values = Correlations().per_row({"logits": student}, {"logits": teacher}, torch.zeros(3))
        values.sum().backward()
        assert torch.isfinite(values).all()
        assert torch.isfinite(student.grad).all()


def test_it_is_zero_at_the_teacher_even_where_nothing_varies():
    teacher = torch.randn(16, 1000)
    shown = teacher.clone().requires_grad_()
    term = Correlations(temperature=20.0)
    values = term.per_row({"logits": shown}, {"logits": teacher}, torch.zeros(16))
    values.sum().backward()
    assert values.abs().max().item() == 0.0
    assert float(shown.grad.abs().max()) == 0.0
