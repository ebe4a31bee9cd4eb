"""Other distances between the student's probabilities p and the teacher's q than KL(q || p).

All of them are 0 when, and only when, p and q are the same. Formulas here; `diverging.py` holds
the choices that a recipe can name.
"""

from __future__ import annotations

import torch
from torch import Tensor

from understudy.objectives.probabilities import log_probabilities, relative_entropy

NEAR_LIMIT = 1e-3
"""A knob this near to an end takes the limit there: 0 / 0 leaves no digits in float32."""
ABOVE_MINUS_ONE = 2.0**-23 - 1
"""The least number above -1 in float32, whose log1p is finite."""


def reverse_kl(student: Tensor, teacher: Tensor, *, temperature: float = 1.0) -> Tensor:
    """KL(student || teacher) between two tables of logits, in nats, one number a row.

    Shapes: student [..., C], teacher [..., C] -> [...].
    Zero:   when, and only when, both rows give the same probabilities.
    Source: Gu et al. 2024 (MiniLLM), arXiv:2306.08543, section 2, for one token.
    """
    shown, said = _both(student, teacher, temperature)
    return relative_entropy(shown, said)


def symmetric_kl(student: Tensor, teacher: Tensor, *, temperature: float = 1.0) -> Tensor:
    """The mean of KL(teacher || student) and KL(student || teacher), in nats, one number a row.

    Shapes: student [..., C], teacher [..., C] -> [...].
    Zero:   when, and only when, both rows give the same probabilities.
    Source: Jeffreys 1946, doi:10.1098/rspa.1946.0056; half of his sum, so that it is as long as
            one KL near the teacher.
    """
    shown, said = _both(student, teacher, temperature)
    return 0.5 * ((said.exp() - shown.exp()) * (said - shown)).sum(dim=-1)


def jensen_shannon(
    student: Tensor,
    teacher: Tensor,
    *,
    teacher_share: float = 0.5,
    normalised: bool = False,
    temperature: float = 1.0,
) -> Tensor:
    """b KL(q || m) + (1 - b) KL(p || m) with the mixture m = b q + (1 - b) p, in nats.

    Shapes: student [..., C], teacher [..., C] -> [...].
    Zero:   when, and only when, both rows give the same probabilities (b above 0 and below 1).
    Limits: normalised, which divides by b (1 - b), it is KL(q || p) at b = 0 and KL(p || q) at 1.
    Source: Agarwal et al. 2024 (GKD), arXiv:2306.13649, equation 1, where b is the teacher's share
            as here; in DistiLLM's code it is the student's.
    """
    if normalised and teacher_share < NEAR_LIMIT:
        return reverse_kl(teacher, student, temperature=temperature)
    if normalised and teacher_share > 1 - NEAR_LIMIT:
        return reverse_kl(student, teacher, temperature=temperature)
    shown, said = _both(student, teacher, temperature)
    mixture = _mixed(said, shown, teacher_share)
    of_teacher, of_student = relative_entropy(said, mixture), relative_entropy(shown, mixture)
    if normalised:
        return of_teacher / (1 - teacher_share) + of_student / teacher_share
    return teacher_share * of_teacher + (1 - teacher_share) * of_student


def skewed_kl(
    student: Tensor, teacher: Tensor, *, skew: float = 0.1, temperature: float = 1.0
) -> Tensor:
    """KL(q || a q + (1 - a) p): forward KL that some of the teacher keeps from exploding.

    Shapes: student [..., C], teacher [..., C] -> [...].
    Zero:   when, and only when, both rows give the same probabilities.
    Limits: KL(q || p) at a = 0; never above -log a.
    Source: Ko et al. 2024 (DistiLLM), arXiv:2402.03898, section 3.1, with the teacher's entropy,
            which their code leaves out.
    """
    shown, said = _both(student, teacher, temperature)
    return relative_entropy(said, _mixed(said, shown, skew))


