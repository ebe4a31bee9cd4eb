from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from understudy.data.settings import Data
from understudy.errors import RequestError
from understudy.objectives import (
    OBJECTIVES,
    HardLabels,
    Objective,
    SoftLabels,
    Weighted,
    recipe_name,
)
from understudy.recipe.reading import read_recipe, recipe_from
from understudy.recipe.schema import Ensembled, Given, Knowledge, Recipe, Trained
from understudy.training.settings import Training

FULL = """\
task: image-classification
data:
  train: train.npz
  columns: {image: x, label: y}
  image_size: [28, 28]
teacher:
  train: cnn-large
  training: {epochs: 3}
student: cnn-small
objective:
  - soft_labels: {temperature: 4, weight: 0.9}
  - hard_labels
training:
  epochs: 20
  learning_rate: 1e-3
  clip: null
knowledge:
  # mode: live
rivals: [linear]
export: [onnx]
require:
  - quality_retained >= 0.97
"""
SMALLEST: dict[str, Any] = {"data": "a.npz", "teacher": "big", "student": "small"}


@pytest.fixture
def file(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "mnist.yaml"
        path.write_text(text)
        return path

    return write


def test_a_file_becomes_the_objects_that_python_would_make(file):
    assert read_recipe(file(FULL)) == Recipe(
        data=Data("train.npz", columns={"image": "x", "label": "y"}, image_size=(28, 28)),
        teacher=Trained("cnn-large", training=Training(epochs=3)),
        student="cnn-small",
        task="image-classification",
        objective=0.9 * SoftLabels(temperature=4.0) + HardLabels(),
        training=Training(epochs=20, learning_rate=1e-3, clip=None),
        knowledge=Knowledge(),
        rivals=("linear",),
        export=("onnx",),
        require=("quality_retained >= 0.97",),
    )


def test_three_lines_are_enough(file):
    text = "data: a.npz\nteacher: big\nstudent: small\n"
    assert read_recipe(file(text)) == Recipe(Data("a.npz"), "big", "small")
    assert read_recipe(file(text), ["data.test=b.npz"]).data == Data("a.npz", test="b.npz")
    assert recipe_from(SMALLEST) == read_recipe(file(text))


def test_teachers_have_four_forms_which_nest():
    teacher = {
        "ensemble": ["a", {"train": "mlp-8"}, {"model": "b", "mean": [1], "std": [2]}],
        "weights": [1, 2, 0.5],
    }
    assert recipe_from({**SMALLEST, "teacher": teacher}).teacher == Ensembled(
        ("a", Trained("mlp-8"), Given("b", mean=(1.0,), std=(2.0,))), (1.0, 2.0, 0.5)
    )


def test_terms_may_be_left_to_choose_themselves():
    terms = [{"soft_labels": {"temperature": "auto", "weight": "auto"}}, {"hard_labels": None}]
    assert recipe_from({**SMALLEST, "objective": terms}).objective == Objective(
        (Weighted(SoftLabels("auto"), "auto"), Weighted(HardLabels()))
    )


def test_overrides_go_through_the_same_reader(file):
    overrides = ["objective.0.soft_labels.temperature=2", "training.learning_rate=1e-2"]
    changed = read_recipe(file(FULL), [*overrides, "teacher=big", "evaluation.threads=2"])
    assert changed.objective == 0.9 * SoftLabels(temperature=2.0) + HardLabels()
    assert changed.training == Training(epochs=20, learning_rate=1e-2, clip=None)
    assert (changed.teacher, changed.evaluation.threads) == ("big", 2)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "learning_rate",
            "learning_rte",
            "mnist.yaml, line 15: training.learning_rte is unknown; did you mean 'learning_rate'?",
        ),
        (
            "task: image-classification",
            "tsk: image-classification",
            "mnist.yaml, line 1: tsk is unknown; did you mean 'task'?",
        ),
        (
            "image-classification",
            "image-clasification",
            "mnist.yaml, line 1: task 'image-clasification' is unknown; "
            "did you mean 'image-classification'?",
        ),
        (
            "train: cnn-large",
            "trian: cnn-large",
            "mnist.yaml, line 6: teacher is a mapping with trian, training; it must be a name or "
            "one of {train: ...}, {model: ...}, {ensemble: ...}",
        ),
        (
            "temperature",
            "temprature",
            "mnist.yaml, line 11: objective[0].temprature: soft_labels has no field 'temprature'; "
            "did you mean 'temperature'?",
        ),
        (
            "temperature: 4",
            "temperature: 0",
            "mnist.yaml, line 11: objective[0].temperature is 0.0; it must be above 0, or 'auto'",
        ),
        (
            "temperature: 4",
            "temperature: hot",
            "mnist.yaml, line 11: objective[0].temperature is 'hot'; it must be a number or 'auto'",
        ),
        (
            "weight: 0.9",
            "weight: -1",
            "mnist.yaml, line 11: objective: the weight of SoftLabels is -1.0; "
            "it must be 0 or more, or 'auto'",
        ),
        (
            "- soft_labels",
            "- soft_label",
            "mnist.yaml, line 11: objective[0] names no term 'soft_label'; "
            "did you mean 'soft_labels'?",
        ),
        (
            "- soft_labels: {",
            "- {soft_labels: , ",
            "mnist.yaml, line 11: objective[0] is a mapping with soft_labels, temperature, weight; "
            "it must be one term: {NAME: {...}}",
        ),
        (
            "- hard_labels",
            "- hard_labels: 0.1",
            "mnist.yaml, line 12: objective[1] is 0.1; hard_labels takes a mapping of weight",
        ),
        (
            "- hard_labels",
            "- python: term Mine, weight 1",
            "mnist.yaml, line 12: objective[1] names no term 'python'; "
            f"known are: {', '.join(sorted(map(recipe_name, OBJECTIVES)))}",
        ),
        (
            "- hard_labels",
            "- 'python: object Mine, weight 1'",
            "mnist.yaml, line 12: objective[1] was given in Python: object Mine, weight 1; "
            "a file cannot hold it, so run this from Python again",
        ),
        (
            "epochs: 20",
            "epochs: 0",
            "mnist.yaml, line 14: training.epochs is 0; it must be 1 or more",
        ),
        (
            "{epochs: 3}",
            "{epochs: 0}",
            "mnist.yaml, line 8: teacher.training.epochs is 0; it must be 1 or more",
        ),
        (
            "{epochs: 3}",
            "{epochs: three}",
            "mnist.yaml, line 8: teacher.training.epochs is 'three'; it must be a whole number",
        ),
        (
            "[28, 28]",
            "[28, 28.5]",
            "mnist.yaml, line 5: data.image_size[1] is 28.5; it must be a whole number",
        ),
        (
            "[linear]",
            "[liner]",
            "mnist.yaml, line 19: rivals: there is no rival 'liner' for images; "
            "did you mean 'linear'?",
        ),
        (
            "[linear]",
            "all",
            "mnist.yaml, line 19: rivals is 'all'; it must be 'auto', 'none' or a list of texts",
        ),
        (
            "[onnx]",
            "[onxn]",
            "mnist.yaml, line 20: export[0] names no format 'onxn'; did you mean 'onnx'?",
        ),
        (
            "quality_retained",
            "quality_retain",
            "mnist.yaml, line 22: require[0]: there is no metric 'quality_retain'; "
            "did you mean 'quality_retained'?",
        ),
        (
            "student: cnn-small\n",
            "",
            "mnist.yaml: student is missing; needed are data, teacher, student",
        ),
        ("  train: train.npz\n", "", "mnist.yaml, line 2: data.train is missing"),
        (
            "train: train.npz",
            "train: 'python: (array uint8 [9, 8, 8], array int64 [9])'",
            "mnist.yaml, line 3: data.train was given in Python: (array uint8 [9, 8, 8], "
            "array int64 [9]); a file cannot hold it, so run this from Python again",
        ),
        (
            "student: cnn-small",
            "student: {layers: [0]}",
            "mnist.yaml, line 9: student is a mapping with layers; it must be a name or one of "
            "{preset: ...}, {from_teacher: ...}",
        ),
        (
            "epochs: 20",
            "learning_rate: 2",
            "mnist.yaml, line 15: training.learning_rate is given twice (first on line 14); "
            "keep one",
        ),
    ],
)
def test_every_mistake_names_its_line_and_what_to_do(file, old: str, new: str, sentence: str):
    assert old in FULL
    with pytest.raises(RequestError, match=f"^{re.escape(sentence)}$"):
        read_recipe(file(FULL.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        (
            "training.learning_rte=1",
            "--set training.learning_rte=1: training.learning_rte is unknown; "
            "did you mean 'learning_rate'?",
        ),
        (
            "training.epochs=many",
            "--set training.epochs=many: training.epochs is 'many'; it must be a whole number",
        ),
        (
            "training.accumulate=3",
            "--set training.accumulate=3: training.accumulate is 3; it must divide batch_size, 128",
        ),
        (
            "objective.0.soft_labels.temperature=-1",
            "--set objective.0.soft_labels.temperature=-1: objective[0].temperature is -1.0; "
            "it must be above 0, or 'auto'",
        ),
        (
            "require=accuracy > 0.9",
            "--set require=accuracy > 0.9: require is 'accuracy > 0.9'; it must be a list of texts",
        ),
        (
            "objective=hard_labels",
            "--set objective=hard_labels: objective is 'hard_labels'; it must be a list of terms, "
            "such as [{soft_labels: {temperature: 4, weight: 0.9}}, {hard_labels: {weight: 0.1}}]",
        ),
        (
            "objective=[]",
            "--set objective=[]: objective: it has no term; name at least one, such as soft_labels",
        ),
        (
            "objective=[{soft_labels: {weight: 0}}]",
            "--set objective=[{soft_labels: {weight: 0}}]: objective has no weight above 0, "
            "so there is nothing to learn",
        ),
    ],
)
def test_a_mistake_in_an_override_names_the_override(file, override: str, sentence: str):
    with pytest.raises(RequestError, match=f"^{re.escape(sentence)}$"):
        read_recipe(file(FULL), [override])


