"""What stands beside the prepared rows is read as it was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from understudy.store import Column, Index, create
from understudy.tasks import Facts, Prepared, open_prepared
from understudy.tasks.prepared import save_facts

FACTS = Facts(
    task="image-classification",
    classes=("cat", "Hündin"),
    form={"shape": [1, 1, 1], "dtype": "uint8", "mean": [0.1], "std": [1 / 3]},
    rows={"train": 4, "test": 2, "unlabelled": 3},
    findings=({"kind": "duplicates", "count": 1, "rows": [3], "text": "1 row repeats"},),
    slices={"site": ("north", None)},
)
LABELS = np.array([0, 1, 0, 1, 1, 0, -1, -1, -1])
SPLITS = {
    "train": np.array([0, 2, 3, 6, 7, 8]),
    "validation": np.array([1]),
    "test": np.array([4, 5]),
}


def write(folder: Path) -> Prepared | None:
    layout = (Column("image", "uint8", (1,)),)
    store = create(folder / "rows", Index(layout, len(LABELS), 5, {}))
    for shard in store.missing():
        store.write(shard, {"image": np.array(store.span(shard), np.uint8)[:, None]})
    save_facts(folder, FACTS, LABELS, SPLITS)
    return open_prepared(folder)


def test_facts_labels_and_splits_come_back(tmp_path: Path):
    found = write(tmp_path / "key")
    assert found is not None
    assert found.key == "key"
    assert len(found) == 9
    assert (found.facts.classes, found.facts.slices) == (FACTS.classes, FACTS.slices)
    assert (found.facts.rows, found.facts.form) == (FACTS.rows, FACTS.form)
    assert [dict(f) for f in found.facts.findings] == [dict(f) for f in FACTS.findings]
    np.testing.assert_array_equal(found.labels, LABELS)
    assert found.splits.keys() == SPLITS.keys()
    for part, rows in SPLITS.items():
        np.testing.assert_array_equal(found.splits[part], rows)


def test_rows_are_counted_as_in_the_source_that_they_came_from(tmp_path: Path):
    found = write(tmp_path)
    assert found is not None
    # Rows 0 to 3 are from train, 4 and 5 from test, 6 to 8 from unlabelled.
    assert found.source_rows("train").tolist() == [0, 2, 3, 0, 1, 2]
    assert found.source_rows("validation").tolist() == [1]
    assert found.source_rows("test").tolist() == [0, 1]


def test_inputs_are_the_columns_asked_for(tmp_path: Path):
    found = write(tmp_path)
    assert found is not None
    inputs = found.inputs(np.array([1, 4, 8]), ("image",))
    assert inputs.keys() == {"image"}
    assert inputs["image"].ravel().tolist() == [1, 4, 8]


def test_what_is_not_complete_is_not_there(tmp_path: Path):
    write(tmp_path)
    (tmp_path / "facts.json").unlink()
    assert open_prepared(tmp_path) is None
