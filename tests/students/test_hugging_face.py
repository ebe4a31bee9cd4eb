"""Transformers models from local folders; a tiny real ViT, with weights drawn here."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import ViTConfig, ViTForImageClassification

from understudy.errors import RequestError
from understudy.students.hugging_face import (
    LogitsOf,
    has_weights,
    image_classifier,
    named_classes,
    preprocessing,
    refuse_pickles,
    save_classifier,
    trained_classifier,
)

FORM = {"shape": [16, 16, 3], "dtype": "uint8", "mean": [120.0] * 3, "std": [60.0] * 3}


def tiny_vit(classes: int = 3) -> ViTForImageClassification:
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=16,
        patch_size=4,
        num_labels=classes,
    )
    return ViTForImageClassification(config)


def test_a_saved_classifier_is_loaded_with_its_classes_and_preprocessing(tmp_path: Path):
    body = LogitsOf(tiny_vit()).eval()
    save_classifier(tmp_path, body, ("cat", "dog", "owl"), FORM)
    loaded = trained_classifier(str(tmp_path)).eval()
    pixels = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(loaded(pixels), body(pixels))
    assert named_classes(loaded) == ("cat", "dog", "owl")
    found = preprocessing(str(tmp_path))
    assert found is not None
    assert found["mean"] == pytest.approx([120.0] * 3)
    assert found["size"] == (16, 16)


def test_a_config_alone_gives_a_fresh_network_for_these_images(tmp_path: Path):
    tiny_vit().config.save_pretrained(tmp_path)
    assert not has_weights(str(tmp_path))
    network = image_classifier(str(tmp_path), (8, 8, 1), 5)
    assert network(torch.randn(2, 1, 8, 8)).shape == (2, 5)


def test_weights_are_kept_where_they_fit_and_the_head_is_new_where_it_does_not(tmp_path: Path):
    original = tiny_vit(3)
    original.save_pretrained(tmp_path)
    network = image_classifier(str(tmp_path), (16, 16, 3), 7)
    name = "vit.embeddings.cls_token"
    assert torch.equal(network.model.state_dict()[name], original.state_dict()[name])
    assert network(torch.randn(1, 3, 16, 16)).shape == (1, 7)


def test_a_folder_with_nothing_but_a_pickle_is_refused(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(RequestError, match=r"pytorch_model.bin is a pickle, which can run code"):
        refuse_pickles(str(tmp_path))
    with pytest.raises(RequestError, match="is a pickle"):
        trained_classifier(str(tmp_path))


def test_unreadable_weights_get_a_sentence(tmp_path: Path):
    tiny_vit().save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not safetensors at all")
    with pytest.raises(RequestError, match=f"the model in '{tmp_path}' cannot be read: "):
        trained_classifier(str(tmp_path))


def test_an_unreadable_config_gets_a_sentence(tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no-such-model"}))
    with pytest.raises(RequestError, match="cannot be read"):
        image_classifier(str(tmp_path), (16, 16, 3), 2)


def test_default_names_of_classes_are_no_names():
    assert named_classes(LogitsOf(tiny_vit())) is None


def test_what_no_weight_shows_is_part_of_the_model_but_its_path_is_not(tmp_path: Path):
    one, other = tiny_vit(), tiny_vit()
    other.config.num_attention_heads = 4
    assert repr(LogitsOf(one)) != repr(LogitsOf(other))
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        one.save_pretrained(folder)
    assert len({repr(trained_classifier(str(folder))) for folder in folders}) == 1


def test_a_folder_that_lacks_its_head_is_refused_not_filled_at_random(tmp_path: Path):
    model = tiny_vit()
    model.save_pretrained(tmp_path)
    weights = {k: v for k, v in model.state_dict().items() if not k.startswith("classifier")}
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RequestError, match=r"lacks 2 of its weights, classifier\.bias first"):
        trained_classifier(str(tmp_path))
