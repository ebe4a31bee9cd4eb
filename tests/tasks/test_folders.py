"""A model folder gives back the very network that was saved, or says what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import ViTConfig

from understudy.errors import RequestError
from understudy.students import Blueprint, build
from understudy.tasks.folders import (
    CONFIG,
    PROJECTION,
    WEIGHTS,
    ModelFacts,
    load_body,
    load_network,
    read_facts,
    save_network,
    weight_bytes,
)
from understudy.tasks.image_classification import ImageClassification

SHAPE = (8, 8, 1)
FORM = {"shape": [8, 8, 1], "dtype": "uint8", "mean": [4.9], "std": [6.1]}
CLASSES = ("one", "two", "three")
STORED = torch.from_numpy(np.random.default_rng(0).integers(0, 17, (5, 8, 8, 1), np.uint8))


class Tied(nn.Module):
    """Its first and last layers are one and the same tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(64, 64)
        self.last = nn.Linear(64, 64)
        self.last.weight = self.first.weight
        self.head = nn.Linear(64, 3)

    def forward(self, planes: Tensor) -> Tensor:
        logits: Tensor = self.head(self.last(self.first(planes.flatten(1)).relu()))
        return logits


def facts_of(kind: str, source: str) -> ModelFacts:
    blueprint = Blueprint(kind, source, SHAPE, len(CLASSES))
    return ModelFacts("image-classification", blueprint, FORM, CLASSES)


def preset(folder: Path) -> tuple[nn.Module, ModelFacts]:
    facts = facts_of("preset", "cnn-small")
    body = build(facts.blueprint)
    network = ImageClassification().network(body, FORM).train()
    network(STORED)  # its batch statistics are no longer what they begin with
    return body, facts


def transformers(folder: Path) -> tuple[nn.Module, ModelFacts]:
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=8,
        patch_size=4,
        num_channels=1,
    )
    config.save_pretrained(folder / "config")
    facts = facts_of("transformers", str(folder / "config"))
    return build(facts.blueprint), facts


def own(folder: Path) -> tuple[nn.Module, ModelFacts]:
    return Tied(), facts_of("module", "tests.Tied")


@pytest.mark.parametrize("make", [preset, transformers, own])
def test_a_saved_network_answers_alike_bit_for_bit(
    tmp_path: Path, make: Callable[[Path], tuple[nn.Module, ModelFacts]]
):
    body, facts = make(tmp_path)
    wanted = ImageClassification().network(body, FORM).eval()(STORED)
    save_network(tmp_path / "model", body, facts)
    module = Tied() if facts.blueprint.kind == "module" else None
    loaded = load_network(tmp_path / "model", module=module)
    assert not loaded.training
    assert not any(part.training for part in loaded.modules())
    with torch.no_grad():
        assert torch.equal(loaded(STORED), wanted)
    assert read_facts(tmp_path / "model") == facts
    weights = (tmp_path / "model" / WEIGHTS).stat().st_size
    assert weight_bytes(tmp_path / "model") == weights
    (tmp_path / "model" / PROJECTION).write_bytes(b"beside the model")
    assert weight_bytes(tmp_path / "model") == weights


def test_tied_weights_are_stored_once_and_stay_tied(tmp_path: Path):
    body, facts = own(tmp_path)
    save_network(tmp_path, body, facts)
    stored = load_file(tmp_path / WEIGHTS)
    assert sum(value.shape == (64, 64) for value in stored.values()) == 1
    loaded = load_body(tmp_path, facts, module=Tied())
    assert not loaded.training
    assert loaded.last.weight is loaded.first.weight
    assert torch.equal(loaded.first.weight, body.first.weight)


def test_saving_again_gives_the_same_bytes(tmp_path: Path):
    body, facts = preset(tmp_path)
    for name in ("a", "b"):
        save_network(tmp_path / name, body, facts)
    for name in (WEIGHTS, CONFIG):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_no_module_where_one_is_needed_is_told(tmp_path: Path):
    body, facts = own(tmp_path)
    save_network(tmp_path, body, facts)
    with pytest.raises(RequestError) as caught:
        load_network(tmp_path)
    assert str(caught.value) == (
        f"the network in '{tmp_path}' is your own tests.Tied; pass one as "
        "load(folder, module=...), its weights will be filled in"
    )


def test_code_is_run_only_where_it_may(tmp_path: Path):
    facts = facts_of("module", "torch.nn:Flatten")
    save_network(tmp_path, nn.Flatten(), facts)
    assert isinstance(load_body(tmp_path, facts, allow_code=True), nn.Flatten)
    with pytest.raises(RequestError, match="add --allow-code"):
        load_network(tmp_path)


def test_other_weights_are_told_by_name(tmp_path: Path):
    body, facts = own(tmp_path)
    save_network(tmp_path, body, facts)
    with pytest.raises(RequestError) as caught:
        load_network(tmp_path, module=nn.Linear(64, 3))
    told = str(caught.value)
    assert told.startswith(f"the weights in '{tmp_path}' cannot be read: Error(s) in loading")
    assert '"weight"' in told
    assert "\n" not in told


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def garble(path: Path) -> None:
    path.write_bytes(b"\xff" * 200)


@pytest.mark.parametrize("spoil", [truncate, garble, Path.unlink])
@pytest.mark.parametrize("make", [preset, transformers])
def test_weights_that_cannot_be_read_are_told(
    tmp_path: Path,
    make: Callable[[Path], tuple[nn.Module, ModelFacts]],
    spoil: Callable[[Path], None],
):
    body, facts = make(tmp_path)
    folder = tmp_path / "model"
    save_network(folder, body, facts)
    spoil(folder / WEIGHTS)
    with pytest.raises(RequestError) as caught:
        load_network(folder)
    told = str(caught.value)
    assert told.startswith(
        f"the weights in '{folder}' cannot be read: "
        if make is preset
        else f"the model in '{folder}' cannot be read: "
    )
    assert "\n" not in told


def test_a_folder_without_a_config_is_told(tmp_path: Path):
    with pytest.raises(RequestError) as caught:
        load_network(tmp_path)
    assert str(caught.value) == (
        f"'{tmp_path}' is no model of ours: it has no understudy.json; name a run, or its student "
        "folder"
    )


@pytest.mark.parametrize("content", ["{", "[]", '{"task": "image-classification"}'])
def test_a_config_that_cannot_be_read_is_told(tmp_path: Path, content: str):
    (tmp_path / CONFIG).write_text(content)
    with pytest.raises(RequestError, match=r"understudy\.json cannot be read: "):
        read_facts(tmp_path)


def test_the_config_says_how_to_build_it_and_holds_no_weights(tmp_path: Path):
    body, facts = preset(tmp_path)
    save_network(tmp_path, body, facts)
    assert json.loads((tmp_path / CONFIG).read_text()) == {
        "schema": 1,
        "task": "image-classification",
        "blueprint": {
            "kind": "preset",
            "source": "cnn-small",
            "shape": [8, 8, 1],
            "classes": 3,
            "dropout": 0.0,
            "reads": "image",
        },
        "form": FORM,
        "classes": list(CLASSES),
    }
