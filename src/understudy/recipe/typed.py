"""Plain values as the dataclasses that they stand for, strictly, by walking their type hints."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from understudy.errors import RequestError, did_you_mean
from understudy.recipe.spots import Spot

T = TypeVar("T")
Reader = Callable[[Any, Spot], Any]

EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
"""Numbers such as 1e-3, which YAML 1.1 takes for text."""
GIVEN_IN_PYTHON = "python: "
"""How a written recipe begins the place of what only Python can hold."""
NOTHING = object()
"""Says that a value is not of the kind asked for; None is a value."""
KINDS: Mapping[Any, tuple[str, str]] = {
    str: ("text", "texts"),
    Any: ("text", "texts"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "trues and falses"),
    NoneType: ("null", "nulls"),
}


def record(kind: type[T], value: Any, spot: Spot, special: Mapping[str, Reader] | None = None) -> T:
    """A mapping as a dataclass. `special` reads the fields whose hints do not tell how.

    Raises: RequestError for an unknown or missing key, a value of another kind, and whatever the
    dataclass refuses itself; each names its place.
    """
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    needed = [
        name
        for name, field in known.items()
        if field.default is MISSING and field.default_factory is MISSING
    ]
    if not isinstance(value, Mapping):
        raise spot.refuse(f"is {shown(value)}; it must be a mapping with {', '.join(known)}")
    for name in value:
        if name not in known:
            raise spot.key(name).refuse(f"is unknown; {did_you_mean(str(name), known)}")
    found: dict[str, Any] = {}
    for name, field in known.items():
        place = spot.key(name)
        if name in value and value[name] is None and field.default is None:
            found[name] = None
        elif name in value and name in (special or {}):
            found[name] = (special or {})[name](value[name], place)
        elif name in value:
            found[name] = read(hints[name], value[name], place)
        elif name in needed:
            others = f"; needed are {', '.join(needed)}" if len(needed) > 1 else ""
            raise place.refuse(f"is missing{others}")
    return born(kind, found, spot)


def born(kind: type[T], values: Mapping[str, Any], spot: Spot) -> T:
    """The dataclass of these values; what it refuses at birth is told at its place.

    It says `training.epochs is 0` or `soft_labels: temperature is 0`, wherever it stands itself.
    """
    try:
        return kind(**values)
    except RequestError as error:
        sentence = str(error)
        named = re.match(r"\w+(?:\.|: )(\w+)", sentence)
        if named is None or named[1] not in {field.name for field in fields(kind)}:  # type: ignore[arg-type]
            raise spot.tell(sentence) from error
        raise spot.key(named[1]).refuse(sentence[named.end() :].lstrip()) from error


def read(hint: Any, value: Any, spot: Spot) -> Any:
    """A value as its type hint wants it: strict, but a whole number may stand for a float."""
    options = options_of(hint)
    records: list[Any] = [option for option in options if is_dataclass(option)]
    if records == list(options):  # null is a section whose lines are all commented out
        return record(records[0], {} if value is None else value, spot)
    if records and isinstance(value, Mapping):
        return record(_chosen(records, value, spot), value, spot)
    if isinstance(value, str) and value.startswith(GIVEN_IN_PYTHON):
        raise spot.refuse(
            f"was given in Python: {value.removeprefix(GIVEN_IN_PYTHON)}; "
            "a file cannot hold it, so run this from Python again"
        )
    for option in options:
        if get_origin(option) is tuple and isinstance(value, list | tuple):
            return _items(option, value, spot)
        if get_origin(option) is Mapping and isinstance(value, Mapping):
            inner = get_args(option)[1]
            return {name: read(inner, entry, spot.key(name)) for name, entry in value.items()}
        found = _scalar(option, value)
        if found is not NOTHING:
            return found
    raise spot.refuse(f"is {shown(value)}; it must be {_wanted(options)}{_hint(options, value)}")


def options_of(hint: Any) -> tuple[Any, ...]:
    """The members of a union, or the hint alone."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def shown(value: Any) -> str:
    """A value as a message shows it, cut where it is long."""
    if isinstance(value, Mapping):
        return f"a mapping with {', '.join(map(str, value))}" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    words = {None: "null", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return words[value]
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _scalar(option: Any, value: Any) -> Any:
    """The value where it is of this kind, else NOTHING."""
    if get_origin(option) is Literal:
        return value if isinstance(value, str) and value in get_args(option) else NOTHING
    if option is float:
        return _number(value)
    if option is Any:
        plain = (NoneType, bool, int, float, list, tuple, Mapping)
        return NOTHING if isinstance(value, plain) else value
    exact = option in (str, int, bool, NoneType) and type(value) is option
    return value if exact else NOTHING


def _number(value: Any) -> Any:
    if isinstance(value, str) and EXPONENT.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return NOTHING
    try:
        return float(value) if math.isfinite(value) else NOTHING
    except OverflowError:
        return NOTHING


def _items(hint: Any, value: list[Any] | tuple[Any, ...], spot: Spot) -> tuple[Any, ...]:
    inner = get_args(hint)
    if inner[-1] is Ellipsis:
        inner = inner[:1] * len(value)
    elif len(inner) != len(value):
        raise spot.refuse(f"is a list of {len(value)}; it must be {_wanted((hint,))}")
    return tuple(
        read(kind, item, spot.item(at))
        for at, (kind, item) in enumerate(zip(inner, value, strict=True))
    )


def _chosen(records: list[Any], value: Mapping[str, Any], spot: Spot) -> Any:
    """The dataclass that a mapping means: the one whose first field it has."""
    if len(records) == 1:
        return records[0]
    first = {fields(kind)[0].name: kind for kind in records}
    for name, kind in first.items():
        if name in value:
            return kind
    forms = ", ".join(f"{{{name}: ...}}" for name in first)
    raise spot.refuse(f"is {shown(value)}; it must be a name or one of {forms}")


def _wanted(options: tuple[Any, ...]) -> str:
    words: list[str] = []
    for option in options:
        inner = get_args(option)
        if get_origin(option) is Literal:
            words += [repr(word) for word in inner]
        elif is_dataclass(option):
            words.append(f"{{{fields(option)[0].name}: ...}}")
        elif get_origin(option) is tuple:
            many = KINDS.get(inner[0], ("", "teachers"))[1]
            words.append(f"a list of {'' if inner[-1] is Ellipsis else f'{len(inner)} '}{many}")
        elif get_origin(option) is Mapping:
            words.append("a mapping of texts")
        else:
            words.append(KINDS[option][0])
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _hint(options: tuple[Any, ...], value: Any) -> str:
    """The near word, or that text which looks like something else wants quotes."""
    allowed = [
        word for option in options if get_origin(option) is Literal for word in get_args(option)
    ]
    if isinstance(value, str) and allowed:
        near = did_you_mean(value, allowed)
        return f"; {near}" if near.startswith("did you mean") else ""
    if isinstance(value, bool | int | float) and (str in options or Any in options):
        return ", so put it in quotes"
    return ""
