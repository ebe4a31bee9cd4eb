"""The file of predictions: its columns, their order, and that it comes back."""

import numpy as np
import pytest
from pyarrow import parquet

from understudy.errors import DamagedError
from understudy.evaluation import predictions
from understudy.evaluation.trust import kl

CLASSES = ("ant", "bee", "cat")
LABELS = np.random.default_rng(0).integers(0, 3, 20)
NAMES = ("onnx", "rival-knn", "student", "teacher", "rival-linear", "onnx-int8", "control")


@pytest.fixture
def answers(answering):
    return {name: answering(LABELS, 0.7, seed) for seed, name in enumerate(NAMES)}


@pytest.fixture
def path(tmp_path, answers):
    path = tmp_path / "predictions.parquet"
    predictions.write(path, np.arange(20) + 100, LABELS, CLASSES, answers)
    return path


def test_columns_are_those_of_the_contract_in_order(path):
    columns = parquet.read_table(path).column_names
    assert columns[:4] == ["row", "label", "teacher", "teacher.confidence"]
    models = ["control", "student", "rival-knn", "rival-linear", "onnx", "onnx-int8"]
    expected = [name + end for name in models for end in ("", ".confidence", ".kl")]
    assert columns[4:] == expected


def test_cells_are_the_answers(path, answers):
    table = parquet.read_table(path)
    assert table["row"].to_pylist() == list(range(100, 120))
    assert table["label"].to_pylist() == [CLASSES[label] for label in LABELS]
    student = answers["student"]
    assert table["student"].to_pylist() == [CLASSES[answer] for answer in student.classes]
    assert np.array_equal(table["student.confidence"].to_numpy(), student.confidence)
    divergence = kl(answers["teacher"].log_probabilities, student.log_probabilities)
    assert np.array_equal(table["student.kl"].to_numpy(), divergence)


def test_reading_gives_what_was_written(path, answers):
    found = predictions.read(path)
    assert list(found.answers) == predictions.in_order(answers)
    assert set(found.kl) == set(NAMES) - {"teacher"}
    for name, answer in answers.items():
        assert found.answers[name] == tuple(CLASSES[number] for number in answer.classes)
        assert np.array_equal(found.confidence[name], answer.confidence)
    assert found.rows.tolist() == list(range(100, 120))
    assert found.labels == tuple(CLASSES[label] for label in LABELS)


def test_nothing_else_is_left_in_the_folder(path):
    assert [file.name for file in path.parent.iterdir()] == ["predictions.parquet"]


@pytest.mark.parametrize("content", [None, b"not a parquet file"])
def test_a_damaged_file_is_said_to_be_one(tmp_path, content):
    path = tmp_path / "predictions.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DamagedError, match="is not a readable file of predictions"):
        predictions.read(path)
