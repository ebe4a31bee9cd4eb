from functools import partial

import numpy as np
import pytest
import torch

from understudy.objectives.activations import (
    attention_transfer,
    cosine_distance,
    hint_error,
    neuron_selectivity,
    variational_information,
)

FORMS = [(3, 4), (3, 2, 4), (3, 4, 2, 3)]
every_form = pytest.mark.parametrize("form", FORMS, ids=str)
with_places = pytest.mark.parametrize("form", FORMS[1:], ids=str)


def tables(form, seed=0):
    return np.random.default_rng(seed).normal(size=(2, *form))


def listed(features):
    """[B, places, features], written another way than ours."""
    if features.ndim == 4:
        return np.einsum("bchw->bhwc", features).reshape(len(features), -1, features.shape[1])
    return features.reshape(len(features), -1, features.shape[-1])


def mean_square(student, teacher):
    return np.array([np.mean((s - t) ** 2) for s, t in zip(student, teacher, strict=True)])


def attention(student, teacher):
    def strength(row):
        energy = np.mean(row**2, axis=-1)
        return energy / np.linalg.norm(energy)

    pairs = zip(listed(student), listed(teacher), strict=True)
    return np.array([np.mean((strength(s) - strength(t)) ** 2) for s, t in pairs])


def discrepancy(student, teacher):
    def kernel(a, b):
        return np.mean([[np.dot(x, y) ** 2 for y in b] for x in a])

    def patterns(row):
        return [channel / np.linalg.norm(channel) for channel in row.T]

    found = []
    for s, t in zip(listed(student), listed(teacher), strict=True):
        a, b = patterns(s), patterns(t)
        found.append(kernel(a, a) + kernel(b, b) - 2 * kernel(a, b))
    return np.array(found)


def cosine(student, teacher):
    found = []
    for s, t in zip(listed(student), listed(teacher), strict=True):
        at = [1 - x @ y / np.linalg.norm(x) / np.linalg.norm(y) for x, y in zip(s, t, strict=True)]
        found.append(np.mean(at))
    return np.array(found)


@every_form
@pytest.mark.parametrize(
    ("formula", "reference"), [(hint_error, mean_square), (cosine_distance, cosine)]
)
def test_value_and_gradient_of_what_compares_features(agree, form, formula, reference):
    student, teacher = tables(form)
    said = torch.tensor(teacher)
    agree(lambda shown: formula(shown, said), partial(reference, teacher=teacher), student)


@with_places
@pytest.mark.parametrize(
    ("formula", "reference"),
    [(attention_transfer, attention), (neuron_selectivity, discrepancy)],
)
def test_value_and_gradient_of_what_compares_places(agree, form, formula, reference):
    student, _ = tables(form)
    wider = (form[0], 5, *form[2:]) if len(form) == 4 else (*form[:2], 5)
    teacher, _ = tables(wider, seed=1)
    said = torch.tensor(teacher)
    agree(lambda shown: formula(shown, said), partial(reference, teacher=teacher), student)


@every_form
def test_value_and_gradient_of_variational_information(agree, form):
    student, teacher = tables(form)
    variance = np.array([0.5, 1.0, 2.0, 4.0])[: listed(student).shape[-1]]

    def reference(shown):
        squares = (listed(shown) - listed(teacher)) ** 2
        return 0.5 * np.mean(squares / variance + np.log(variance), axis=(1, 2))

    said, spread = torch.tensor(teacher), torch.tensor(variance).expand(3, -1)
    agree(lambda shown: variational_information(shown, said, spread), reference, student)


def test_the_best_variance_is_the_mean_square_of_the_errors():
    student, teacher = (torch.tensor(each) for each in tables((50, 3)))
    best = (student - teacher).square().mean(dim=0).requires_grad_()
    variational_information(student, teacher, best.expand(50, -1)).mean().backward()
    assert float(best.grad.abs().max()) < 1e-6


@with_places
def test_attention_does_not_see_stretching_nor_the_order_of_channels(form):
    student, teacher = (torch.tensor(each) for each in tables(form))
    plain = attention_transfer(student, teacher)
    turned = student.flip(1) if len(form) == 4 else student.flip(2)
    torch.testing.assert_close(attention_transfer(3 * turned, -7 * teacher), plain)


def test_neuron_selectivity_does_not_see_the_order_nor_the_strength_of_channels():
    student, teacher = (torch.tensor(each) for each in tables((3, 4, 2, 3)))
    strengths = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(1, 4, 1, 1)
    plain = neuron_selectivity(student, teacher)
    torch.testing.assert_close(neuron_selectivity(strengths * student.flip(1), teacher), plain)


def test_the_cosine_does_not_see_stretching_and_is_two_for_the_opposite():
    student, teacher = (torch.tensor(each) for each in tables((3, 4, 2, 3)))
    torch.testing.assert_close(
        cosine_distance(5 * student, 0.1 * teacher), cosine_distance(student, teacher)
    )
    torch.testing.assert_close(cosine_distance(-student, student), torch.full((3,), 2.0).double())
