"""What stands beside the prepared rows is read as it was written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.data.texts import utf8
from understudy.store import Column, Index, Ragged, create
from understudy.tasks import Facts, Prepared, open_prepared
from understudy.tasks.prepared import save_facts, spread

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


def write_ragged(folder: Path) -> Prepared:
    """Texts, and numbers of any length, of three rows in two shards."""
    texts = ["one", "zwölf\x1ftwo", "x"]
    ids = [[5, 6, 7], [8], [9, 0]]
    layout = (Column("text", "uint8", ragged=True), Column("ids", "int32", ragged=True))
    store = create(folder / "rows", Index(layout, 3, 2, {}))
    for shard in store.missing():
        span = store.span(shard)
        some = ids[span.start : span.stop]
        offsets = np.cumsum([0, *map(len, some)])
        flat = np.array([number for row in some for number in row], np.int32)
        store.write(
            shard,
            {"text": utf8(texts[span.start : span.stop]), "ids": Ragged(flat, offsets)},
        )
    relations = {"gold": np.array([0.5, 2.0]), "first": np.array([0, 1])}
    splits = {"train": np.array([0]), "test": np.array([1, 2])}
    save_facts(folder, FACTS, np.full(3, -1), splits, relations)
    found = open_prepared(folder)
    assert found is not None
    return found


def test_texts_and_tokens_of_any_length(tmp_path: Path):
    found = write_ragged(tmp_path)
    inputs = found.inputs(np.array([1, 2]), ("text", "ids"))
    assert inputs["text"].tolist() == ["zwölf\x1ftwo", "x"]
    assert inputs["ids"].tolist() == [[8, 0], [9, 0]]
    assert inputs["mask"].tolist() == [[1, 0], [1, 1]]  # a real 0 is no padding
    assert inputs["ids"].dtype == inputs["mask"].dtype == np.int64
    whole = found.inputs(np.arange(3), ("ids",))
    assert list(whole) == ["ids", "mask"]
    assert whole["ids"].shape == (3, 3)
    assert whole["mask"].sum(1).tolist() == [3, 1, 2]


def test_relations_come_back_apart_from_splits(tmp_path: Path):
    found = write_ragged(tmp_path)
    assert found.relations.keys() == {"gold", "first"}
    assert found.relations["gold"].tolist() == [0.5, 2.0]
    assert found.splits.keys() == {"train", "test"}


def test_rows_as_a_network_reads_them_know_the_raw_ones(tmp_path: Path):
    found = write_ragged(tmp_path)
    assert found.raw is found
    other = write(tmp_path / "other")
    assert other is not None
    read = replace(found, store=other.store, source=found.store, lengths=np.array([3, 1, 2]))
    assert read.inputs(np.array([1]), ("image",))["image"].tolist() == [[1]]
    assert read.raw.store is found.store
    assert (read.raw.lengths, read.raw.source) == (None, None)


def test_made_rows_are_counted_behind_all_sources(tmp_path: Path):
    rows = {"train": 2, "out_of_scope": 1, "augmented": 2}
    splits = {"train": np.array([0, 1, 3, 4]), "out_of_scope": np.array([2])}
    found = replace(write_ragged(tmp_path), facts=replace(FACTS, rows=rows), splits=splits)
    assert found.source_rows("train").tolist() == [0, 1, 0, 1]
    assert found.source_rows("out_of_scope").tolist() == [0]


@pytest.mark.parametrize("count", [1, 7, 400, 12_345])
def test_rows_are_taken_from_all_over(count: int):
    rows = np.arange(100, 100 + count)
    chosen = spread(rows, 400)
    assert len(chosen) == min(count, 400)
    assert (chosen[0], chosen[-1]) == (rows[0], rows[-1])
    assert np.diff(chosen).max(initial=1) <= -(-count // 400) + 1
