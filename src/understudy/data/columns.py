"""Which column is which: as the user says, or from the names that people give them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from understudy.errors import RequestError, did_you_mean

if TYPE_CHECKING:
    from understudy.data.cells import Column
    from understudy.data.rows import Rows

KNOWN: Mapping[str, tuple[str, ...]] = {
    "image": (
        "image", "img", "images", "pixels", "pixel_values", "picture", "photo",
        "x", "path", "file", "filename", "file_name", "image_path", "filepath",
    ),
    "label": (
        "label", "labels", "y", "target", "class", "category", "intent", "fine_label",
    ),
    "text": ("text", "sentence", "utterance", "message", "content", "description", "x"),
}  # fmt: skip
"""For what a task wants: the names it is known by, likeliest first."""


def choose_columns(rows: Rows, wanted: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """For each thing wanted, the name of its column: the one given, or one of a known name.

    Raises: RequestError for a column that does not exist or cannot be told, and for an unknown key
    in `given`.
    """
    wanted = tuple(wanted)
    for key in given:
        if key not in wanted and key not in KNOWN:
            raise RequestError(f"data.columns has no field '{key}'; {did_you_mean(key, wanted)}")
    return {want: _column(rows, want, given.get(want)) for want in wanted}


def _column(rows: Rows, want: str, given: str | None) -> str:
    names = list(rows.columns)
    if given is not None:
        if given in rows.columns:
            return given
        raise RequestError(
            f"{rows.origin} has no column '{given}', which data.columns names as {want} "
            f"(it has {', '.join(names)}); {did_you_mean(given, names)}"
        )
    by_lower_case = {name.lower(): name for name in reversed(names)}
    for known in KNOWN.get(want, (want,)):
        if known in by_lower_case:
            return by_lower_case[known]
    shaped = [name for name, column in rows.columns.items() if _is_shaped(column)]
    if want == "image" and len(shaped) == 1:
        return shaped[0]
    raise RequestError(
        f"{rows.origin} has no column that looks like the {want} (it has {', '.join(names)}); "
        f"say which one it is: data.columns: {{{want}: NAME}}"
    )


def _is_shaped(column: Column) -> bool:
    return isinstance(column, np.ndarray) and column.ndim > 2
