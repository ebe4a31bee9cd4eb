from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from understudy.errors import RequestError
from understudy.recipe.appraisal import IMAGES, TEXTS, Appraisal, Labels
from understudy.recipe.model_folders import of_ours, of_transformers

CATS = Labels("a.npz", ("cat", "dog"))
MAIL = Labels("a.csv", ("ham", "spam"))
BERT = {"vocab_size": 64, "num_hidden_layers": 6, "max_position_embeddings": 96}


@pytest.fixture
def folder(tmp_path: Path):
    def write(**config: Any) -> Path:
        (tmp_path / "config.json").write_text(json.dumps(config))
        return tmp_path

    return write


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    from understudy.students.tokens import trained_tokens

    trained_tokens(["win a free prize now", "see you at home"], 64, 48).save(tmp_path)
    return tmp_path


def test_an_image_classifier_tells_its_classes_and_size(folder):
    path = folder(
        architectures=["ViTForImageClassification"],
        id2label={"1": "cat", "0": "dog"},
        image_size=224,
    )
    told = "a ViTForImageClassification of 224 x 224 pixels, 2 classes"
    wanted = Appraisal("it", told, classes=("dog", "cat"), reads=(224, 224))
    assert of_transformers("it", path, CATS, IMAGES) == wanted
    numbered = Labels("a.npz", ("0", "1"), numbered=True)
    assert of_transformers("it", path, numbered, IMAGES) == wanted


def test_outputs_without_names_settle_no_order(folder):
    path = folder(architectures=["ResNetForImageClassification"], image_size=[32, 48])
    found = of_transformers("it", path, CATS, IMAGES)
    assert (found.classes, found.reads) == (None, (32, 48))


def test_a_text_classifier_tells_its_classes_tokens_and_layers(folder, tokenizer: Path):
    path = folder(
        architectures=["BertForSequenceClassification"],
        id2label={"0": "spam", "1": "ham"},
        **BERT,
    )
    assert of_transformers("it", path, MAIL, TEXTS) == Appraisal(
        "it",
        "a BertForSequenceClassification, 2 classes",
        classes=("spam", "ham"),
        tokens=48,
        layers=6,
    )


@pytest.mark.parametrize(
    ("kind", "modules", "told"),
    [
        ("BertModel", True, "a BertModel, a sentence encoder without classes"),
        ("ElectraForPreTraining", False, "an ElectraForPreTraining, an encoder without classes"),
        ("BertForMaskedLM", False, "a BertForMaskedLM, an encoder without classes"),
    ],
)
def test_an_encoder_of_texts_is_to_be_trained(folder, tokenizer, kind, modules, told):
    path = folder(architectures=[kind], **BERT)
    if modules:
        (path / "modules.json").write_text("[]")
    wanted = Appraisal("it", told, begins="encoder", tokens=48, layers=6)
    assert of_transformers("it", path, MAIL, TEXTS) == wanted


def test_an_encoder_needs_a_tokenizer(folder):
    with pytest.raises(RequestError, match="the folder needs a tokenizer.json"):
        of_transformers("it", folder(architectures=["BertModel"], **BERT), MAIL, TEXTS)


@pytest.mark.parametrize(
    ("config", "task", "sentence"),
    [
        (
            {"architectures": ["BertForSequenceClassification"]},
            IMAGES,
            "is a BertForSequenceClassification, which is for text-classification, but a.npz is "
            "for image-classification; give a teacher of images",
        ),
        (
            {"architectures": ["ViTForImageClassification"]},
            TEXTS,
            "is a ViTForImageClassification, which is for image-classification, but a.npz is for "
            "text-classification; give a teacher of texts",
        ),
        (
            {"architectures": ["LlamaForCausalLM"]},
            TEXTS,
            "is a LlamaForCausalLM, which is for text-generation, but a.npz is for "
            "text-classification; that task is not there yet; give a teacher of texts",
        ),
        ({"architectures": ["ViTModel"]}, IMAGES, "is a ViTModel, which classifies nothing"),
        ({"architectures": ["ViTModel"]}, TEXTS, "is a ViTModel, which classifies nothing"),
        (
            {"architectures": ["StaticModel"], "vocab_size": 9},
            TEXTS,
            "is a StaticModel, which classifies nothing",
        ),
        ({}, IMAGES, "is a model of no stated class, which classifies nothing"),
        (
            {"architectures": ["ViTForImageClassification"], "id2label": {"0": "a"}},
            IMAGES,
            "answers 1 classes, but a.npz has 2: cat, dog; give a teacher of these classes",
        ),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(folder, config, task: str, sentence: str):
    with pytest.raises(RequestError) as caught:
        of_transformers("it", folder(**config), CATS, task)
    assert str(caught.value) == f"teacher: 'it' {sentence}"


def test_a_model_of_ours_is_known_as_one(tmp_path: Path):
    saved = tmp_path / "understudy.json"
    saved.write_text(json.dumps({"task": TEXTS, "classes": ["spam", "ham"]}))
    wanted = Appraisal("it", "a model of ours, 2 classes", classes=("spam", "ham"))
    assert of_ours("it", saved, MAIL, TEXTS) == wanted
    with pytest.raises(RequestError, match="is a model of ours, which is for text-classification"):
        of_ours("it", saved, CATS, IMAGES)


def test_a_damaged_config_is_told_of(tmp_path: Path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(RequestError, match=r"config\.json is not JSON"):
        of_transformers("it", tmp_path, CATS, IMAGES)


def test_what_a_config_says_stays_in_its_comment(folder):
    path = folder(architectures=["A\nstudent: mineForImageClassification"])
    assert "\n" not in of_transformers("it", path, CATS, IMAGES).comment
