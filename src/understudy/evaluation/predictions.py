"""`predictions.parquet`: what every model answered on every test row.

Columns: row, label, then for each model "NAME" (the class it answered) and "NAME.confidence"; for
all but the teacher also "NAME.kl", KL(teacher || model) in nats. Classes are written by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.errors import DamagedError
from understudy.evaluation.predictor import Answers
from understudy.evaluation.trust import kl
from understudy.files import replace_atomically

LEADING = ("teacher", "control", "student")
RIVAL = "rival-"


@dataclass(frozen=True)
class Predictions:
    """The file as columns of N rows, models in the order of the file."""

    rows: NDArray[np.int64]
    labels: tuple[str, ...]
    answers: Mapping[str, tuple[str, ...]]
    confidence: Mapping[str, NDArray[np.float32]]
    kl: Mapping[str, NDArray[np.float32]]


def in_order(names: Iterable[str]) -> list[str]:
    """Teacher, control, student, then rivals, then exported artefacts, each as they came."""

    def place(name: str) -> int:
        if name in LEADING:
            return LEADING.index(name)
        return len(LEADING) + (not name.startswith(RIVAL))

    return sorted(names, key=place)


def divergences(answers: Mapping[str, Answers]) -> dict[str, NDArray[np.float32]]:
    """KL(teacher || model) of every other model, one number a row. Shapes: each [N]."""
    said = answers["teacher"].log_probabilities
    return {
        name: kl(said, answers[name].log_probabilities)
        for name in in_order(answers)
        if name != "teacher"
    }


def write(
    path: Path,
    rows: NDArray[np.int64],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    answers: Mapping[str, Answers],
) -> None:
    """Write the file, whole or not at all. `rows` numbers the test rows in their source."""
    import pyarrow as pa

    names = np.asarray(classes, dtype=object)
    diverging = divergences(answers)
    columns = {"row": pa.array(rows), "label": pa.array(names[labels], pa.string())}
    for name in in_order(answers):
        columns[name] = pa.array(names[answers[name].classes], pa.string())
        columns[f"{name}.confidence"] = pa.array(answers[name].confidence, pa.float32())
        if name in diverging:
            columns[f"{name}.kl"] = pa.array(diverging[name], pa.float32())
    write_columns(path, columns)


def write_columns(path: Path, columns: Mapping[str, Any]) -> None:
    """Write columns of N cells each as parquet, whole or not at all; not a number becomes null."""
    import pyarrow as pa
    from pyarrow import parquet

    arrays = {name: pa.array(column, from_pandas=True) for name, column in columns.items()}
    replace_atomically(path, lambda temporary: parquet.write_table(pa.table(arrays), temporary))


def read(path: Path) -> Predictions:
    """Read the file. Raises DamagedError where it is missing, or not a file of predictions."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
        names = [
            column.removesuffix(".confidence")
            for column in table.column_names
            if column.endswith(".confidence")
        ]
        return Predictions(
            rows=table["row"].to_numpy(),
            labels=tuple(table["label"].to_pylist()),
            answers={name: tuple(table[name].to_pylist()) for name in names},
            confidence={name: table[f"{name}.confidence"].to_numpy() for name in names},
            kl={
                name: table[f"{name}.kl"].to_numpy()
                for name in names
                if f"{name}.kl" in table.column_names
            },
        )
    except (OSError, KeyError, pa.ArrowInvalid) as error:
        raise DamagedError(f"{path} is not a readable file of predictions: {error}") from error
