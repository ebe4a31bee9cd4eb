from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from understudy.errors import RequestError
from understudy.recipe.appraising import Appraisal, Labels, appraise

CATS = Labels("a.npz", ("cat", "dog"))


@pytest.fixture
def folder(tmp_path: Path):
    def write(name: str = "config.json", **config: Any) -> str:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps(config))
        return str(tmp_path)

    return write


def test_a_transformers_folder_tells_its_classes_and_size(folder):
    teacher = folder(
        architectures=["ViTForImageClassification"],
        id2label={"1": "cat", "0": "dog"},
        image_size=224,
    )
    told = "a ViTForImageClassification of 224 x 224 pixels, 2 classes"
    wanted = Appraisal(teacher, told, classes=("dog", "cat"), reads=(224, 224))
    assert appraise(teacher, CATS) == wanted
    assert appraise(teacher, Labels("a.npz", ("0", "1"), numbered=True)) == wanted
    assert appraise(teacher, Labels("a.npz", ("dog", "cat"))).classes is None
    foreign = appraise(teacher, Labels("a.npz", ("0", "1")))
    assert (foreign.classes, foreign.comment) == (None, f"{told}; check their order: dog, cat")


def test_outputs_without_names_settle_no_order(folder):
    teacher = folder(architectures=["ResNetForImageClassification"], image_size=[32, 48])
    found = appraise(teacher, CATS)
    assert (found.classes, found.reads) == (None, (32, 48))


@pytest.mark.parametrize("place", ["understudy.json", "student/understudy.json"])
def test_a_model_of_ours_is_known_as_one(folder, place: str):
    teacher = folder(place, task="image-classification", classes=["dog", "cat"])
    told = "a model of ours, 2 classes"
    assert appraise(teacher, CATS) == Appraisal(teacher, told, classes=("dog", "cat"))


def test_names_that_are_no_folders():
    assert appraise("cnn-large", CATS).is_preset
    assert appraise("mine.nets:make", CATS).comment == ("your own function; needs --allow-code")
    assert appraise("owner/model", CATS).comment == "a hub id, not looked at yet"


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            {"architectures": ["BertForSequenceClassification"]},
            "is a BertForSequenceClassification, which is for text-classification; "
            "that task is not there yet, image-classification is",
        ),
        ({"architectures": ["ViTModel"]}, "is a ViTModel, which classifies nothing"),
        ({}, "is a model of no stated class, which classifies nothing"),
        (
            {"architectures": ["ViTForImageClassification"], "id2label": {"0": "a"}},
            "answers 1 classes, but a.npz has 2: cat, dog; give a teacher of these classes",
        ),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(folder, config: dict[str, Any], sentence: str):
    teacher = folder(**config)
    with pytest.raises(RequestError) as caught:
        appraise(teacher, CATS)
    assert str(caught.value) == f"teacher: '{teacher}' {sentence}"


def test_what_is_no_model_is_refused(tmp_path: Path):
    with pytest.raises(RequestError, match=r"is no model folder: it has neither config\.json nor"):
        appraise(str(tmp_path), CATS)
    told = (
        "teacher: 'nothing' does not exist; give a preset, a model folder, a hub id or "
        "'package.module:function'"
    )
    with pytest.raises(RequestError, match=f"^{re.escape(told)}$"):
        appraise("nothing", CATS)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(RequestError, match=r"config\.json is not JSON"):
        appraise(str(tmp_path), CATS)
