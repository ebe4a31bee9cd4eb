import math

import numpy as np
import pytest
import torch

from understudy.objectives.relations import (
    angle_relations,
    contrast_in_batch,
    correlation_congruence,
    distance_relations,
    linear_cka,
    probabilistic_transfer,
    similarity_preserving,
)

ROWS = 5


def tables(width=4, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(ROWS, 3)), random.normal(size=(ROWS, width))


def huber(difference):
    size = np.abs(difference)
    return np.where(size < 1, 0.5 * size**2, size - 0.5)


def cosines(table):
    lengths = np.linalg.norm(table, axis=1)
    return table @ table.T / np.outer(lengths, lengths)


def similarity(student, teacher):
    found = []
    for table in (student, teacher):
        gram = table @ table.T
        found.append(gram / np.linalg.norm(gram, axis=1, keepdims=True))
    return np.mean((found[0] - found[1]) ** 2, axis=1)


def distances(student, teacher):
    found = []
    for table in (student, teacher):
        apart = np.array([[np.linalg.norm(a - b) for b in table] for a in table])
        found.append(apart / apart[apart > 0].mean())
    return huber(found[0] - found[1]).mean(axis=1)


def angles(student, teacher):
    found = []
    for table in (student, teacher):
        angle = np.zeros((ROWS, ROWS, ROWS))
        for i, j, k in np.ndindex(ROWS, ROWS, ROWS):
            if i not in (j, k):
                one, other = table[j] - table[i], table[k] - table[i]
                angle[i, j, k] = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        found.append(angle)
    return huber(found[0] - found[1]).mean(axis=(1, 2))


def chances(student, teacher):
    p, q = (
        (like := (cosines(table) + 1) / 2) / like.sum(axis=1, keepdims=True)
        for table in (student, teacher)
    )
    return np.mean(q * np.log((q + 1e-7) / (p + 1e-7)), axis=1)


def congruence(student, teacher):
    def kernel(table):
        cosine, gamma = cosines(table), 0.4
        series = 1 + 2 * gamma * cosine + (2 * gamma * cosine) ** 2 / 2
        return math.exp(-2 * gamma) * series

    return np.mean((kernel(student) - kernel(teacher)) ** 2, axis=1)


def alignment(student, teacher):
    s, t = (table - table.mean(axis=0) for table in (student, teacher))
    cross = np.linalg.norm(t.T @ s) ** 2
    value = 1 - cross / np.linalg.norm(s.T @ s) / np.linalg.norm(t.T @ t)
    return np.full(ROWS, value)


FORMULAS = {
    similarity_preserving: similarity,
    distance_relations: distances,
    angle_relations: angles,
    probabilistic_transfer: chances,
    correlation_congruence: congruence,
    linear_cka: alignment,
}
every_formula = pytest.mark.parametrize("formula", FORMULAS, ids=lambda each: each.__name__)


def turned(table):
    """The table in coordinates of another orientation."""
    width = table.shape[1]
    rotation, _ = np.linalg.qr(np.random.default_rng(9).normal(size=(width, width)))
    return torch.tensor(table @ rotation)


@every_formula
def test_value_and_gradient_equal_the_reference(agree, formula):
    student, teacher = tables()
    said = torch.tensor(teacher)
    agree(
        lambda shown: formula(shown, said),
        lambda shown: FORMULAS[formula](shown, teacher),
        student,
    )


def test_value_and_gradient_of_the_contrast(agree):
    student = tables()[0]
    teacher = tables(width=3, seed=1)[1]

    def reference(shown):
        s, t = (table / np.linalg.norm(table, axis=1, keepdims=True) for table in (shown, teacher))
        scores = s @ t.T / 0.5
        return np.log(np.exp(scores).sum(axis=1)) - np.diag(scores)

    said = torch.tensor(teacher)
    agree(lambda shown: contrast_in_batch(shown, said, temperature=0.5), reference, student)


@every_formula
def test_turning_and_stretching_either_side_changes_nothing(formula):
    student, teacher = tables()
    plain = formula(torch.tensor(student), torch.tensor(teacher))
    moved = formula(3 * turned(student), 0.2 * turned(teacher))
    torch.testing.assert_close(moved, plain, rtol=1e-6, atol=1e-8)
    assert float(plain.min()) > 1e-4


@pytest.mark.parametrize("formula", [distance_relations, angle_relations, linear_cka])
def test_shifting_either_side_changes_nothing_for_what_is_about_differences(formula):
    student, teacher = map(torch.tensor, tables())
    torch.testing.assert_close(
        formula(student + 3, teacher - 1), formula(student, teacher), rtol=1e-6, atol=1e-8
    )


@every_formula
def test_a_turned_and_stretched_teacher_is_matched_in_full(formula):
    _, teacher = tables()
    assert formula(2 * turned(teacher), torch.tensor(teacher)).abs().max() < 1e-6


def test_the_contrast_falls_as_rows_come_nearer_to_their_own():
    teacher = torch.eye(4)
    near, far = contrast_in_batch(teacher, teacher), contrast_in_batch(teacher.flip(0), teacher)
    assert float(near.max()) < 1e-4
    assert float(far.min()) == pytest.approx(1 / 0.07, rel=1e-2)


def test_relations_between_rows_that_are_all_alike_are_finite():
    alike = torch.ones(4, 3, requires_grad=True)
    for formula in (*FORMULAS, contrast_in_batch):
        alike.grad = None
        values = formula(alike, torch.randn(4, 3))
        values.sum().backward()
        assert torch.isfinite(values).all()
        assert torch.isfinite(alike.grad).all()
        assert float(alike.grad.abs().max()) < 1e4
