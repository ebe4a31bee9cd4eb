"""Packed texts give the states of padded ones."""

import pytest
import torch
from transformers import BertConfig, BertModel, RobertaConfig, RobertaModel

from understudy.students.packing import can_pack, packed_states
from understudy.students.sentence import SentenceEncoder, packing
from understudy.students.text_transformers import model_inputs, token_types


@pytest.fixture
def model() -> BertModel:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=16, initializer_range=0.5,
    )  # fmt: skip
    return BertModel(config).eval()


def rows(lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    return torch.randint(5, 50, mask.shape) * mask, mask


@pytest.mark.parametrize("lengths", [[3], [4, 4, 4], [7, 1, 3, 7, 2], [1, 1]])
def test_packed_states_are_those_of_padded_rows(model: BertModel, lengths: list[int]):
    ids, mask = rows(lengths)
    ids[0, 0] = ids[0, lengths[0] - 1]  # ends as it begins: the types of a pair are told so
    with torch.no_grad():
        padded = model(**model_inputs(model.config, ids, mask)).last_hidden_state
        packed = packed_states(model, ids, mask, token_types(ids, mask))
    torch.testing.assert_close(packed, padded * mask.unsqueeze(-1), rtol=1e-4, atol=1e-5)


def test_a_text_attends_to_itself_alone(model: BertModel):
    ids, mask = rows([5, 5])
    other = ids.clone()
    other[1] = ids[1].flip(0)
    with torch.no_grad():
        one, two = (
            packed_states(model, each, mask, torch.zeros_like(mask)) for each in (ids, other)
        )
    assert torch.equal(one[0], two[0])
    assert not torch.allclose(one[1], two[1])


def test_the_models_own_attention_comes_back(model: BertModel):
    before = model.config._attn_implementation
    ids, mask = rows([2, 3])
    packed_states(model, ids, mask, torch.zeros_like(mask))
    assert model.config._attn_implementation == before


def test_an_encoder_packs_only_while_it_is_asked_to(model: BertModel):
    encoder = SentenceEncoder(model)
    ids, mask = rows([7, 1, 3])
    with torch.no_grad():
        plain = encoder(ids, mask)
        with packing(encoder):
            assert encoder.packs
            packed = encoder(ids, mask)
    assert not encoder.packs
    torch.testing.assert_close(packed, plain, rtol=1e-4, atol=1e-5)


def test_families_that_count_positions_otherwise_are_left_alone():
    config = RobertaConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=16,
    )  # fmt: skip
    encoder = SentenceEncoder(RobertaModel(config))
    assert not can_pack(encoder.model)
    with packing(encoder):
        assert not encoder.packs
