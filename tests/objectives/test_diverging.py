"""Each choice hands its own knobs to its own formula, and multiplies by T**2."""

import pytest
import torch

from understudy.objectives import (
    AlphaBeta,
    JensenShannon,
    ReverseKl,
    SkewedKl,
    SkewedReverseKl,
    SymmetricKl,
    TotalVariation,
    divergences,
)

CASES = [
    (ReverseKl(3.0), "reverse_kl", {}),
    (SymmetricKl(3.0), "symmetric_kl", {}),
    (JensenShannon(0.2, False, 3.0), "jensen_shannon", {"teacher_share": 0.2}),
    (
        JensenShannon(0.2, True, 3.0),
        "jensen_shannon",
        {"teacher_share": 0.2, "normalised": True},
    ),
    (SkewedKl(0.3, 3.0), "skewed_kl", {"skew": 0.3}),
    (SkewedReverseKl(0.3, 3.0), "skewed_reverse_kl", {"skew": 0.3}),
    (AlphaBeta(0.7, 0.6, 3.0), "alpha_beta_divergence", {"alpha": 0.7, "beta": 0.6}),
]


@pytest.mark.parametrize(("term", "name", "knobs"), CASES)
def test_a_choice_is_its_formula_times_the_squared_temperature(pair, term, name, knobs):
    student, teacher = (torch.tensor(table) for table in pair())
    found = term.per_row({"logits": student}, {"logits": teacher}, torch.zeros(6))
    formula = getattr(divergences, name)
    torch.testing.assert_close(found, 9 * formula(student, teacher, **knobs, temperature=3.0))


def test_total_variation_has_no_temperature(pair):
    student, teacher = (torch.tensor(table) for table in pair())
    found = TotalVariation().per_row({"logits": student}, {"logits": teacher}, torch.zeros(6))
    torch.testing.assert_close(found, divergences.total_variation(student, teacher))
