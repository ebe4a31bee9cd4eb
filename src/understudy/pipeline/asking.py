"""From what stands on the command line to a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.errors import RequestError

if TYPE_CHECKING:
    from understudy.recipe.schema import Recipe


def asked(
    name: str, overrides: Sequence[str], teacher: str | None, student: str | None
) -> tuple[Recipe, Path, str]:
    """The recipe, the folder where its relative paths begin, and a name for the run.

    `name` is a recipe file, a run folder, a bundled example, or data with a `teacher` beside it.
    Raises: RequestError where it is none of them, or the recipe is wrong.
    """
    from understudy.recipe import bundled
    from understudy.recipe.reading import read_recipe, read_text

    more = [f"student={student}"] if student else []
    given = Path(name).expanduser()
    names_recipe = name.endswith(bundled.SUFFIXES) or name in bundled.names()
    if not names_recipe and not (given / "recipe.yaml").is_file():
        if teacher is not None:
            from understudy.recipe.looking import propose

            text = propose(name, teacher)
            title = Path(name.partition(":")[2] or name).stem
            return read_text(text, [*more, *overrides], where=f"recipe for {name}"), Path(), title
        if given.exists() or ":" in name:
            raise RequestError(
                f"'{name}' is no recipe; to distil data, name a teacher with --teacher"
            )
    path = bundled.find(name)
    more += [f"teacher={teacher}"] if teacher else []
    title = given.resolve().name if given.is_dir() else path.stem
    return read_recipe(path, [*more, *overrides]), path.parent, title
