"""File in, file out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import RequestError, did_you_mean
from understudy.files import replace_atomically

if TYPE_CHECKING:
    from understudy.loading import Model

FORMATS = (".csv", ".jsonl", ".parquet")


def predict_file(model: str | Path, data: str, to: Path) -> int:
    """Answer every row of `data` and write row, prediction and confidence; returns their number.

    An encoder's answers are row and embedding, which is a list of numbers and fits no CSV. Where a
    row may have several classes, prediction and confidence are lists; in a CSV, texts parted by |.
    Raises: RequestError where model or data cannot be read, or the format is unknown.
    """
    from understudy.data import sources
    from understudy.loading import load
    from understudy.tasks import task_named

    if to.suffix not in FORMATS:
        raise RequestError(f"'{to}': cannot write that; {did_you_mean(to.suffix, FORMATS)}")
    loaded = load(model)
    rows = sources.read(data)
    task = task_named(loaded.task)
    is_encoder = task.gives == "embedding"
    if is_encoder and to.suffix == ".csv":
        raise RequestError(f"'{to}': vectors fit no CSV; write .jsonl or .parquet")
    answers = _vectors if is_encoder else _sets if loaded.several else _classes
    table = answers(loaded, task.given(rows, {}))
    if loaded.several and to.suffix == ".csv":
        table = _flat(table)
    replace_atomically(to, lambda path: _write(table, path, to.suffix))
    return len(rows)


def _classes(loaded: Model, given: Any) -> Any:
    """Row, class and confidence, as a table."""
    import numpy as np
    import pyarrow as pa

    said = loaded.answers(given)
    names = np.asarray(loaded.classes, dtype=object)
    return pa.table(
        {
            "row": pa.array(range(len(said.classes)), pa.int64()),
            "prediction": pa.array(names[said.classes], pa.string()),
            "confidence": pa.array(said.confidence, pa.float32()),
        }
    )


def _sets(loaded: Model, given: Any) -> Any:
    """Row, classes and confidence in each, as a table."""
    import pyarrow as pa

    said = loaded.predict_sets(given)
    return pa.table(
        {
            "row": pa.array(range(len(said)), pa.int64()),
            "prediction": pa.array(
                [[answer.label for answer in some] for some in said], pa.list_(pa.string())
            ),
            "confidence": pa.array(
                [[answer.confidence for answer in some] for some in said], pa.list_(pa.float32())
            ),
        }
    )


def _flat(table: Any) -> Any:
    """Lists as texts."""
    import pyarrow as pa

    columns = {"row": table["row"]}
    for name in ("prediction", "confidence"):
        cells = table[name].to_pylist()
        columns[name] = pa.array(
            [
                "|".join(each if isinstance(each, str) else f"{each:.6g}" for each in some)
                for some in cells
            ]
        )
    return pa.table(columns)


def _vectors(loaded: Model, given: Any) -> Any:
    """Row and embedding, as a table."""
    import pyarrow as pa

    vectors = loaded.embed(given)
    flat = pa.array(vectors.ravel(), pa.float32())
    column = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    return pa.table({"row": pa.array(range(len(vectors)), pa.int64()), "embedding": column})


def _write(table: object, path: Path, suffix: str) -> None:
    import json

    from pyarrow import csv, parquet

    if suffix == ".csv":
        csv.write_csv(table, path)
    elif suffix == ".parquet":
        parquet.write_table(table, path)
    else:
        lines = (json.dumps(row, ensure_ascii=False) for row in table.to_pylist())  # type: ignore[attr-defined]
        path.write_text("\n".join(lines) + "\n")
