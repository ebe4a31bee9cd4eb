"""An encoder with a head: made, cut, saved and read again."""

from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel

from understudy.errors import RequestError
from understudy.students.sentence import SentenceEncoder, StaticEncoder
from understudy.students.sentence_classifier import (
    HEAD,
    SCALE,
    SentenceClassifier,
    cut_sentence_classifier,
    save_sentence_classifier,
    sentence_classifier,
    trained_sentence_classifier,
)
from understudy.students.sentence_folders import save_encoder

IDS = torch.tensor([[5, 6, 7, 8], [9, 10, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])


def encoder(layers: int = 3) -> SentenceEncoder:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=60, hidden_size=32, num_hidden_layers=layers, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=16, initializer_range=0.4,
    )  # fmt: skip
    return SentenceEncoder(BertModel(config))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_encoder(tmp_path / "encoder", encoder(), 16)
    return tmp_path / "encoder"


def test_it_begins_as_the_encoder_with_a_small_new_head(folder: Path):
    torch.manual_seed(3)
    body = sentence_classifier(str(folder), 5).eval()
    states = body.encoder(IDS, MASK)
    assert torch.allclose(body(IDS, MASK), SCALE * (states @ body.head.weight.T))
    # Under the scale, a new head says as little as any other new head would.
    assert float(body.head.weight.detach().abs().max()) <= 1 / SCALE / 32**0.5 + 1e-6
    assert not torch.allclose(states.norm(dim=1), torch.ones(2))


def test_padding_does_not_matter(folder: Path):
    body = sentence_classifier(str(folder), 5).eval()
    torch.testing.assert_close(body(IDS, MASK)[1:], body(IDS[1:, :2], MASK[1:, :2]))


def test_saved_and_read_again_it_answers_bit_for_bit(folder: Path, tmp_path: Path):
    body = sentence_classifier(str(folder), 5).eval()
    save_sentence_classifier(tmp_path / "saved", body, 16)
    again = trained_sentence_classifier(tmp_path / "saved").eval()
    assert torch.equal(again(IDS, MASK), body(IDS, MASK))


def test_a_cut_one_keeps_its_layers_and_its_head(folder: Path, tmp_path: Path):
    teacher = sentence_classifier(str(folder), 5).eval()
    student = cut_sentence_classifier(teacher, (0, 2), None, None, None).eval()
    assert torch.equal(student.head.weight, teacher.head.weight)
    layers = [model.encoder.layer for model in (student.encoder.model, teacher.encoder.model)]
    assert len(layers[0]) == 2
    for mine, his in ((0, 0), (1, 2)):
        one, other = (side[at].state_dict() for side, at in zip(layers, (mine, his), strict=True))
        assert all(torch.equal(one[name], other[name]) for name in one)
    save_sentence_classifier(tmp_path / "cut", student, 16)
    assert torch.equal(
        trained_sentence_classifier(tmp_path / "cut").eval()(IDS, MASK), student(IDS, MASK)
    )


def test_a_folder_that_is_broken_is_told(folder: Path, tmp_path: Path):
    body = sentence_classifier(str(folder), 5)
    save_sentence_classifier(tmp_path / "saved", body, 16)
    (tmp_path / "saved" / HEAD).write_bytes(b"not this")
    with pytest.raises(RequestError, match=r"the head in .* cannot be read"):
        trained_sentence_classifier(tmp_path / "saved")
    other = SentenceClassifier(SentenceEncoder(encoder().model), 4)
    other.head = torch.nn.Linear(7, 4)
    with pytest.raises(RequestError, match="is not that of the encoder beside it"):
        save_sentence_classifier(tmp_path / "other", other, 16)
        trained_sentence_classifier(tmp_path / "other")


def test_a_table_of_tokens_is_no_classifier(tmp_path: Path):
    save_encoder(tmp_path, StaticEncoder(60, 8), 16)
    with pytest.raises(RequestError, match="take the preset static"):
        sentence_classifier(str(tmp_path), 3)
