"""What the tests of formulas share: answers for any term, and a comparison with plain numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch

from understudy.objectives import Term

Reference = Callable[[np.ndarray], np.ndarray]


def _said(term: Term, teacher: torch.Tensor, kept: int = 4) -> Mapping[str, torch.Tensor]:
    """What a teacher with these logits would have stored for a term."""
    generator = torch.Generator().manual_seed(3)
    said = torch.log_softmax(teacher.float(), dim=-1)
    top = said.topk(min(kept, said.shape[-1]), dim=-1)
    draws = torch.multinomial(said.exp(), 50, replacement=True, generator=generator)
    columns = {
        "logits": teacher,
        "embedding": teacher,
        "scores": teacher,
        "top_ids": top.indices.int(),
        "top_log_probabilities": top.values.to(teacher.dtype),
        "sampled_ids": draws.int(),
        "sampled_counts": torch.ones_like(draws, dtype=torch.uint8),
    }
    return {name: columns[name] for name in term.reads}


def _agree(
    formula: Callable[[torch.Tensor], torch.Tensor],
    reference: Reference,
    student: np.ndarray,
    *,
    tolerance: float = 1e-6,
) -> None:
    """Values, and gradients by central differences of the reference, all in float64."""
    shown = torch.tensor(student, dtype=torch.float64, requires_grad=True)
    found = formula(shown)
    np.testing.assert_allclose(found.detach().numpy(), reference(student), rtol=1e-7, atol=1e-9)
    found.sum().backward()
    assert shown.grad is not None
    step, slope = 1e-5, np.zeros_like(student)
    for place in np.ndindex(*student.shape):
        above, below = student.copy(), student.copy()
        above[place] += step
        below[place] -= step
        slope[place] = (reference(above).sum() - reference(below).sum()) / (2 * step)
    assert np.abs(slope).max() > 1e-3, "the reference has no slope here; the test proves nothing"
    np.testing.assert_allclose(shown.grad.numpy(), slope, rtol=1e-5, atol=tolerance)


@pytest.fixture
def said_by() -> Callable[..., Mapping[str, torch.Tensor]]:
    return _said


@pytest.fixture
def agree() -> Callable[..., None]:
    return _agree


@pytest.fixture
def softmax() -> Callable[..., np.ndarray]:
    def probabilities(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
        powers = np.exp(logits / temperature - np.max(logits / temperature, axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)

    return probabilities


@pytest.fixture
def pair() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Two random tables of logits."""

    def tables(rows: int = 6, classes: int = 5, spread: float = 2.0) -> tuple[np.ndarray, ...]:
        random = np.random.default_rng(classes)
        student, teacher = spread * random.normal(size=(2, rows, classes))
        return student, teacher

    return tables
