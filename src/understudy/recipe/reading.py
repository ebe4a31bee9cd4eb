"""A recipe file, or a mapping that holds the same, as a `Recipe`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import RequestError, did_you_mean
from understudy.recipe import documents
from understudy.recipe.schema import Recipe
from understudy.recipe.spots import KeyPath, Origin, Spot
from understudy.recipe.typed import GIVEN_IN_PYTHON, born, read, record, shown

if TYPE_CHECKING:
    from understudy.objectives import Objective


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a YAML file, with `key.path=value` overrides on top.

    Raises: RequestError for whatever is wrong; it names the file, the line and the key, or the
    override.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RequestError(f"{path.name}: this is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise RequestError(f"the recipe '{path}' cannot be read: {reason}") from error
    return read_text(text, overrides, path.name)


def read_text(text: str, overrides: Sequence[str] = (), where: str = "recipe") -> Recipe:
    """The recipe in a YAML text; `where` names it in messages.

    Raises: RequestError as `read_recipe` does.
    """
    values, lines = documents.parse(text, where)
    if values is None and not overrides:
        raise RequestError(f"{where}: the recipe is empty; it needs data, teacher and student")
    values = _spread({} if values is None else values)
    changed = tuple((documents.override(values, each), each) for each in overrides)
    return _recipe(values, Spot(Origin(where, lines, changed)))


def recipe_from(
    mapping: Mapping[str, Any],
    lines: Mapping[KeyPath, int] | None = None,
    where: str = "recipe",
) -> Recipe:
    """The recipe in a mapping, as YAML or JSON gives one.

    `lines` holds the line of each key path, and `where` names the whole in messages.
    Raises: RequestError as `read_recipe` does.
    """
    return _recipe(mapping, Spot(Origin(where, lines or {})))


def _spread(values: Any) -> Any:
    """`data: PATH` is short for `data: {train: PATH}`."""
    if isinstance(values, Mapping) and isinstance(values.get("data"), str):
        return {**values, "data": {"train": values["data"]}}
    return values


def _recipe(values: Any, top: Spot) -> Recipe:
    recipe = record(Recipe, _spread(values), top, {"objective": _objective})
    _refuse_unknown_names(recipe, top)
    return recipe


def _objective(value: Any, spot: Spot) -> Objective | None:
    """`[{soft_labels: {temperature: 4, weight: 0.9}}, hard_labels]` as weighted terms."""
    from understudy.objectives import Objective

    if value is None:
        return None
    if not isinstance(value, list | tuple):
        raise spot.refuse(
            f"is {shown(value)}; it must be a list of terms, such as "
            "[{soft_labels: {temperature: 4, weight: 0.9}}, {hard_labels: {weight: 0.1}}]"
        )
    terms = tuple(_weighted(item, spot.item(at)) for at, item in enumerate(value))
    objective = born(Objective, {"terms": terms}, spot)
    if all(part.weight == 0 for part in objective.terms):
        raise spot.refuse("has no weight above 0, so there is nothing to learn")
    return objective


def _weighted(item: Any, spot: Spot) -> Any:
    from understudy.objectives import OBJECTIVES, Weighted, recipe_name

    known = {recipe_name(kind): kind for kind in OBJECTIVES}
    if isinstance(item, str) and item.startswith(GIVEN_IN_PYTHON):
        return read(str, item, spot)
    if isinstance(item, str):
        item = {item: None}
    if not isinstance(item, Mapping) or len(item) != 1:
        raise spot.refuse(f"is {shown(item)}; it must be one term: {{NAME: {{...}}}}")
    ((name, knobs),) = item.items()
    if name not in known:
        raise spot.refuse(f"names no term '{name}'; {did_you_mean(name, known)}")
    kind, inner = known[name], spot.inside(name)
    knobs = {} if knobs is None else knobs
    own = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if not isinstance(knobs, Mapping):
        raise inner.refuse(f"is {shown(knobs)}; {name} takes a mapping of {_listed(own)}")
    for knob in knobs:
        if knob not in own | {"weight"}:
            hint = did_you_mean(knob, own | {"weight"})
            raise inner.key(knob).tell(f"{spot.label}.{knob}: {name} has no field '{knob}'; {hint}")
    own_knobs = {knob: knobs[knob] for knob in knobs if knob != "weight"}
    term = record(kind, own_knobs, inner, {"term": _inner_term})
    if "weight" not in knobs:
        return Weighted(term)
    from understudy.objectives.term import Number

    weight = read(Number, knobs["weight"], inner.key("weight"))
    return born(Weighted, {"term": term, "weight": weight}, inner)


def _inner_term(item: Any, spot: Spot) -> Any:
    """The term that another one holds: `{soft_labels: {temperature: 2}}`, without a weight."""
    if isinstance(item, Mapping) and any("weight" in (knobs or {}) for knobs in item.values()):
        raise spot.refuse("has a weight; the weight belongs to the term around it")
    return _weighted(item, spot).term


def _listed(own: set[str]) -> str:
    return ", ".join([*sorted(own), "weight"])


def _refuse_unknown_names(recipe: Recipe, top: Spot) -> None:
    """Names that a catalogue holds: of the task, formats, rivals and metrics."""
    from understudy.evaluation.rivals import chosen_kinds
    from understudy.export import EXPORTERS
    from understudy.requirements import parse
    from understudy.tasks import task_named

    for at, name in enumerate(recipe.export):
        if name not in EXPORTERS:
            hint = did_you_mean(name, EXPORTERS)
            raise top.key("export").item(at).refuse(f"names no format '{name}'; {hint}")
    try:
        place = top.key("task")
        if recipe.task is not None:
            task_named(recipe.task)
        place = top.key("rivals")
        known = task_named(recipe.task).inputs if recipe.task else ("image", "text")
        chosen_kinds(recipe.rivals, known)
        for at, rule in enumerate(recipe.require):
            place = top.key("require").item(at)
            parse(rule, place.label)
    except RequestError as error:
        raise place.tell(str(error)) from error
