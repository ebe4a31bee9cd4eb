"""Networks that learn: presets, Transformers models, a user's own."""

from understudy.students.blueprint import PRESETS, Blueprint, build, is_preset, read_blueprint

__all__ = ["PRESETS", "Blueprint", "build", "is_preset", "read_blueprint"]
