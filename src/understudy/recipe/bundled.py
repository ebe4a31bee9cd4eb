"""Recipes that come with the package: `understudy distill digits`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from understudy.errors import RequestError, did_you_mean

SUFFIXES = (".yaml", ".yml")


def folder() -> Path:
    """Where the bundled recipes lie."""
    return Path(str(files("understudy"))) / "recipes"


def names() -> tuple[str, ...]:
    """The names of the bundled recipes."""
    return tuple(sorted(path.stem for path in folder().glob("*.yaml")))


def find(name_or_path: str | Path) -> Path:
    """The recipe file of a path, of a run folder, or of a bundled name.

    Raises: RequestError where there is none.
    """
    path = Path(name_or_path).expanduser()
    name = str(name_or_path)
    for candidate in (path, path / "recipe.yaml"):
        if candidate.is_file():
            return candidate
    if name in names():
        return folder() / f"{name}.yaml"
    known = f"; bundled recipes are: {', '.join(names())}"
    if path.suffix in SUFFIXES or len(path.parts) > 1:
        raise RequestError(f"the recipe file '{name}' does not exist{known}")
    hint = did_you_mean(name, names())
    raise RequestError(
        f"'{name}' is neither a recipe file nor a bundled recipe; {hint}"
        f"{known if hint.startswith('did you mean') else ''}"
    )
