from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from understudy.errors import RequestError
from understudy.recipe.appraisal import IMAGES, TEXTS, Appraisal, Labels
from understudy.recipe.appraising import appraise

CATS = Labels("a.npz", ("cat", "dog"))
MAIL = Labels("a.csv", ("ham", "spam"))


@pytest.mark.parametrize(
    ("task", "name", "layers"),
    [
        *((IMAGES, name, None) for name in ("cnn-large", "mlp-64", "small")),
        *((TEXTS, name, None) for name in ("static-64", "bilstm", "cnn")),
        (TEXTS, "tiny", 2),
        (TEXTS, "small", 4),
    ],
)
def test_a_preset_is_trained_first(task: str, name: str, layers: int | None):
    wanted = Appraisal(name, "a preset", begins="preset", layers=layers)
    assert appraise(name, CATS, task) == wanted


@pytest.mark.parametrize("task", [IMAGES, TEXTS])
def test_names_that_are_no_folders(task: str):
    assert appraise("mine.nets:make", CATS, task).comment == (
        "your own function; needs --allow-code"
    )
    assert appraise("owner/model", CATS, task).comment == "a hub id, not looked at yet"


@pytest.mark.parametrize(
    ("name", "labels", "task", "told"),
    [
        ("bilstm", CATS, IMAGES, "text-classification, but a.npz is for image-classification"),
        ("cnn-small", MAIL, TEXTS, "image-classification, but a.csv is for text-classification"),
    ],
)
def test_a_preset_of_the_other_task_is_refused(name: str, labels: Labels, task: str, told: str):
    reads = "images" if task == IMAGES else "texts"
    with pytest.raises(RequestError) as caught:
        appraise(name, labels, task)
    assert str(caught.value) == (
        f"teacher: '{name}' is a preset, which is for {told}; give a teacher of {reads}"
    )


def test_endpoints_and_files_answer_for_texts(tmp_path: Path):
    assert "mind its price" in appraise("openai:gpt", MAIL, TEXTS).comment
    for ending, told in ((".skops", "a scikit-learn pipeline"), (".onnx", "an ONNX graph")):
        file = tmp_path / f"model{ending}"
        with pytest.raises(RequestError, match="there is no file '.*'; check its path"):
            appraise(str(file), MAIL, TEXTS)
        file.touch()
        assert appraise(str(file), MAIL, TEXTS).comment.startswith(told)
        with pytest.raises(RequestError, match=f"is {told}, which is for text-classification"):
            appraise(str(file), CATS, IMAGES)
    with pytest.raises(RequestError, match="is a chat endpoint, which is for text-class"):
        appraise("openai:gpt", CATS, IMAGES)


def test_what_is_no_model_is_refused(tmp_path: Path):
    with pytest.raises(RequestError, match=r"is no model folder: it has neither config\.json nor"):
        appraise(str(tmp_path), CATS, IMAGES)
    told = (
        "teacher: 'nothing' does not exist; give a preset, a model folder, a hub id or "
        "'package.module:function'"
    )
    for task in (IMAGES, TEXTS):
        with pytest.raises(RequestError, match=f"^{re.escape(told)}$"):
            appraise("nothing", CATS, task)


@pytest.mark.parametrize("place", ["config.json", "understudy.json", "student/understudy.json"])
def test_folders_are_looked_into(tmp_path: Path, place: str):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    config = {
        "architectures": ["ViTForImageClassification"],
        "id2label": {"0": "dog", "1": "cat"},
        "task": IMAGES,
        "classes": ["dog", "cat"],
    }
    (tmp_path / place).write_text(json.dumps(config))
    assert appraise(str(tmp_path), CATS, IMAGES).classes == ("dog", "cat")
