"""A `Recipe` as the mapping and the YAML file that read back as the same recipe."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from understudy.files import write_atomically
from understudy.recipe.schema import Recipe
from understudy.recipe.typed import GIVEN_IN_PYTHON, options_of

STYLE: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 100}
HEAD = "# Every default written out; distilling from this file makes the same student again.\n"


def as_mapping(recipe: Recipe) -> dict[str, Any]:
    """Every field in the order of the schema, in the kinds that YAML and JSON have.

    What no file can hold, such as a module or an array, becomes a string that describes it;
    reading that back is refused.
    """
    mapping: dict[str, Any] = _record(recipe)
    if recipe.objective is not None:
        mapping["objective"] = _objective(recipe.objective)
    return mapping


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Write the recipe as YAML, whole or not at all."""
    write_atomically(path, HEAD + yaml.dump(as_mapping(recipe), Dumper=_Dumper, **STYLE))


def changed(
    old: Any, new: Any, ignore: Collection[str] = ("export", "require", "evaluation")
) -> list[str]:
    """What differs between two mappings of recipes: `training.epochs was 30 and is 20`.

    `ignore` names keys at the top that may differ.
    """
    before, after = (
        {name: value for name, value in side.items() if name not in ignore}
        if isinstance(side, Mapping)
        else side
        for side in (old, new)
    )
    return list(_differences(before, after, ""))


def _differences(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys((*old, *new)):
            inner = f"{path}.{name}" if path else str(name)
            if name not in old:
                yield f"{inner} was not there and is {on_one_line(new[name])}"
            elif name not in new:
                yield f"{inner} was {on_one_line(old[name])} and is not there"
            else:
                yield from _differences(old[name], new[name], inner)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for at, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differences(before, after, f"{path}[{at}]")
    elif old != new:
        yield f"{path or 'the recipe'} was {on_one_line(old)} and is {on_one_line(new)}"


def on_one_line(value: Any) -> str:
    """A value in YAML, on one line."""
    style = {**STYLE, "width": sys.maxsize, "default_flow_style": True}
    text: str = yaml.dump(value, Dumper=_Dumper, **style)
    return text.removesuffix("...\n").strip()


class _Dumper(yaml.SafeDumper):
    """Writes text with line breaks in double quotes; PyYAML's own choice loses some of them."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    quotes = '"' if set(text) & set("\n\r\x85\u2028\u2029") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=quotes)


_Dumper.add_representer(str, _text)


def _record(value: Any) -> dict[str, Any]:
    hints = get_type_hints(type(value))
    return {
        field.name: _written(getattr(value, field.name), hints[field.name])
        for field in fields(value)
    }


def _written(value: Any, hint: Any) -> Any:
    """The mirror of `typed.read`: a value in plain kinds, as its type hint has it."""
    options = options_of(hint)
    if is_dataclass(value) and type(value) in options:
        return _record(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Path):
        return str(value)
    for option in options:
        inner = get_args(option)
        if get_origin(option) is tuple and isinstance(value, list | tuple):
            return [_written(item, inner[0]) for item in value]
        if get_origin(option) is Mapping and isinstance(value, Mapping):
            return {name: _written(entry, inner[1]) for name, entry in value.items()}
    return GIVEN_IN_PYTHON + described(value)


def _objective(given: Any) -> list[Any]:
    """The terms as a recipe names them; one that has no name there is described."""
    from understudy.objectives import OBJECTIVES, as_objective, recipe_name

    return [
        {recipe_name(type(part.term)): {**_term(part.term), "weight": part.weight}}
        if type(part.term) in OBJECTIVES
        else f"{GIVEN_IN_PYTHON}{described(part.term)}, weight {part.weight}"
        for part in as_objective(given).terms
    ]


def _term(term: Any) -> dict[str, Any]:
    """The knobs of a term; a term that it holds is written by its name."""
    from understudy.objectives import OBJECTIVES, recipe_name

    knobs = _record(term)
    inner = getattr(term, "term", None)
    if type(inner) in OBJECTIVES:
        knobs["term"] = {recipe_name(type(inner)): _term(inner)}
    return knobs


def described(value: Any) -> str:
    """What a Python object is, in a few words: `module SmallNet, 12,345 parameters`."""
    kind = type(value).__name__
    if isinstance(value, tuple):
        return f"({', '.join(map(described, value))})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {described(entry)}' for name, entry in value.items())}}}"
    # An object of a library cannot exist before the library was imported, so none is imported here.
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy is not None and isinstance(value, numpy.ndarray):
        return f"array {value.dtype} {list(value.shape)}"
    if torch is not None and isinstance(value, torch.Tensor):
        return f"tensor {str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
    if torch is not None and isinstance(value, torch.nn.Module):
        return f"module {kind}, {sum(weight.numel() for weight in value.parameters()):,} parameters"
    return f"object {kind}"
