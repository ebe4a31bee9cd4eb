"""Whatever a user has, as rows: `read` looks at what it is and asks the file for that kind."""

from __future__ import annotations

import difflib
import re
import sys
from pathlib import Path
from typing import Any

from understudy.data import arrays, beir, bundled, folders, hub, memory, tables
from understudy.data.columns import choose_columns
from understudy.data.rows import Rows
from understudy.errors import RequestError, did_you_mean

__all__ = ["choose_columns", "read"]

SCHEMES = {"sklearn": bundled.read, "hub": hub.read_hub}
ARRAYS = (".npz", ".npy")
PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib")


def read(source: Any, *, root: Path | None = None) -> Rows:
    """The rows of a path, `sklearn:NAME`, `hub:OWNER/NAME[@part][#config]`, or a Python object.

    Relative paths count from `root` (the folder of the recipe), then from the working directory.
    `PATH@test` names one part of a source that holds several.

    Raises: RequestError where there is no such source, or it cannot be read.
    """
    if isinstance(source, Rows):
        return source
    if isinstance(source, str | Path):
        return _read_named(str(source), root)
    datasets = sys.modules.get("datasets")
    if datasets is not None and isinstance(source, datasets.Dataset | datasets.DatasetDict):
        return hub.read_loaded(source, f"the {type(source).__name__} given")
    return memory.read(source, root or Path.cwd())


def _read_named(source: str, root: Path | None) -> Rows:
    scheme = re.match(r"([A-Za-z][A-Za-z0-9_+-]+):(.*)", source)
    if scheme and not _found(source, root):
        kind, name = scheme.groups()
        if kind not in SCHEMES:
            raise RequestError(
                f"'{source}' is no path here, and '{kind}:' is an unknown kind of source; "
                f"{did_you_mean(kind, SCHEMES)}"
            )
        return SCHEMES[kind](name)
    path, part = _found(source, root), None
    if path is None and "@" in source:
        name, _, part = source.rpartition("@")
        path = _found(name, root)
    if path is None:
        raise RequestError(_missing(source, root))
    return _read_path(path, source, part)


def _read_path(path: Path, origin: str, part: str | None) -> Rows:
    suffix = path.suffix.lower()
    if beir.is_beir(path):
        return beir.read(path, origin, part)
    if path.is_dir():
        return (hub.read_saved if hub.is_saved(path) else folders.read)(path, origin, part)
    if suffix in ARRAYS:
        return arrays.read(path, origin, part)
    if suffix in PICKLES:
        raise RequestError(
            f"{origin} is a pickle, which is never loaded because that can run code; "
            "save the rows as .npz or .parquet"
        )
    if suffix not in tables.TABLES:
        known = ", ".join((*tables.TABLES, *ARRAYS))
        raise RequestError(
            f"{origin} is of an unknown kind '{suffix}'; known are {known}, and folders of images"
        )
    return tables.read(path, origin, part)


def _found(name: str, root: Path | None) -> Path | None:
    """The path of a name, counted from the recipe's folder or from the working directory."""
    path = Path(name).expanduser()
    places = [folder / path for folder in (root, Path.cwd()) if folder is not None]
    return next((place for place in places if place.exists()), None)


def _missing(name: str, root: Path | None) -> str:
    """That there is no such file, where it was looked for, and which name is near."""
    path = Path(name).expanduser()
    places = [folder / path for folder in dict.fromkeys((root, Path.cwd())) if folder is not None]
    for place in places:
        if place.parent.is_dir():
            siblings = [sibling.name for sibling in place.parent.iterdir()]
            near = difflib.get_close_matches(path.name, siblings, n=1, cutoff=0.6)
            if near:
                return f"there is no file '{name}'; did you mean '{path.with_name(near[0])}'?"
    looked = " and ".join(dict.fromkeys(str(place.parent) for place in places))
    return f"there is no file '{name}' (looked in {looked})"