def skewed_reverse_kl(
    student: Tensor, teacher: Tensor, *, skew: float = 0.1, temperature: float = 1.0
) -> Tensor:
    """KL(p || a p + (1 - a) q): reverse KL that some of the student keeps from exploding.

    Shapes: student [..., C], teacher [..., C] -> [...].
    Zero:   when, and only when, both rows give the same probabilities.
    Limits: KL(p || q) at a = 0; never above -log a.
    Source: Ko et al. 2024 (DistiLLM), arXiv:2402.03898, section 3.1; the gradient flows through
            the mixture too, as in their code (DistiLLM-2 stops it).
    """
    shown, said = _both(student, teacher, temperature)
    return relative_entropy(shown, _mixed(shown, said, skew))


def alpha_beta_divergence(
    student: Tensor, teacher: Tensor, *, alpha: float, beta: float, temperature: float = 1.0
) -> Tensor:
    """(a/(a+b) sum q**(a+b) + b/(a+b) sum p**(a+b) - sum q**a p**b) / (a b), one number a row.

    Shapes: student [..., C], teacher [..., C] -> [...].
    Zero:   when, and only when, both rows give the same probabilities.
    Limits: (1, 0) is KL(q || p), (0, 1) is KL(p || q), (1, 1) half the squared distance, (0, 0)
            half the squared distance of the log-probabilities.
    Source: Wang et al. 2025 (ABKD), arXiv:2505.04560, for a and b of 0 or more. Where one of them
            is 0 their `abkl.py` divides by the other once, and jumps; the limit divides twice.
    """
    shown, said = _both(student, teacher, temperature)
    if alpha < NEAR_LIMIT and beta < NEAR_LIMIT:
        return 0.5 * (said - shown).square().sum(dim=-1)
    if beta < NEAR_LIMIT:
        return _one_sided(said * alpha, shown * alpha) / alpha**2
    if alpha < NEAR_LIMIT:
        return _one_sided(shown * beta, said * beta) / beta**2
    both = alpha + beta
    # The greater of q and p is drawn out of each class: what is left is exactly 0 where they are
    # equal, and keeps its digits near there, where the difference of the powers would lose them.
    lower, higher = (shown - said).clamp(max=0), (said - shown).clamp(max=0)
    of_said = beta / both * (both * lower).expm1() - (beta * lower).expm1()
    of_shown = alpha / both * (both * higher).expm1() - (alpha * higher).expm1()
    terms = torch.where(
        shown < said, (both * said).exp() * of_said, (both * shown).exp() * of_shown
    )
    return terms.sum(dim=-1) / (alpha * beta)


def total_variation(student: Tensor, teacher: Tensor) -> Tensor:
    """Half the sum of the absolute differences of the probabilities, between 0 and 1.

    Shapes: student [..., C], teacher [..., C] -> [...].
    Zero:   when, and only when, both rows give the same probabilities.
    Source: Wen et al. 2023, arXiv:2307.15190, for one token.
    """
    shown, said = _both(student, teacher, 1.0)
    return 0.5 * (said.exp() - shown.exp()).abs().sum(dim=-1)


def _both(student: Tensor, teacher: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    return (
        log_probabilities(student, temperature=temperature),
        log_probabilities(teacher, temperature=temperature),
    )


def _mixed(first: Tensor, second: Tensor, share: float) -> Tensor:
    """log(share * exp(first) + (1 - share) * exp(second)); exactly `first` where both are equal."""
    if share == 0:
        return second
    lower, higher = (second - first).clamp(max=0), (first - second).clamp(max=0)
    of_first = ((1 - share) * lower.expm1()).clamp(min=ABOVE_MINUS_ONE).log1p()
    of_second = (share * higher.expm1()).clamp(min=ABOVE_MINUS_ONE).log1p()
    return torch.where(second < first, first + of_first, second + of_second)


def _one_sided(of: Tensor, given: Tensor) -> Tensor:
    """KL between masses that need not add up to 1, from their logarithms; no class is below 0."""
    lower, higher = (given - of).clamp(max=0), (of - given).clamp(max=0)
    of_less = of.exp() * (lower.expm1() - lower)
    of_more = given.exp() * (higher * higher.exp() - higher.expm1())
    return torch.where(given < of, of_less, of_more).sum(dim=-1)
