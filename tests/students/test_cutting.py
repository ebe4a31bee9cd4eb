"""Small models made of parts of large ones, by hand and by answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AlbertConfig,
    AlbertForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    ElectraConfig,
    ElectraForSequenceClassification,
    MPNetConfig,
    MPNetForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from understudy.errors import RequestError
from understudy.students.cutting import cut_model

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
KEPT = np.array([0, 1, 2, 3, 7, 11, 19])


def teachers() -> dict[str, Any]:
    """One small model of each family, three classes, forty tokens."""
    shared = {"vocab_size": 40, "max_position_embeddings": 20, "num_labels": 3}
    distil = {"dim": 32, "n_layers": 4, "n_heads": 4, "hidden_dim": 64}
    electra = SIZES | {"embedding_size": 16}
    return {
        "bert": BertForSequenceClassification(BertConfig(**shared, **SIZES)),
        "distilbert": DistilBertForSequenceClassification(DistilBertConfig(**shared, **distil)),
        "electra": ElectraForSequenceClassification(ElectraConfig(**shared, **electra)),
        "mpnet": MPNetForSequenceClassification(MPNetConfig(**shared, **SIZES)),
        "roberta": RobertaForSequenceClassification(RobertaConfig(**shared, **SIZES)),
    }


FAMILIES = ("bert", "distilbert", "electra", "mpnet", "roberta")


@pytest.mark.parametrize("family", FAMILIES)
def test_all_layers_and_fewer_tokens_answer_as_the_teacher(family: str):
    teacher = teachers()[family].eval()
    student = cut_model(teacher, (0, 1, 2, 3), kept=KEPT).eval()
    new = torch.tensor([[0, 2, 4, 5, 6, 3], [0, 6, 3, 1, 1, 1]])
    old = torch.tensor(KEPT)[new]
    mask = torch.tensor([[1] * 6, [1] * 3 + [0] * 3])
    assert student.config.vocab_size == 7
    torch.testing.assert_close(
        student(input_ids=new, attention_mask=mask).logits,
        teacher(input_ids=old, attention_mask=mask).logits,
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_the_named_layers_are_copied_in_their_order(family: str):
    teacher = teachers()[family]
    student = cut_model(teacher, (1, 3), classes=3)
    assert student.config.num_hidden_layers == 2
    old, new = teacher.state_dict(), student.state_dict()
    for name, value in new.items():
        source = name.replace("layer.1.", "layer.3.").replace("layer.0.", "layer.1.")
        assert torch.equal(value, old[source]), name


@pytest.mark.parametrize("family", FAMILIES)
def test_fewer_heads_are_the_first_ones_with_the_first_features(family: str):
    teacher = teachers()[family]
    student = cut_model(teacher, (0,), heads=2).eval()
    assert (student.config.hidden_size, student.config.num_attention_heads) == (16, 2)
    assert cut_model(teacher, (0,), width=16).config.num_attention_heads == 2
    inner = {"distilbert": "hidden_dim"}.get(family, "intermediate_size")
    assert getattr(student.config, inner) == 32
    old, new = teacher.state_dict(), student.state_dict()
    for name, value in new.items():
        assert torch.equal(value, old[name][tuple(map(slice, value.shape))]), name
    assert student(input_ids=torch.tensor([[0, 4, 2]])).logits.shape == (1, 3)


def test_another_number_of_classes_gets_a_head_of_its_own():
    for family in FAMILIES:
        teacher = teachers()[family]
        student = cut_model(teacher, (0, 1), classes=2).eval()
        assert student(input_ids=torch.tensor([[0, 4, 2]])).logits.shape == (1, 2)
        name = (
            "classifier.weight"
            if family in ("bert", "distilbert")
            else "classifier.out_proj.weight"
        )
        assert not torch.isclose(student.state_dict()[name], teacher.state_dict()[name][:2]).any()


def test_an_encoder_without_a_head_is_cut_too_and_the_copy_is_a_copy():
    config = BertConfig(vocab_size=40, **SIZES)
    teacher = BertModel(config).half()
    student = cut_model(teacher, (2,))
    assert {value.dtype for value in student.parameters()} == {torch.float32}
    before = teacher.embeddings.word_embeddings.weight.clone()
    with torch.no_grad():
        student.embeddings.word_embeddings.weight.zero_()
    assert torch.equal(teacher.embeddings.word_embeddings.weight, before)
    assert teacher.config.num_hidden_layers == 4


def test_the_ids_that_a_config_names_are_those_of_the_new_tokens():
    teacher = teachers()["bert"]
    teacher.config.pad_token_id = 7
    assert cut_model(teacher, (0,), kept=KEPT).config.pad_token_id == 4


def test_what_cannot_be_cut_is_refused():
    teacher = teachers()["roberta"]
    with pytest.raises(RequestError, match=r"layers 0 to 3, asked for were \[0, 4\]"):
        cut_model(teacher, (0, 4))
    with pytest.raises(RequestError, match="4 heads of 8 features each, and the width is"):
        cut_model(teacher, (0,), heads=3, width=16)
    with pytest.raises(RequestError, match="2 heads and 20 features does not fit"):
        cut_model(teacher, (0,), width=20)
    with pytest.raises(RequestError, match="40 tokens, and one of those to keep is number 40"):
        cut_model(teacher, (0,), kept=np.array([0, 1, 40]))
    with pytest.raises(RequestError, match="from which a model of the family 'roberta' counts"):
        cut_model(teacher, (0,), kept=np.array([1, 2]))
    config = AlbertConfig(vocab_size=40, embedding_size=8, **SIZES)
    with pytest.raises(RequestError, match="family 'albert' cannot be cut; known are: bert"):
        cut_model(AlbertForSequenceClassification(config), (0,))
