"""YAML as plain values that remember their lines, and `--set key.path=value` on top of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from understudy.errors import RequestError
from understudy.recipe.spots import KeyPath

PLAIN = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float"))
"""What YAML may turn a bare word into; dates and the like stay the text that they are."""
NESTED = ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")
TEXT = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("str", "timestamp", "value", "merge"))


def parse(text: str, where: str) -> tuple[Any, dict[KeyPath, int]]:
    """The one value in a YAML text, and the line of every key and list item in it.

    Anchors and aliases are followed. Raises: RequestError for what is no YAML, for a key given
    twice, and for tags, which could make a file build Python objects.
    """
    reader: _Reader | None = None
    try:
        reader = _Reader(text, where)
        return reader.read(reader.loader.get_single_node()), reader.lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{where}, line {mark.line + 1}" if mark else where
        raise RequestError(
            f"{place}: this is not YAML: {error.problem or error.context}"
        ) from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise RequestError(
            f"{where}, line {line}: the character {error.character!r} may not stand in YAML"
        ) from error
    finally:
        if reader is not None:
            reader.loader.dispose()


class _Reader:
    """Walks the node tree of one document."""

    def __init__(self, text: str, where: str) -> None:
        self.where = where
        self.loader = yaml.SafeLoader(text)
        self.lines: dict[KeyPath, int] = {}
        self._open: list[yaml.Node] = []

    def read(self, node: yaml.Node | None, path: KeyPath = ()) -> Any:
        """The value of a node."""
        if node is None:
            return None
        if any(node is outer for outer in self._open):
            raise self._refuse(node, "an alias refers to what it stands in")
        self._open.append(node)
        try:
            if isinstance(node, yaml.ScalarNode):
                return self._scalar(node)
            if node.tag not in NESTED:
                raise self._refuse(node, f"the tag {node.tag} is not allowed in a recipe")
            if isinstance(node, yaml.SequenceNode):
                return [self._item(item, (*path, at)) for at, item in enumerate(node.value)]
            return {name: self.read(value, (*path, name)) for name, value in self._keys(node, path)}
        finally:
            self._open.pop()

    def _item(self, node: yaml.Node, path: KeyPath) -> Any:
        self.lines[path] = node.start_mark.line + 1
        return self.read(node, path)

    def _keys(self, node: yaml.Node, path: KeyPath) -> Iterator[tuple[str, yaml.Node]]:
        """The keys as they are written, so that `no` and `1` stay names; each once."""
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._refuse(key, "a key must be one word, not a list or a mapping")
            name: str = key.value
            full = (*path, name)
            if name in seen:
                label = ".".join(map(str, full))
                raise self._refuse(
                    key, f"{label} is given twice (first on line {self.lines[full]}); keep one"
                )
            seen.add(name)
            self.lines[full] = key.start_mark.line + 1
            yield name, value

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag in TEXT:
            return node.value
        if node.tag not in PLAIN:
            raise self._refuse(node, f"the tag {node.tag} is not allowed in a recipe")
        try:
            return self.loader.construct_object(node)
        except ValueError as error:  # such as `!!int seven`
            raise self._refuse(node, f"'{node.value}' is no {node.tag.split(':')[-1]}") from error

    def _refuse(self, node: yaml.Node, sentence: str) -> RequestError:
        return RequestError(f"{self.where}, line {node.start_mark.line + 1}: {sentence}")


def override(values: Any, text: str) -> KeyPath:
    """Set one value in place as `key.path=value` says; the key path that was set.

    The value is read as YAML; a number in the path is a position in a list. Sections that are
    missing come into being. Raises: RequestError where the path leads nowhere.
    """
    written, mark, value = text.partition("=")
    parts = written.strip().split(".")
    if not mark or not all(parts):
        raise RequestError(f"--set {text}: write it as key.path=value, such as training.epochs=20")
    path: KeyPath = ()
    for name in parts[:-1]:
        step = _step(values, name, path, text)
        path = (*path, step)
        if isinstance(values, dict) and values.get(name) is None:
            values[name] = {}
        values = values[step]
    last = _step(values, parts[-1], path, text)
    values[last] = parse(value, f"--set {text}")[0]
    return (*path, last)


def _step(values: Any, name: str, path: KeyPath, text: str) -> str | int:
    """A part of the path as a key or a position of what lies there."""
    place = ".".join(map(str, path)) or "the recipe"
    if isinstance(values, dict):
        return name
    if not isinstance(values, list):
        raise RequestError(f"--set {text}: {place} is '{values}', which has no parts to set")
    if not re.fullmatch(r"\d+", name) or int(name) >= len(values):
        raise RequestError(
            f"--set {text}: {place} is a list of {len(values)}, which has no item '{name}'; "
            "items count from 0"
        )
    return int(name)
