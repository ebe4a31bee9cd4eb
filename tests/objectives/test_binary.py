"""Many labels a row, against plain float64 numpy."""

import numpy as np
import pytest
import torch

from understudy.errors import RequestError
from understudy.objectives import forward_kl
from understudy.objectives.binary import (
    HardBinaryLabels,
    SoftBinaryLabels,
    binary_cross_entropy,
    sigmoid_kl,
)

LABELS = np.array(
    [[1, 0, 0, 1, 1], [0] * 5, [1] * 5, [-1, 1, 0, -1, -1], [-1] * 5, [0, 1, 0, 0, 0]]
)


def coin(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_value_and_gradient_of_the_soft_form(agree, pair, temperature):
    student, teacher = pair()

    def reference(shown):
        p, q = coin(shown / temperature), coin(teacher / temperature)
        return np.mean(q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p)), axis=1)

    said = torch.tensor(teacher)
    agree(lambda shown: sigmoid_kl(shown, said, temperature=temperature), reference, student)


def test_value_and_gradient_of_the_hard_form(agree, pair):
    student, _ = pair()

    def reference(shown):
        found = []
        for logits, row in zip(coin(shown), LABELS, strict=True):
            known = [
                -np.log(chance if label else 1 - chance)
                for chance, label in zip(logits, row, strict=True)
                if label >= 0
            ]
            found.append(sum(known) / max(1, len(known)))
        return np.array(found)

    agree(lambda shown: binary_cross_entropy(shown, torch.tensor(LABELS)), reference, student)


def test_of_one_class_it_is_the_kl_of_two(pair):
    student, teacher = (torch.tensor(each[:, :1]) for each in pair())
    none = torch.zeros_like(student)
    two = forward_kl(torch.cat([student, none], 1), torch.cat([teacher, none], 1), temperature=3)
    torch.testing.assert_close(sigmoid_kl(student, teacher, temperature=3), two)


def test_it_tends_to_an_eighth_of_the_squared_difference(pair):
    student, teacher = (torch.tensor(each) for each in pair())
    found = SoftBinaryLabels(200.0).per_row({"logits": student}, {"logits": teacher}, None)
    limit = (student - teacher).square().mean(dim=1) / 8
    torch.testing.assert_close(found, limit, rtol=1e-3, atol=1e-6)


def test_the_soft_form_knows_its_direction_and_takes_infinite_logits():
    even, odd = torch.tensor([[0.0]]), torch.tensor([[0.9]]).logit()
    assert float(sigmoid_kl(odd, even)) == pytest.approx(0.5108, abs=1e-4)
    assert float(sigmoid_kl(even, odd)) == pytest.approx(0.3681, abs=1e-4)
    sure = torch.tensor([[torch.inf, -torch.inf]])
    assert float(sigmoid_kl(sure, sure)) == 0.0
    assert float(sigmoid_kl(torch.zeros(1, 2), sure)) == pytest.approx(np.log(2))


def test_soft_and_hard_agree_where_the_teacher_is_sure():
    logits = torch.tensor([[0.3, -2.0, 1.0]])
    labels = torch.tensor([[1, 0, 1]])
    said = {"logits": 40.0 * (2 * labels - 1)}
    soft = SoftBinaryLabels().per_row({"logits": logits}, said, labels)
    hard = HardBinaryLabels().per_row({"logits": logits}, {}, labels)
    torch.testing.assert_close(soft, hard)


def test_labels_may_be_numbers_of_another_kind():
    logits, labels = torch.randn(3, 2), torch.tensor([[1, 0], [0, -1], [-1, -1]])
    whole, real = (
        HardBinaryLabels().per_row({"logits": logits}, {}, each)
        for each in (labels, labels.float())
    )
    assert torch.equal(whole, real)
    assert float(whole[2]) == 0


def test_one_class_a_row_is_refused():
    with pytest.raises(
        RequestError, match=r"of shape \(3,\) beside .* \(3, 2\); .* one class, take hard_labels"
    ):
        HardBinaryLabels().per_row({"logits": torch.zeros(3, 2)}, {}, torch.tensor([0, 1, 0]))


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(RequestError, match="soft_binary_labels: temperature is 0; it must be abo"):
        SoftBinaryLabels(0)
