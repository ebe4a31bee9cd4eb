"""Paths in a recipe are relative to its file; a run keeps them whole, so that it can run again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from understudy.recipe.schema import Ensembled, Given, Recipe, Trained
from understudy.students import is_preset
from understudy.tasks.prepared import ROLES


def rooted(recipe: Recipe, root: Path) -> Recipe:
    """The recipe with every path that exists beside its file, or here, made absolute."""
    sources = {role: _absolute(getattr(recipe.data, role), root) for role in ROLES}
    return replace(
        recipe,
        data=replace(recipe.data, **sources),
        teacher=_teacher(recipe.teacher, root),
        student=_network(recipe.student, root),
    )


def _teacher(spec: Any, root: Path) -> Any:
    if isinstance(spec, Ensembled):
        return replace(spec, ensemble=tuple(_teacher(member, root) for member in spec.ensemble))
    if isinstance(spec, Given):
        return replace(spec, model=_absolute(spec.model, root))
    if isinstance(spec, Trained):
        return replace(spec, train=_network(spec.train, root))
    return _absolute(spec, root)


def _network(spec: Any, root: Path) -> Any:
    """A preset stays what it is, even where a folder has its name."""
    return spec if isinstance(spec, str) and is_preset(spec) else _absolute(spec, root)


def _absolute(value: Any, root: Path) -> Any:
    """A string that names something on this disk, as an absolute path; anything else as it is."""
    if isinstance(value, Path):
        value = str(value)
    if not isinstance(value, str) or ":" in value:
        return value
    name, mark, split = value.partition("@")
    for base in (root, Path()):
        path = (base / name).expanduser()
        if path.exists():
            return f"{path.resolve()}{mark}{split}"
    return value
