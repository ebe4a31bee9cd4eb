"""Sequence classifiers from local folders: small real ones, with weights drawn here."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, pipeline

from understudy.errors import RequestError
from understudy.students.hugging_face import named_classes
from understudy.students.text_transformers import (
    TextLogitsOf,
    cut_classifier,
    preset_classifier,
    save_text_classifier,
    text_classifier,
    token_table,
    token_types,
    trained_text_classifier,
)
from understudy.students.tokens import Tokens, reduced, trained_tokens

TEXTS = ["a fine film", "a dull film, and a long one", "fine\x1fnot dull at all"]


def tokens() -> Tokens:
    return trained_tokens(TEXTS, 100, 16)


def small_bert(classes: int = 3, layers: int = 3) -> BertForSequenceClassification:
    config = BertConfig(
        vocab_size=100,
        hidden_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=16,
        num_labels=classes,
    )
    model = BertForSequenceClassification(config)
    for value in model.parameters():
        torch.nn.init.normal_(value, std=0.3)
    return model


def batch(made: Tokens, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    arrays = made.padded(texts)
    return torch.from_numpy(arrays["ids"]), torch.from_numpy(arrays["mask"])


def test_it_answers_as_transformers_does_for_texts_and_pairs(tmp_path: Path):
    body = TextLogitsOf(small_bert()).eval()
    save_text_classifier(tmp_path, body, ("bad", "good", "neither"))
    tokens().save(tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    pairs = [tuple(text.split("\x1f")) for text in TEXTS]
    for row, parts in enumerate(pairs):
        given = theirs(*parts, return_tensors="pt")
        alone = body(*batch(tokens(), TEXTS[row : row + 1]))
        torch.testing.assert_close(body.model(**given).logits, alone)
        torch.testing.assert_close(body(*batch(tokens(), TEXTS))[row : row + 1], alone)


def test_the_second_part_of_a_pair_is_of_type_one():
    ids = torch.tensor([[2, 7, 3, 8, 9, 3, 0], [2, 7, 7, 3, 0, 0, 0], [2, 3, 3, 0, 0, 0, 0]])
    mask = torch.tensor([[1] * 6 + [0], [1] * 4 + [0] * 3, [1] * 3 + [0] * 4])
    assert token_types(ids, mask).tolist() == [
        [0, 0, 0, 1, 1, 1, 0],
        [0] * 7,
        [0, 0, 1, 0, 0, 0, 0],
    ]


def test_a_saved_classifier_answers_exactly_the_same_and_in_their_pipeline(tmp_path: Path):
    small, kept = reduced(tokens(), TEXTS, None)
    student = cut_classifier(small_bert(), (0, 2), None, None, 3, kept).eval()
    small.save(tmp_path)
    save_text_classifier(tmp_path, student, ("bad", "good", "neither"))
    loaded = trained_text_classifier(str(tmp_path)).eval()
    logits = student(*batch(small, TEXTS)).detach()
    assert torch.equal(loaded(*batch(small, TEXTS)), logits)
    assert repr(loaded) == repr(student)
    assert named_classes(loaded) == ("bad", "good", "neither")
    found = pipeline("text-classification", str(tmp_path), device="cpu")(TEXTS[:2])
    for answer, row in zip(found, logits.softmax(1), strict=False):
        assert answer["label"] == ("bad", "good", "neither")[row.argmax()]
        assert answer["score"] == pytest.approx(float(row.max()), abs=1e-6)


def test_a_folder_that_lacks_a_layer_is_refused_not_filled_at_random(tmp_path: Path):
    save_text_classifier(tmp_path, TextLogitsOf(small_bert()), ("a", "b", "c"))
    weights = load_file(tmp_path / "model.safetensors")
    some = {name: value for name, value in weights.items() if ".layer.2." not in name}
    save_file(some, tmp_path / "model.safetensors", metadata={"format": "pt"})
    for load in (trained_text_classifier, lambda source: text_classifier(source, 3)):
        with pytest.raises(RequestError, match=r"lacks 16 of its weights, bert\.encoder\.layer\.2"):
            load(str(tmp_path))


def test_a_vocabulary_that_does_not_fit_its_config_is_refused(tmp_path: Path):
    small_bert().save_pretrained(tmp_path)
    config = BertConfig.from_pretrained(tmp_path)
    config.vocab_size = 90
    config.save_pretrained(tmp_path)
    with pytest.raises(RequestError, match="word_embeddings.* weights are those of its config"):
        text_classifier(str(tmp_path), 3)


def test_a_folder_gives_its_encoder_and_a_new_head_and_a_config_alone_nothing(tmp_path: Path):
    model = small_bert(3)
    model.save_pretrained(tmp_path)
    made = text_classifier(str(tmp_path), 5)
    assert torch.equal(token_table(made.model), token_table(model))
    assert made(*batch(tokens(), TEXTS)).shape == (3, 5)
    model.config.save_pretrained(tmp_path / "config")
    fresh = text_classifier(str(tmp_path / "config"), 2)
    assert fresh(*batch(tokens(), TEXTS)).shape == (3, 2)
    assert not torch.equal(token_table(fresh.model), token_table(model))


def test_pickles_and_nonsense_are_refused(tmp_path: Path):
    (tmp_path / "config.json").write_text('{"model_type": "no-such-model"}')
    with pytest.raises(RequestError, match="cannot be read"):
        text_classifier(str(tmp_path), 2)
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    for load in (trained_text_classifier, lambda source: text_classifier(source, 2)):
        with pytest.raises(RequestError, match="is a pickle"):
            load(str(tmp_path))


def test_half_precision_weights_are_read_as_single(tmp_path: Path):
    small_bert().half().save_pretrained(tmp_path)
    for body in (trained_text_classifier(str(tmp_path)), text_classifier(str(tmp_path), 3)):
        assert {value.dtype for value in body.parameters()} == {torch.float32}


@pytest.mark.parametrize(("name", "million"), [("tiny", 4.4), ("mini", 11.2), ("small", 28.8)])
def test_the_presets_are_the_published_miniatures(name: str, million: float):
    body = preset_classifier(name, 30522, 2, 512)
    assert sum(v.numel() for v in body.parameters()) / 1e6 == pytest.approx(million, abs=0.06)


def test_an_unknown_preset_gets_the_nearest_name():
    with pytest.raises(RequestError, match="no preset 'tinny'; did you mean 'tiny'"):
        preset_classifier("tinny", 100, 2, 16)


@pytest.mark.slow
def test_it_exports_to_onnx_and_answers_the_same_for_other_sizes(tmp_path: Path):
    import onnxruntime

    body = preset_classifier("tiny", 100, 3, 16).eval()
    ids, mask = batch(tokens(), TEXTS)
    sizes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            body,
            (ids[:2], mask[:2]),
            str(tmp_path / "model.onnx"),
            dynamo=True,
            verbose=False,
            external_data=False,
            input_names=["ids", "mask"],
            output_names=["logits"],
            dynamic_shapes=(sizes, sizes),
        )
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for texts in (TEXTS, TEXTS[:1]):
        ids, mask = batch(tokens(), texts)
        (logits,) = session.run(None, {"ids": ids.numpy(), "mask": mask.numpy()})
        assert np.allclose(logits, body(ids, mask).detach().numpy(), atol=1e-5)
