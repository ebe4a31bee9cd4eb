"""Hugging Face data sets: folders saved by `datasets`, ids on the hub, and objects in Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from understudy.data import fingerprint, parts
from understudy.data.arrow import Cells, columns_of
from understudy.data.cells import Column
from understudy.data.rows import Rows
from understudy.errors import RequestError

MARKS = ("dataset_dict.json", "state.json")
"""A folder with one of these was written by `save_to_disk`."""


def is_saved(folder: Path) -> bool:
    """Whether a folder was written by `save_to_disk`."""
    return any((folder / mark).is_file() for mark in MARKS)


def read_saved(folder: Path, origin: str, part: str | None = None) -> Rows:
    """The rows of a saved Dataset, or of one part of a saved DatasetDict.

    Raises: RequestError where files are missing or damaged, or the part does not exist.
    """
    import datasets
    import pyarrow as pa

    try:
        loaded = datasets.load_from_disk(folder)
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise RequestError(f"{origin} is no whole saved data set: {error}") from error
    return read_loaded(loaded, origin, part)


def read_hub(name: str) -> Rows:
    """The rows of `owner/name[@part][#config]` on the Hugging Face hub.

    Raises: RequestError where there is no such set, or the hub cannot be reached.
    """
    import datasets

    rest, _, config = name.partition("#")
    path, _, part = rest.partition("@")
    origin = f"hub:{path}"
    try:
        loaded = datasets.load_dataset(path, config or None)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        told = " ".join(str(error).split())
        raise RequestError(
            f"{origin} cannot be loaded: {told}; check the name, the network and, for a gated "
            "set, `hf auth login`, or give a folder saved with save_to_disk"
        ) from error
    return read_loaded(loaded, origin, part or None)


def read_loaded(loaded: Any, origin: str, part: str | None = None) -> Rows:
    """The rows of a `Dataset`, or of one part of a `DatasetDict`; images are read lazily."""
    import datasets

    if isinstance(loaded, dict):
        chosen = parts.choose(list(loaded), part, origin)
        loaded, origin = loaded[chosen], f"{origin.removesuffix(f'@{part}')}@{chosen}"
    elif part is not None:
        raise RequestError(f"{origin} has no parts, so '@{part}' names nothing in it")
    names = {
        name: tuple(feature.names)
        for name, feature in loaded.features.items()
        if isinstance(feature, datasets.ClassLabel)
    }
    columns, classes = columns_of(loaded.with_format("arrow")[:], origin, names)
    return Rows(columns, origin, _fingerprint(columns), classes)


def _fingerprint(columns: dict[str, Column]) -> str:
    """Of names and values; an image kept as a path counts by what the file holds."""
    hashed = {
        name: [Path(cell) if isinstance(cell, str) else cell for cell in column]
        if isinstance(column, Cells)
        else column
        for name, column in columns.items()
    }
    return fingerprint.of_columns(hashed)
