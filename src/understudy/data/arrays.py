"""NumPy files: `.npz` with named arrays (x, y), and `.npy` with one."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.data import fingerprint, parts
from understudy.data.rows import Rows
from understudy.errors import RequestError


def read(path: Path, origin: str, part: str | None = None) -> Rows:
    """Every array of an `.npz` as a column of its name; the array of an `.npy` as column x.

    Arrays named x_train, y_train, x_test, y_test are parts, chosen by `part`.

    Raises: RequestError where the file is damaged, or holds pickled objects: those never load.
    """
    if path.stat().st_size == 0:
        raise RequestError(f"{origin} is empty: the file holds 0 bytes")
    try:
        arrays = _load(path)
    except ValueError as error:
        if "pickle" in str(error) or "Python objects" in str(error):
            raise RequestError(
                f"{origin} holds pickled Python objects, which are never loaded because that can "
                "run code; save plain arrays of numbers or fixed-width text instead"
            ) from error
        raise RequestError(f"{origin} cannot be read as {path.suffix}: {error}") from error
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise RequestError(f"{origin} cannot be read as {path.suffix}: {error}") from error
    arrays = _of_part(arrays, part, origin)
    single = [name for name, array in arrays.items() if not np.ndim(array)]
    if single:
        raise RequestError(f"{origin}: array '{single[0]}' is one number, not one value a row")
    return Rows(arrays, origin, fingerprint.of_parts(fingerprint.of_file(path), part or ""))


def _load(path: Path) -> dict[str, NDArray[Any]]:
    if path.suffix.lower() == ".npy":
        return {"x": np.lib.format.open_memmap(path, mode="r")}
    if not zipfile.is_zipfile(path):
        raise ValueError("it is no whole zip archive of arrays")
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _of_part(
    arrays: dict[str, NDArray[Any]], part: str | None, origin: str
) -> dict[str, NDArray[Any]]:
    """The arrays NAME_PART of one part as NAME, where all arrays are named so."""
    split = {name: name.rpartition("_")[::2] for name in arrays}
    has_parts = all(base and end in parts.NAMES for base, end in split.values())
    if not has_parts or not arrays:
        if part is not None:
            raise RequestError(f"{origin} has no parts, so '@{part}' names nothing in it")
        return arrays
    chosen = parts.choose(tuple(dict.fromkeys(end for _, end in split.values())), part, origin)
    return {base: arrays[name] for name, (base, end) in split.items() if end == chosen}
