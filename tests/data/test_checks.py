from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from understudy.data import checks, sources
from understudy.data.checks import Finding

ROWS = np.array([[1, 2], [3, 4], [1, 2], [5, 6], [1, 2]])


def test_equal_rows_have_equal_hashes() -> None:
    hashes = checks.row_hashes(ROWS)
    assert hashes.dtype == np.uint64
    assert hashes[0] == hashes[2] == hashes[4]
    assert len(set(hashes.tolist())) == 3
    np.testing.assert_array_equal(checks.row_hashes(ROWS[::-1]), hashes[::-1])
    texts = checks.row_hashes(["a", b"a", "b"])
    assert texts[0] == texts[1] != texts[2]
    assert len(checks.row_hashes(np.zeros((0, 4)))) == 0


def test_many_rows_are_hashed_quickly() -> None:
    rows = np.random.default_rng(0).integers(0, 256, (60_000, 784), dtype=np.uint8)
    began = time.monotonic()
    hashes = checks.row_hashes(rows)
    assert time.monotonic() - began < 3
    assert len(np.unique(hashes)) == 60_000


def test_duplicates_are_the_repeats() -> None:
    (found,) = checks.find_duplicates(checks.row_hashes(ROWS))
    assert found == Finding("duplicates", 2, (2, 4), "2 rows repeat an earlier one of 5")
    assert checks.find_duplicates(checks.row_hashes(ROWS[:2])) == []


def test_a_finding_can_be_told_in_other_row_numbers() -> None:
    (found,) = checks.find_duplicates(checks.row_hashes(ROWS))
    assert found.renumbered(np.arange(100, 105)).rows == (102, 104)


def test_only_the_first_rows_are_listed() -> None:
    (found,) = checks.find_duplicates(np.zeros(200, dtype=np.uint64))
    assert found.count == 199
    assert found.rows == tuple(range(1, 51))


def test_leaks_are_test_rows_that_train_has() -> None:
    hashes = checks.row_hashes(ROWS)
    (found,) = checks.find_leaks(hashes[:2], hashes[2:])
    assert (found.kind, found.count, found.rows) == ("leaked_test_rows", 2, (0, 2))
    assert found.text.startswith("2 of 3 test rows are in train too")
    assert checks.find_leaks(hashes[1:2], hashes[2:]) == []


def test_equal_rows_with_different_labels() -> None:
    hashes = checks.row_hashes(ROWS)
    (found,) = checks.conflicting_labels(hashes, np.array([0, 1, 1, 1, -1]))
    assert (found.kind, found.count, found.rows) == ("conflicting_labels", 2, (0, 2))
    assert checks.conflicting_labels(hashes, np.array([0, 1, 0, 1, -1])) == []
    assert checks.conflicting_labels(hashes, np.full(5, -1)) == []


def test_what_labels_tell() -> None:
    labels = np.array([0] * 63 + [1] * 3 + [2] * 10 + [-1])
    assert checks.class_counts(labels, "abcd") == {"a": 63, "b": 3, "c": 10, "d": 0}
    found = {each.kind: each for each in checks.label_findings(labels, "abcd", "test")}
    assert found["unlabelled"].rows == (76,)
    assert found["missing_classes"].text == "1 of 4 classes have no test row: d"
    assert found["imbalance"].text == ("class 'a' has 63 test rows, 'b' has 3: 21 times as many")
    assert checks.label_findings(np.array([0] * 20 + [1]), "ab") == []


def test_labels_that_a_sure_teacher_contradicts() -> None:
    probabilities = np.array([[0.95, 0.05], [0.02, 0.98], [0.85, 0.15], [0.08, 0.92], [0.99, 0.01]])
    labels = np.array([1, 0, 1, 1, -1])
    (found,) = checks.suspect_labels(np.log(probabilities), labels, classes=("cat", "dog"))
    assert (found.kind, found.count, found.rows) == ("suspect_labels", 2, (1, 0))
    assert found.text == (
        "2 of 5 labels are suspect: the teacher gives another class 90% or more, as for row 1, "
        "labelled 'cat', where it says 'dog'"
    )
    assert checks.suspect_labels(np.log(probabilities), probabilities.argmax(axis=1)) == []


def test_real_news_leaks_into_its_test(real: Callable[[str], Path]) -> None:
    """The descriptions of `dev_10k.tsv` against those of `test.csv`, byte for byte."""
    import csv

    with real("ag_news/dev_10k.tsv").open(encoding="utf-8") as file:
        train = [line.rpartition("\t")[0] for line in file]
    with real("ag_news/test.csv").open(encoding="utf-8", newline="") as file:
        test = [row[2] for row in csv.reader(file)]
    (found,) = checks.find_leaks(checks.row_hashes(train), checks.row_hashes(test))
    seen = set(train)
    assert found.count == sum(text in seen for text in test)
    assert 0 < found.count < 100


def test_real_digits_have_no_copies(real: Callable[[str], Path]) -> None:
    train, test = (sources.read(real(f"mnist/{part}.npz")) for part in ("train", "test"))
    hashes = checks.row_hashes(train.columns["x"])
    assert checks.find_duplicates(hashes) == []
    assert checks.find_leaks(hashes, checks.row_hashes(test.columns["x"])) == []
