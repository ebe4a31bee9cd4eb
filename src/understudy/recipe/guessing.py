"""Which task a table of rows is for, and which of its columns are which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from understudy.errors import RequestError

if TYPE_CHECKING:
    from understudy.data.rows import Rows

SOUNDS = (".wav", ".flac", ".mp3", ".ogg", ".m4a")
WORDS = 4
"""A cell of so many is a text and no category."""


def image_columns(rows: Rows) -> dict[str, str]:
    """The columns `image` and `label` of rows of images.

    Raises: RequestError where the rows are for a task that is not there yet, or no column can be
    the label.
    """
    from understudy.data.sources import choose_columns

    image = _image_column(rows)
    if image is None:
        raise RequestError(
            f"{rows.origin} holds no images (it has {_listed(rows)}), so it is for "
            f"{_other_task(rows)}; that task is not there yet, image-classification is"
        )
    others = [name for name in rows.columns if name != image]
    if len(others) == 1:
        return {"image": image, "label": others[0]}
    return choose_columns(rows, ("image", "label"), {"image": image})


def _listed(rows: Rows) -> str:
    names = [name if len(name) <= 20 else f"{name[:17]}..." for name in rows.columns]
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def _image_column(rows: Rows) -> str | None:
    """A column of a known name that holds images, or the one that does."""
    from understudy.data.sources import choose_columns

    able = [name for name in rows.columns if _holds_images(rows.columns[name])]
    try:
        named = choose_columns(rows, ("image",), {})["image"]
    except RequestError:
        named = None
    if named in able:
        return named
    return able[0] if len(able) == 1 else None


def _holds_images(column: Any) -> bool:
    """Arrays of two dimensions or more, names of image files, bytes, or pictures."""
    from understudy.data.linked import names_files

    first = column[0] if len(column) else None
    if isinstance(first, str):
        return names_files(column)
    return first is not None and not _is_number(first) and not isinstance(first, bool)


def _is_number(value: Any) -> bool:
    import numpy as np

    return isinstance(value, int | float | np.generic)


def _other_task(rows: Rows) -> str:
    """The task of rows without images."""
    from understudy.data.columns import KNOWN

    first = {name.lower(): column[0] for name, column in rows.columns.items() if len(column)}
    texts = {name: value for name, value in first.items() if isinstance(value, str)}
    if any(value.lower().endswith(SOUNDS) for value in texts.values()):
        return "audio-classification"
    if any(name in KNOWN["text"] or len(text.split()) >= WORDS for name, text in texts.items()):
        return "text-classification"
    if {"user", "item"} <= {name.removesuffix("_id").removesuffix("id") for name in first}:
        return "recommendation"
    return "tabular-classification"
