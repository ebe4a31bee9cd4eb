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
        "sentiment", "topic", "emotion", "label_text", "intent_name",
    ),
    "text": (
        "text", "sentence", "utterance", "message", "content", "description", "review", "comment",
        "tweet", "headline", "phrase", "question", "query", "document", "body", "x",
    ),
    "text_2": ("text_2",),
    "text_3": ("text_3",),
    "query": ("query", "question", "claim", "anchor", "search"),
    "document": ("document", "passage", "positive", "answer", "context", "text"),
    "score": (
        "score", "similarity", "similarity_score", "label_score", "relevance", "grade", "rating",
    ),
}  # fmt: skip
"""For what a task wants: the names it is known by, likeliest first."""

TEXTS = ("text", "text_2", "text_3")
"""The keys of data.columns for the texts of a row, in order."""
PAIRS = (
    ("text", "text_2"), ("text1", "text2"), ("text_1", "text_2"), ("text_a", "text_b"),
    ("sentence1", "sentence2"), ("sentence_1", "sentence_2"), ("sentence_a", "sentence_b"),
    ("premise", "hypothesis"), ("question1", "question2"), ("question", "sentence"),
    ("question", "passage"), ("question", "context"), ("query", "document"), ("query", "passage"),
    ("title", "description"), ("title", "body"),
)  # fmt: skip
"""Names of two columns that belong together, as in GLUE and in news."""
READ = 200
"""Cells from which it is told what a column holds."""
WORDS = 3
"""From so many words a cell on average, a column holds texts and not names of classes."""


def choose_columns(rows: Rows, wanted: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """For each thing wanted, the name of its column: the one given, or one of a known name.

    Where the source names no columns, they are told by what they hold.

    Raises: RequestError for a column that does not exist or cannot be told, and for an unknown key
    in `given`.
    """
    wanted = tuple(wanted)
    for key in given:
        if key not in wanted and key not in KNOWN:
            raise RequestError(f"data.columns has no field '{key}'; {did_you_mean(key, wanted)}")
    return {want: _column(rows, want, given.get(want)) for want in wanted}


def text_columns(rows: Rows, given: Mapping[str, str]) -> tuple[str, ...]:
    """The columns that are the text of a row, in order: one, or several that belong together.

    As `given` says under text, text_2 and text_3; else a well-known pair, a column of a known name,
    or all that hold texts in a source that names no columns.

    Raises: RequestError as `choose_columns` does, for a number left out and for a column named
    twice.
    """
    keys = [key for key in TEXTS if key in given]
    if keys and keys != list(TEXTS[: len(keys)]):
        absent = next(key for key in TEXTS if key not in given)
        raise RequestError(f"data.columns names {keys[-1]} and no {absent}; add {absent}: NAME")
    if keys:
        chosen = tuple(choose_columns(rows, keys, given).values())
        if len(set(chosen)) < len(chosen):
            raise RequestError(
                f"data.columns names '{chosen[-1]}' twice as a text; each needs its own column"
            )
        return chosen
    by_lower_case = _by_lower_case(rows)
    for pair in PAIRS:
        if by_lower_case.keys() >= set(pair):
            return tuple(by_lower_case[name] for name in pair)
    if _without_names(rows):
        texts = tuple(name for name, column in rows.columns.items() if _holds_texts(column))
        if texts:
            return texts
    return (choose_columns(rows, ("text",), given)["text"],)


def _column(rows: Rows, want: str, given: str | None) -> str:
    names = list(rows.columns)
    if given is not None:
        if given in rows.columns:
            return given
        raise RequestError(
            f"{rows.origin} has no column '{given}', which data.columns names as {want} "
            f"(it has {', '.join(names)}); {did_you_mean(given, names)}"
        )
    by_lower_case = _by_lower_case(rows)
    for known in KNOWN.get(want, (want,)):
        if known in by_lower_case:
            return by_lower_case[known]
    likely = _likely(rows, want)
    if len(likely) == 1:
        return likely[0]
    raise RequestError(
        f"{rows.origin} has no column that looks like the {want} (it has {', '.join(names)}); "
        f"say which one it is: data.columns: {{{want}: NAME}}"
    )


def _by_lower_case(rows: Rows) -> dict[str, str]:
    return {name.lower(): name for name in reversed(list(rows.columns))}


def _likely(rows: Rows, want: str) -> list[str]:
    """The columns that hold what an image, a text, a label or a score is."""
    if want == "image":
        return [name for name, column in rows.columns.items() if _is_shaped(column)]
    if want == "text":
        return [name for name, column in rows.columns.items() if _holds_texts(column)]
    if want in ("label", "score") and _without_names(rows):
        return [
            name
            for name, column in rows.columns.items()
            if not _is_shaped(column) and not _holds_texts(column)
        ]
    return []


def _without_names(rows: Rows) -> bool:
    """Whether the columns are called 0, 1, 2 ..., as they are where the source names none."""
    return list(rows.columns) == [str(number) for number in range(len(rows.columns))]


def _is_shaped(column: Column) -> bool:
    return isinstance(column, np.ndarray) and column.ndim > 2


def _holds_texts(column: Column) -> bool:
    """Whether the first cells are texts of several words."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "biuf":
        return False
    cells = [column[row] for row in range(min(READ, len(column)))]
    texts = [cell for cell in cells if isinstance(cell, str)]
    others = [cell for cell in cells if not isinstance(cell, str) and cell is not None]
    words = sum(len(text.split()) for text in texts)
    return bool(texts) and not others and words >= WORDS * len(texts)
