"""Which task a table of rows is for, and which of its columns are which."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import RequestError
from understudy.recipe.appraisal import IMAGES, SETS, TEXTS

if TYPE_CHECKING:
    from understudy.data.cells import Column
    from understudy.data.rows import Rows

SOUNDS = (".wav", ".flac", ".mp3", ".ogg", ".m4a")
WORDS = 4
"""A cell of so many is a text and no category."""
SAMPLE = 64
"""Cells that are looked at to tell what a column holds."""


def guessed_task(rows: Rows, given: Mapping[str, str] | None = None) -> str:
    """The name of the task that these rows are for; `given` are columns that the user named.

    Raises: RequestError where it is a task that is not there yet.
    """
    given = given or {}
    if "image" in given or _image_column(rows) is not None:
        return IMAGES
    if "text" in given or _text_columns(rows):
        return SETS if _holds_sets(rows) else TEXTS
    raise RequestError(
        f"{rows.origin} holds neither images nor texts (it has {_listed(rows)}), so it seems to be "
        f"for {_other_task(rows)}; that task is not there yet, image-classification and "
        "text-classification are"
    )


def guessed_columns(rows: Rows, task: str) -> dict[str, str]:
    """The columns `image` and `label`, or `text`, `text_2` where there are two, and `label`.

    Raises: RequestError where no column can be the label.
    """
    from understudy.data.columns import TEXTS as KEYS

    image = _image_column(rows) if task == IMAGES else None
    found = {"image": image} if image else dict(zip(KEYS, _text_columns(rows), strict=False))
    return {**found, "label": _label_column(rows, found.values())}


def _holds_sets(rows: Rows) -> bool:
    """Whether the labels beside the texts are lists."""
    import numpy as np

    try:
        name = _label_column(rows, _text_columns(rows))
    except RequestError:
        return False
    some = _some(rows.columns[name])
    return bool(some) and all(isinstance(cell, list | tuple | np.ndarray) for cell in some)


def _label_column(rows: Rows, inputs: Collection[str]) -> str:
    """The only column beside the inputs, or one of a known name."""
    from understudy.data.columns import choose_columns

    others = {name: column for name, column in rows.columns.items() if name not in inputs}
    if len(others) == 1:
        return next(iter(others))
    named = choose_columns(rows, ("label",), {})["label"]
    if named in inputs:
        return choose_columns(replace(rows, columns=others), ("label",), {})["label"]
    return named


def _listed(rows: Rows) -> str:
    names = [name if len(name) <= 20 else f"{name[:17]}..." for name in rows.columns]
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def _image_column(rows: Rows) -> str | None:
    """A column of a known name that holds images, or the first that does."""
    from understudy.data.columns import KNOWN

    able = [name for name in rows.columns if _holds_images(rows.columns[name])]
    by_lower_case = {name.lower(): name for name in reversed(able)}
    known = (by_lower_case[name] for name in KNOWN["image"] if name in by_lower_case)
    return next(known, able[0] if able else None)


def _text_columns(rows: Rows) -> tuple[str, ...]:
    """The columns that are known to hold texts, and do; else the one whose texts are longest."""
    from understudy.data.columns import text_columns

    words = {
        name: length
        for name, column in rows.columns.items()
        if (length := _words(column)) is not None
    }
    try:
        known = text_columns(rows, {})
    except RequestError:
        known = ()
    if known and all(name in words for name in known):
        return known
    longest = max(words, key=lambda name: words[name], default=None)
    return () if longest is None or words[longest] < WORDS else (longest,)


def _some(column: Column) -> list[Any]:
    """Cells from all over a column, without those that are missing."""
    cells = (column[row] for row in range(0, len(column), max(1, len(column) // SAMPLE)))
    return [cell for cell in cells if cell is not None]


def _words(column: Column) -> float | None:
    """Words of a typical cell, or None where the cells are no texts, or name files."""
    from understudy.data.linked import IMAGE_SUFFIXES

    some = _some(column)
    if not some or not all(isinstance(cell, str) for cell in some):
        return None
    if all(cell.lower().endswith((*IMAGE_SUFFIXES, *SOUNDS)) for cell in some):
        return None
    return float(statistics.median(len(cell.split()) for cell in some))


def _holds_images(column: Column) -> bool:
    """Arrays, names of image files, bytes, or pictures."""
    import numpy as np

    from understudy.data.linked import names_files

    first = column[0] if len(column) else None
    if isinstance(first, str | Path):
        return names_files(column)
    return isinstance(first, np.ndarray | bytes) or type(first).__module__.startswith("PIL.")


def _other_task(rows: Rows) -> str:
    """The task of rows without images and texts."""
    sounds = (
        isinstance(cell, str) and cell.lower().endswith(SOUNDS)
        for column in rows.columns.values()
        for cell in _some(column)
    )
    if any(sounds):
        return "audio-classification"
    if {"user", "item"} <= {
        name.lower().removesuffix("_id").removesuffix("id") for name in rows.columns
    }:
        return "recommendation"
    return "tabular-classification"
