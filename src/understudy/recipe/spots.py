"""Where in a recipe an error lies: file, line and key, or the `--set` that put the value there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from understudy.errors import RequestError

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the top of a recipe down to a value."""


@dataclass(frozen=True)
class Origin:
    """Where the values of a recipe were written.

    `where` names the file in messages, `lines` holds the line of each key path, and `overrides` the
    key path and text of each `--set`.
    """

    where: str = "recipe"
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    overrides: Sequence[tuple[KeyPath, str]] = ()

    def at(self, path: KeyPath) -> str:
        """The start of a message about the value at `path`."""
        for changed, text in reversed(self.overrides):
            if path[: len(changed)] == changed:
                return f"--set {text}"
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return f"{self.where}, line {self.lines[path[:length]]}"
        return self.where


@dataclass(frozen=True)
class Spot:
    """One value's place. `label` is how messages name it, such as `objective[0].temperature`."""

    origin: Origin
    path: KeyPath = ()
    label: str = ""

    def key(self, name: str) -> Spot:
        """The value under a key of this mapping."""
        label = f"{self.label}.{name}" if self.label else name
        return replace(self, path=(*self.path, name), label=label)

    def item(self, index: int) -> Spot:
        """An item of this list."""
        return replace(self, path=(*self.path, index), label=f"{self.label}[{index}]")

    def inside(self, name: str) -> Spot:
        """The value under a key that messages leave out: the name of a term."""
        return replace(self, path=(*self.path, name))

    def refuse(self, sentence: str) -> RequestError:
        """An error whose sentence begins with this value's name."""
        return self.tell(f"{self.label or 'the recipe'} {sentence}")

    def tell(self, sentence: str) -> RequestError:
        """An error with a whole sentence of its own."""
        return RequestError(f"{self.origin.at(self.path)}: {sentence}")
