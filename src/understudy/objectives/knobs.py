"""The names that a recipe gives to terms, and the checks of their knobs at birth."""

from __future__ import annotations

import re
from typing import Any

from understudy.errors import RequestError


def recipe_name(kind: type) -> str:
    """The name of a class in a recipe: SoftLabels -> soft_labels."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def above_zero(term: Any, *knobs: str) -> None:
    """Refuse a term one of whose knobs is not above 0. Raises: RequestError."""
    for knob in knobs:
        if not getattr(term, knob) > 0:
            raise refusal(term, knob, "it must be above 0")


def not_negative(term: Any, *knobs: str) -> None:
    """Refuse a term one of whose knobs is below 0. Raises: RequestError."""
    for knob in knobs:
        if not getattr(term, knob) >= 0:
            raise refusal(term, knob, "it must be 0 or more")


def refusal(term: Any, knob: str, rule: str) -> RequestError:
    """The error that names the term, its knob, what came, and what was allowed."""
    value = getattr(term, knob)
    return RequestError(f"{recipe_name(type(term))}: {knob} is {value}; {rule}")
