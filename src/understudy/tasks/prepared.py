"""The transfer set, ready to be read: rows in a store, who serves for what, what was found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.files import replace_atomically, write_json

if TYPE_CHECKING:
    from understudy.store import Store

ROLES = ("train", "validation", "test", "unlabelled")
"""What a source of rows can serve for, in the order in which they are stored."""

IntArray = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Facts:
    """What is known of the prepared rows; small, and kept as JSON beside them.

    `form` is the task's own description of an input (for images: shape, dtype, mean, std).
    `slices` holds, per column, the value of each test row, or None. `findings` are counted and
    reported.
    """

    task: str
    classes: tuple[str, ...]
    form: Mapping[str, Any]
    rows: Mapping[str, int]
    findings: tuple[Mapping[str, Any], ...] = ()
    slices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """Rows 0..N-1 in `store`; `labels` [N] with -1 for none; `splits` hold sorted row numbers.

    `train` are the rows that a student learns from, `unlabelled` ones among them; `validation` and
    `test` have labels, all of them.
    """

    key: str
    store: Store
    labels: IntArray
    splits: Mapping[str, IntArray]
    facts: Facts

    def __len__(self) -> int:
        return len(self.labels)

    def source_rows(self, part: str) -> IntArray:
        """The number of each row of a part in the source that the row came from."""
        begins: IntArray = np.cumsum([0, *(self.facts.rows.get(role, 0) for role in ROLES)])
        rows = self.splits[part]
        return rows - begins[np.searchsorted(begins, rows, side="right") - 1]

    def inputs(self, rows: IntArray, names: tuple[str, ...]) -> dict[str, Any]:
        """The named columns of some rows (sorted row numbers), as arrays [len(rows), ...]."""
        return self.store.gather(rows, names)


def save_facts(
    folder: Path, facts: Facts, labels: IntArray, splits: Mapping[str, IntArray]
) -> None:
    """Write what stands beside the rows; `facts.json` comes last and says that all is there."""
    from safetensors.numpy import save_file

    arrays = {"labels": labels, **{f"split.{name}": rows for name, rows in splits.items()}}
    replace_atomically(folder / "splits.safetensors", lambda path: save_file(arrays, path))
    write_json(folder / "facts.json", asdict(facts))


def open_prepared(folder: Path) -> Prepared | None:
    """What was prepared in this folder, or None where it is not complete."""
    from safetensors.numpy import load_file

    from understudy.store import open_store

    path = folder / "facts.json"
    if not path.is_file():
        return None
    stored = json.loads(path.read_text())
    stored["classes"] = tuple(stored["classes"])
    stored["findings"] = tuple(stored["findings"])
    stored["slices"] = {name: tuple(values) for name, values in stored["slices"].items()}
    arrays = load_file(folder / "splits.safetensors")
    return Prepared(
        key=folder.name,
        store=open_store(folder / "rows"),
        labels=arrays["labels"],
        splits={
            name.removeprefix("split."): rows
            for name, rows in arrays.items()
            if name.startswith("split.")
        },
        facts=Facts(**stored),
    )