def test_files_that_are_no_recipes_are_refused(file, tmp_path: Path):
    refused = {
        "": "mnist.yaml: the recipe is empty; it needs data, teacher and student",
        "- a\n": "mnist.yaml: the recipe is a list of 1; it must be a mapping with data, teacher, "
        "student, task, objective, training, knowledge, control, rivals, export, require, "
        "evaluation",
    }
    for text, sentence in refused.items():
        with pytest.raises(RequestError, match=f"^{re.escape(sentence)}$"):
            read_recipe(file(text))
    missing = tmp_path / "none.yaml"
    told = f"the recipe '{missing}' cannot be read: no such file or directory"
    with pytest.raises(RequestError, match=f"^{re.escape(told)}$"):
        read_recipe(missing)
    missing.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(RequestError, match=r"^none\.yaml: this is not UTF-8 text"):
        read_recipe(missing)


def test_a_mapping_is_read_with_the_lines_and_the_name_it_comes_with():
    with pytest.raises(
        RequestError, match=r"^recipe: studnt is unknown; did you mean 'student'\?$"
    ):
        recipe_from({**SMALLEST, "studnt": "x"})
    lines = {("studnt",): 7}
    with pytest.raises(RequestError, match=r"^request, line 7: studnt is unknown"):
        recipe_from({**SMALLEST, "studnt": "x"}, lines, "request")
