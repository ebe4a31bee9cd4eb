from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from understudy.data.rows import Rows
from understudy.errors import RequestError
from understudy.evaluation.predictor import ask
from understudy.pipeline.contenders import contenders, new_rows
from understudy.pipeline.contenders import test_rows as rows_set_aside
from understudy.pipeline.distilling import Production


def test_every_model_is_there_and_answers_the_test_rows(production: Production):
    models = contenders(production, production.rival_names, ())
    assert list(models) == ["teacher", "control", "student", "rival-linear", "rival-knn"]
    rows = rows_set_aside(production)
    for name, model in models.items():
        assert model.predictor.name == name
        answers = ask(model.predictor, rows.inputs, classes=10)
        assert (answers.classes == rows.labels).mean() > 0.3
        assert model.stored is not None


def test_sizes_are_those_on_disk(production: Production):
    models = contenders(production, (), ())
    stored = production.folder("student") / "model.safetensors"
    assert models["student"].facts.bytes == stored.stat().st_size
    assert models["student"].facts.parameters == 610
    assert models["teacher"].facts.parameters == 64 * 64 + 64 + 640 + 10


def test_no_control_no_contender(production: Production):
    alone = replace(production, recipe=replace(production.recipe, control=False))
    assert list(contenders(alone, (), ())) == ["teacher", "student"]


def test_test_rows_keep_the_numbers_they_have_in_their_source(
    production: Production, digits_rows: Rows
):
    rows = rows_set_aside(production)
    images = np.asarray(digits_rows.columns["image"])[rows.numbers]
    np.testing.assert_array_equal(rows.inputs["image"][..., 0], images.reshape(-1, 8, 8))
    labels = np.asarray(digits_rows.columns["label"]).astype(np.int64)
    np.testing.assert_array_equal(rows.labels, labels[rows.numbers])


def test_new_rows_are_read_with_the_classes_of_the_run(production: Production, digits_rows: Rows):
    some = digits_rows.select([1, 3])  # two of the ten classes
    rows, key = new_rows(production, some)
    assert rows.classes == production.prepared.facts.classes
    assert rows.labels.tolist() == [1, 3]
    assert rows.inputs["image"].shape == (2, 8, 8, 1)
    assert key == new_rows(production, some)[1]
    assert key != new_rows(production, digits_rows.select([1, 4]))[1]


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ([1, -1], "1 rows have no label"),
        ([1, 12], "12"),
    ],
)
def test_new_rows_need_labels_that_the_run_knows(
    production: Production, labels: list[int], sentence: str
):
    images = np.zeros((2, 8, 8), dtype=np.uint8)
    with pytest.raises(RequestError, match=sentence):
        new_rows(production, (images, np.asarray(labels)))


def test_new_rows_of_another_shape_are_refused(production: Production):
    images = np.zeros((2, 5, 5, 3), dtype=np.float32)
    with pytest.raises(RequestError):
        new_rows(production, (images, np.asarray([0, 1])))


def test_a_module_that_no_file_can_make_again_has_no_measured_memory(producing: Callable):
    from torch import nn

    own = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    made = producing(student=own, control=False, rivals="none")
    made.trained("student")
    student = contenders(made, (), ())["student"]
    assert student.stored is None
    assert student.facts.parameters == 650
