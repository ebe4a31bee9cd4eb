"""What a student can minimise. A recipe names a term by its class name in snake case."""

from __future__ import annotations

import re

from understudy.objectives.fused import fused_loss
from understudy.objectives.labels import HardLabels, SoftLabels, cross_entropy, forward_kl
from understudy.objectives.term import Answers, Objective, Term, Weighted, as_objective

OBJECTIVES: tuple[type[Term], ...] = (SoftLabels, HardLabels)


def recipe_name(kind: type) -> str:
    """The name of a class in a recipe: SoftLabels -> soft_labels."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


__all__ = [
    "OBJECTIVES",
    "Answers",
    "HardLabels",
    "Objective",
    "SoftLabels",
    "Term",
    "Weighted",
    "as_objective",
    "cross_entropy",
    "forward_kl",
    "fused_loss",
    "recipe_name",
]
