"""A model as evaluation sees it: raw rows in, one row of logits out for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from understudy.errors import RequestError

Inputs = Mapping[str, NDArray[np.generic]]
"""Raw rows by column, such as {"image": [B, H, W, channels]}; every column has B rows."""


LEAST = float(np.finfo(np.float32).min)
"""The least log-probability that is kept, so that each is finite."""


class Predictor(Protocol):
    """A model that answers: teacher, control, student, rival or exported artefact."""

    @property
    def name(self) -> str: ...

    def predict(self, inputs: Inputs) -> NDArray[np.float32]:
        """Logits or log-probabilities. Shapes: columns of [B, ...] -> [B, C]."""
        ...


@dataclass(frozen=True)
class Answers:
    """What a model said about N rows of C classes.

    Shapes: classes [N] int64, confidence [N] float32, log_probabilities [N, C] float32 in nats.
    """

    classes: NDArray[np.int64]
    confidence: NDArray[np.float32]
    """The probability of the class that was answered."""
    log_probabilities: NDArray[np.float32]


def answers_from(logits: NDArray[np.generic]) -> Answers:
    """The answers that a table of logits gives. Shapes: [N, C] -> N answers.

    Limits: adding a constant to a row changes nothing, so log-probabilities pass as they are.
    """
    scores = logits.astype(np.float64)
    scores -= scores.max(axis=1, keepdims=True)
    log_probabilities = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    classes = scores.argmax(axis=1)
    confidence = np.exp(np.take_along_axis(log_probabilities, classes[:, None], axis=1)[:, 0])
    return Answers(
        classes=classes.astype(np.int64),
        confidence=confidence.astype(np.float32),
        log_probabilities=np.maximum(log_probabilities, LEAST).astype(np.float32),
    )


LISTS_AT_ONCE = 16
"""Rows of a query and its documents that are asked about together, for `tables_of`."""


def rows_in(inputs: Inputs) -> int:
    """How many rows the columns hold."""
    return len(next(iter(inputs.values()), ()))


def rows_between(inputs: Inputs, first: int, last: int) -> Inputs:
    """The rows first..last-1 of every column, without copying them."""
    return {column: values[first:last] for column, values in inputs.items()}


def ask(
    predictor: Predictor, inputs: Inputs, batch: int = 256, classes: int | None = None
) -> Answers:
    """What a model says about all rows, asked in batches; `classes` is the width to insist on.

    Raises RequestError where there is no row, or an answer has the wrong shape or is not finite.
    """
    return answers_from(logits_of(predictor, inputs, batch, classes))


def logits_of(
    predictor: Predictor, inputs: Inputs, batch: int = 256, classes: int | None = None
) -> NDArray[np.float32]:
    """The same as it is given. Shapes: columns of [N, ...] -> [N, C]. Raises as `ask` does."""
    rows = rows_in(inputs)
    if rows == 0:
        raise RequestError(f"{predictor.name}: there is no row to answer")
    tables: list[NDArray[np.float32]] = []
    for first in range(0, rows, batch):
        last = min(first + batch, rows)
        table = np.asarray(predictor.predict(rows_between(inputs, first, last)))
        width = classes or (tables[0].shape[1] if tables else None)
        _refuse_odd(predictor.name, table, first, last, width)
        tables.append(table)
    return np.concatenate(tables)


def tables_of(predictor: Predictor, inputs: Inputs, batch: int = 256) -> NDArray[np.float32]:
    """What a model gives all rows, asked in batches of texts of like length.

    Shapes: columns of [N, ...] -> [N, ...]. Raises RequestError where there is no row.
    """
    rows = rows_in(inputs)
    if rows == 0:
        raise RequestError(f"{predictor.name}: there is no row to answer")
    lengths = [len(text) for text in inputs["text"]] if "text" in inputs else np.zeros(rows)
    order = np.argsort(lengths, kind="stable")
    parts = []
    for first in range(0, rows, batch):
        some = order[first : first + batch]
        parts.append(predictor.predict({name: values[some] for name, values in inputs.items()}))
    found = np.concatenate(parts)
    answers = np.empty_like(found)
    answers[order] = found
    return np.asarray(answers, dtype=np.float32)


def _refuse_odd(
    name: str, table: NDArray[np.float32], first: int, last: int, width: int | None
) -> None:
    expected = f"[{last - first}, {'classes' if width is None else width}]"
    if table.ndim != 2 or len(table) != last - first or table.shape[1] != (width or table.shape[1]):
        raise RequestError(
            f"{name} answered with the shape {list(table.shape)} for rows {first} to {last - 1}; "
            f"it must be {expected}, one logit for each class"
        )
    odd = np.flatnonzero(~np.isfinite(table).all(axis=1))
    if len(odd):
        raise RequestError(
            f"{name} answered row {first + odd[0]} with a number that is not finite "
            f"({len(odd)} of rows {first} to {last - 1}); every logit must be finite"
        )
