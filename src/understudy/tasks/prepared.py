"""The transfer set, ready to be read: rows in a store, who serves for what, what was found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.data.labels import has_label
from understudy.data.texts import from_utf8
from understudy.files import replace_atomically, write_json
from understudy.store import Ragged

if TYPE_CHECKING:
    from understudy.store import Store

ROLES = ("train", "validation", "test", "unlabelled", "out_of_scope")
"""What a source of rows can serve for, in the order in which they are stored."""
UNLABELLED = ("unlabelled", "out_of_scope")
"""Roles whose rows have no label."""
MADE = "augmented"
"""Rows that were made from training rows; they stand behind all others."""

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
class Exam:
    """Test rows as they are scored: raw, by column [N], and what a task holds them against."""

    inputs: Mapping[str, Any]
    relations: Mapping[str, Any]
    """As in `Prepared`."""
    findings: tuple[Mapping[str, Any], ...] = ()
    """What was found while they were read."""


@dataclass(frozen=True)
class Prepared:
    """Rows 0..N-1 in `store`; `labels` [N] with -1 for none; `splits` hold sorted row numbers.

    Where a row may have several classes, `labels` [N, C] hold 1 for each that it has, 0 for the
    others, and -1 all over where nothing is known.

    `train` are the rows that a student learns from, `unlabelled` ones among them; `validation` and
    `test` have labels, all of them.
    """

    key: str
    store: Store
    labels: IntArray
    splits: Mapping[str, IntArray]
    facts: Facts
    lengths: IntArray | None = None
    """Tokens of each row, [N], where rows differ in length and are to be batched by it."""
    relations: Mapping[str, Any] = field(default_factory=dict)
    """What a task holds its test rows against, beside labels; arrays, by name."""
    source: Store | None = None
    """The raw rows, where `store` holds them as some network reads them."""

    @property
    def raw(self) -> Prepared:
        """The same rows, as they were prepared."""
        if self.source is None:
            return self
        return replace(self, store=self.source, source=None, lengths=None)

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Which rows have a label, or a set of labels: [N]."""
        return has_label(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def exam(self, names: tuple[str, ...]) -> Exam:
        """The test rows, by the named columns, where they are held against more than labels."""
        inputs = self.raw.inputs(self.splits["test"], names)
        return Exam(inputs, self.relations, self.facts.findings)

    def source_rows(self, part: str) -> IntArray:
        """The number of each row of a part in the source that the row came from."""
        begins: IntArray = np.cumsum(
            [0, *(self.facts.rows.get(role, 0) for role in (*ROLES, MADE))]
        )
        rows = self.splits[part]
        return rows - begins[np.searchsorted(begins, rows, side="right") - 1]

    def inputs(self, rows: IntArray, names: tuple[str, ...]) -> dict[str, Any]:
        """The named columns of some rows (sorted row numbers), as arrays [len(rows), ...].

        Bytes of any length are texts, [len(rows)] of str. Numbers of any length are padded with 0
        to the longest row, and `mask` [len(rows), longest] says where they are real.
        """
        found: dict[str, Any] = {}
        for name, values in self.store.gather(rows, names).items():
            if not isinstance(values, Ragged):
                found[name] = values
            elif values.values.dtype == np.uint8:
                found[name] = from_utf8(values)
            else:
                found[name], found["mask"] = padded(values)
        return found


def spread(rows: IntArray, most: int) -> IntArray:
    """At most so many of some rows, from all over them. Shapes: [N] -> [n]."""
    places = np.linspace(0, len(rows) - 1, min(most, len(rows)))
    return rows[np.unique(places.astype(np.int64))]


def padded(rows: Ragged) -> tuple[IntArray, IntArray]:
    """Rows of different lengths as one table, and which of its cells are real.

    Where -1 closes each of several parts of a row, as many in every row, each part is padded.
    Shapes: B rows of numbers -> int64 [B, longest] and int64 [B, longest] of 0 and 1; B rows of P
    parts -> [B, P, longest] twice.
    """
    closing = rows.values < 0
    lengths, values = np.diff(rows.offsets), rows.values[~closing]
    if len(values) < len(closing):
        ends = np.flatnonzero(closing)
        lengths = (np.diff(ends, prepend=-1) - 1).reshape(len(rows), -1)
    real = np.arange(max(1, int(lengths.max(initial=0)))) < lengths[..., None]
    table = np.zeros(real.shape, dtype=np.int64)
    table[real] = values
    return table, real.astype(np.int64)


def save_facts(
    folder: Path,
    facts: Facts,
    labels: IntArray,
    splits: Mapping[str, IntArray],
    relations: Mapping[str, Any] | None = None,
) -> Prepared:
    """Write what stands beside the rows, and open them; `facts.json` comes last: all is there."""
    from safetensors.numpy import save_file

    arrays = {"labels": labels, **{f"split.{name}": rows for name, rows in splits.items()}}
    arrays |= {f"relation.{name}": values for name, values in (relations or {}).items()}
    replace_atomically(folder / "splits.safetensors", lambda path: save_file(arrays, path))
    write_json(folder / "facts.json", asdict(facts))
    prepared = open_prepared(folder)
    assert prepared is not None
    return prepared


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
        splits=_under("split.", arrays),
        facts=Facts(**stored),
        relations=_under("relation.", arrays),
    )


def _under(prefix: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays whose names begin so, by the rest of their names."""
    return {
        name.removeprefix(prefix): values
        for name, values in arrays.items()
        if name.startswith(prefix)
    }
