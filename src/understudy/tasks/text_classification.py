"""Task `text-classification`: one text a row, one class a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from understudy.data import checks
from understudy.data.columns import text_columns
from understudy.data.near_texts import find_near_leaks
from understudy.errors import RequestError
from understudy.tasks.labelled import (
    about,
    encode_labels,
    parts_of,
    refuse_bad_parts,
    slice_values,
)
from understudy.tasks.prepared import (
    MADE,
    ROLES,
    Facts,
    IntArray,
    Prepared,
    save_facts,
)
from understudy.tasks.text_rows import OneTextARow, read_texts, store_texts

if TYPE_CHECKING:
    from understudy.data.rows import Rows
    from understudy.data.settings import Data
    from understudy.objectives import Objective


class TextClassification(OneTextARow):
    """Texts from tables, files or data sets; every network cuts them into its own tokens."""

    name: ClassVar[str] = "text-classification"
    metric: ClassVar[str] = "accuracy"
    gives: ClassVar[str] = "logits"

    def prepare(self, rows: Mapping[str, Rows], data: Data, folder: Path) -> Prepared:
        """Check, split, augment and store the rows; a folder that was begun before is continued.

        Raises: RequestError for whatever is wrong with the data.
        """
        given = [role for role in ROLES if role in rows]
        texts, found = _texts(rows, given, data)
        encoded, classes = encode_labels(rows, given, data, self.several)
        numbers = np.concatenate([encoded[role] for role in given])
        together = np.concatenate([texts[role] for role in given])

        hashes = checks.row_hashes(together)
        parts = parts_of(given, encoded, hashes, data)
        refuse_bad_parts(parts, numbers, classes)
        found += _findings(parts, hashes, numbers, classes, together)
        slices = slice_values(rows, data, parts, given)
        together, numbers, parts, told = _augmented(together, numbers, parts, data)
        found += told
        store_texts(together, numbers, folder)
        facts = Facts(
            task=self.name,
            classes=classes,
            form={"tokens": data.most_tokens},
            rows={role: len(rows[role]) for role in given}
            | {MADE: len(together) - sum(len(rows[role]) for role in given)},
            findings=tuple(map(asdict, found)),
            slices=slices,
        )
        return save_facts(folder, facts, numbers, parts)

    def objective(self, classes: int) -> Objective:
        """0.9 soft labels at temperature 2 and 0.1 hard labels, best where it was measured."""
        from understudy.objectives import HardLabels, SoftLabels

        return 0.9 * SoftLabels(temperature=2.0) + 0.1 * HardLabels()


def _texts(
    rows: Mapping[str, Rows], given: list[str], data: Data
) -> tuple[dict[str, Any], list[checks.Finding]]:
    """The texts of each role, and what was found while they were read."""
    texts, found = {}, []
    for role in given:
        with about(role):
            names = text_columns(rows[role], data.columns)
            texts[role], told = read_texts(rows[role], names)
            found += told
    return texts, found


def _findings(
    parts: Mapping[str, IntArray],
    hashes: Any,
    numbers: IntArray,
    classes: tuple[str, ...],
    texts: Any,
) -> list[checks.Finding]:
    """What a user should know of these rows before trusting any figure."""
    train, test = parts["train"], parts["test"]
    return [
        *(f.renumbered(train) for f in checks.find_duplicates(hashes[train])),
        *(f.renumbered(test) for f in checks.find_leaks(hashes[train], hashes[test])),
        *(f.renumbered(test) for f in find_near_leaks(texts, train, test)),
        *(f.renumbered(train) for f in checks.conflicting_labels(hashes[train], numbers[train])),
        *(f.renumbered(train) for f in checks.label_findings(numbers[train], classes)),
    ]


def _augmented(
    texts: Any, numbers: IntArray, parts: Mapping[str, IntArray], data: Data
) -> tuple[Any, IntArray, dict[str, IntArray], list[checks.Finding]]:
    """Texts, labels and parts with what is made from training rows, without labels; findings."""
    if data.augment is None:
        return texts, numbers, dict(parts), []
    from understudy.data.augmenting import from_training

    made = from_training(texts, parts["train"], data.augment)
    if not len(made.rows):
        raise RequestError("data.augment: every text that was made equals the one it is made from")
    new = np.arange(len(texts), len(texts) + len(made.rows))
    texts = np.concatenate([texts, made.texts])
    none = np.full((len(new), *numbers.shape[1:]), -1, dtype=numbers.dtype)
    numbers = np.concatenate([numbers, none])
    text = f"{len(new)} texts were made by augmentation; {made.dropped} repeated another"
    told = [checks.Finding("augmented", len(new), (), text)]
    return texts, numbers, {**parts, "train": np.concatenate([parts["train"], new])}, told
