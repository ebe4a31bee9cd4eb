"""Understudy: knowledge distillation that asks the teacher once and scores what ships.

The names below are imported when they are first used, so that `import understudy` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from understudy.data.settings import Data
    from understudy.errors import DamagedError, RequestError, UnderstudyError
    from understudy.loading import Model, load
    from understudy.objectives import HardLabels, Objective, SoftLabels
    from understudy.pipeline.running import Run, distill, plan
    from understudy.recipe.reading import read_recipe
    from understudy.recipe.schema import Ensembled, Evaluation, Given, Knowledge, Recipe, Trained
    from understudy.training.settings import Training

__version__ = "0.1.0"

_HOMES = {
    "understudy.data.settings": ("Data",),
    "understudy.errors": ("DamagedError", "RequestError", "UnderstudyError"),
    "understudy.loading": ("Model", "load"),
    "understudy.objectives": ("HardLabels", "Objective", "SoftLabels"),
    "understudy.pipeline.running": ("Run", "distill", "plan"),
    "understudy.recipe.reading": ("read_recipe",),
    "understudy.recipe.schema": (
        "Ensembled",
        "Evaluation",
        "Given",
        "Knowledge",
        "Recipe",
        "Trained",
    ),
    "understudy.training.settings": ("Training",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'understudy' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "DamagedError",
    "Data",
    "Ensembled",
    "Evaluation",
    "Given",
    "HardLabels",
    "Knowledge",
    "Model",
    "Objective",
    "Recipe",
    "RequestError",
    "Run",
    "SoftLabels",
    "Trained",
    "Training",
    "UnderstudyError",
    "distill",
    "load",
    "plan",
    "read_recipe",
]
