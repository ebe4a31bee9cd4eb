"""File in, file out."""

from __future__ import annotations

from pathlib import Path

from understudy.errors import RequestError, did_you_mean
from understudy.files import replace_atomically

FORMATS = (".csv", ".jsonl", ".parquet")


def predict_file(model: str | Path, data: str, to: Path) -> int:
    """Answer every row of `data` and write row, prediction and confidence; returns their number.

    Raises: RequestError where model or data cannot be read, or the format is unknown.
    """
    import numpy as np
    import pyarrow as pa

    from understudy.data import sources
    from understudy.loading import load
    from understudy.tasks import task_named

    if to.suffix not in FORMATS:
        raise RequestError(f"'{to}': cannot write that; {did_you_mean(to.suffix, FORMATS)}")
    loaded = load(model)
    rows = sources.read(data)
    said = loaded.answers(task_named(loaded.task).given(rows, {}))
    names = np.asarray(loaded.classes, dtype=object)
    table = pa.table(
        {
            "row": pa.array(range(len(rows)), pa.int64()),
            "prediction": pa.array(names[said.classes], pa.string()),
            "confidence": pa.array(said.confidence, pa.float32()),
        }
    )
    replace_atomically(to, lambda path: _write(table, path, to.suffix))
    return len(rows)


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
