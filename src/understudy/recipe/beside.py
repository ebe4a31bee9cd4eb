"""What lies beside the training rows: files, folders or parts, known by their names."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

ROLES: Mapping[str, tuple[str, ...]] = {
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test",),
}
"""What rows with labels serve for, by the names that people give them."""
TEXT_ROLES: Mapping[str, tuple[str, ...]] = {
    "unlabelled": ("unlabelled", "unlabeled", "logs"),
    "out_of_scope": ("out_of_scope", "oos"),
}
"""And what texts without labels serve for."""


@dataclass(frozen=True)
class Beside:
    """A source that was found beside the training rows; `lacks` is a column that it has not."""

    source: str
    rows: int
    lacks: str | None = None


def train_file(source: str) -> str:
    """The file `train.*` in a folder that holds data files; anything else as it is."""
    folder = Path(source).expanduser()
    files = (f"train{suffix}" for suffix in _suffixes())
    return next((str(Path(source) / name) for name in files if (folder / name).is_file()), source)


def labelled_beside(source: str, columns: Collection[str] = ()) -> dict[str, Beside]:
    """What can serve as `validation` and `test`: a part of the source, or what is called as it is
    with another word for `train`.

    `columns` are those that it needs.
    """
    found = {role: next(_of_name(source, names), None) for role, names in ROLES.items()}
    return {role: _looked_at(place, columns) for role, place in found.items() if place}


def texts_beside(source: str, columns: Collection[str]) -> dict[str, Beside]:
    """What can serve as `unlabelled` and `out_of_scope`: files of any kind need no like name.

    `columns` are those that hold the texts.
    """
    found = {
        role: next(chain(_of_name(source, names), _of_any_kind(source, names)), None)
        for role, names in TEXT_ROLES.items()
    }
    return {role: _looked_at(place, columns) for role, place in found.items() if place}


def _looked_at(place: str, columns: Collection[str]) -> Beside:
    from understudy.data import sources

    rows = sources.read(place)
    lacks = next((name for name in columns if name not in rows.columns), None)
    return Beside(place, len(rows), lacks)


def _of_name(source: str, names: tuple[str, ...]) -> Iterator[str]:
    path = Path(source).expanduser()
    parts = _parts(path)
    yield from (f"{source}@{name}" for name in names if name in parts)
    if "train" in path.stem and path.exists():
        files = (path.with_name(path.name.replace("train", name)) for name in names)
        plain = (path.with_name(f"{name}{path.suffix}") for name in names)
        yield from (str(file) for file in (*files, *plain) if file.exists())


def _of_any_kind(source: str, names: tuple[str, ...]) -> Iterator[str]:
    path = Path(source).expanduser()
    if path.is_file():
        files = (path.with_name(f"{name}{suffix}") for name in names for suffix in _suffixes())
        yield from (str(file) for file in files if file.is_file() and file != path)


def _suffixes() -> tuple[str, ...]:
    from understudy.data.sources import ARRAYS
    from understudy.data.tables import TABLES

    return (*ARRAYS, *TABLES)


def _parts(path: Path) -> tuple[str, ...]:
    """The names of the parts that a source on this machine holds."""
    import numpy as np

    if (path / "dataset_dict.json").is_file():
        return tuple(json.loads((path / "dataset_dict.json").read_text())["splits"])
    if path.is_dir():
        return tuple(child.name for child in path.iterdir() if child.is_dir())
    if path.suffix.lower() == ".npz" and path.is_file():
        with np.load(path, allow_pickle=False) as arrays:
            return tuple(dict.fromkeys(name.rpartition("_")[2] for name in arrays.files))
    return ()
