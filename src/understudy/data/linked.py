"""Columns of file names: found beside the table that names them, and known by what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from understudy.data import fingerprint
from understudy.data.cells import objects
from understudy.errors import RequestError

if TYPE_CHECKING:
    from understudy.data.cells import Column

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")


def resolve(
    columns: Mapping[str, Column], base: Path, origin: str
) -> tuple[dict[str, Column], str]:
    """The columns with file names made whole from `base`, and one hash over what the files hold.

    A column holds file names where each of its values ends like an image file. The hash is empty
    where no column does.

    Raises: RequestError for files that are not there.
    """
    resolved, hashes = dict(columns), []
    for name, column in columns.items():
        if not names_files(column):
            continue
        paths = [base / str(value) for value in column]
        missing = [row for row, path in enumerate(paths) if not path.is_file()]
        if missing:
            raise RequestError(
                f"{origin}: {len(missing)} of {len(paths)} files named in column '{name}' are not "
                f"there, row {missing[0]} first: '{column[missing[0]]}' (looked in {base}); "
                "file names count from the folder of the table"
            )
        hashes += fingerprint.of_files(paths)
        resolved[name] = objects([str(path) for path in paths])
    return resolved, fingerprint.of_parts(*hashes) if hashes else ""


def names_files(column: Column) -> bool:
    """Whether every value is the name of an image file."""
    if len(column) == 0 or (isinstance(column, np.ndarray) and column.dtype.kind not in "OU"):
        return False
    return all(_is_image_name(value) for value in column)


def _is_image_name(value: object) -> bool:
    return isinstance(value, str | Path) and str(value).lower().endswith(IMAGE_SUFFIXES)
