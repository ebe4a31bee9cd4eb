"""Networks that learn: presets, Transformers models, a user's own."""

from understudy.students.blueprint import Blueprint, build, of_module, read_blueprint
from understudy.students.presets import PRESETS, Reads, is_preset

__all__ = ["PRESETS", "Blueprint", "Reads", "build", "is_preset", "of_module", "read_blueprint"]
