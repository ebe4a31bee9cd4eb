"""Packed texts give the states of padded ones."""

import pytest
import torch
from transformers import BertConfig, BertModel, RobertaConfig, RobertaModel

from understudy.students.packing import Pack, can_pack, packed_states
from understudy.students.sentence import pooled
from understudy.students.text_transformers import model_inputs, token_types

SIZES = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}


def bert(**given: object) -> BertModel:
    torch.manual_seed(0)
    config = BertConfig(
        **SIZES, intermediate_size=64, max_position_embeddings=16, initializer_range=0.5, **given
    )
    return BertModel(config).eval()


def rows(lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    return torch.randint(5, 50, mask.shape) * mask, mask


def states(model: BertModel, ids: torch.Tensor, mask: torch.Tensor) -> tuple[Pack, torch.Tensor]:
    pack = Pack.of(ids, mask, token_types(ids, mask))
    return pack, packed_states(model, pack)


@pytest.mark.parametrize("lengths", [[3], [4, 4, 4], [7, 1, 3, 7, 2], [1, 1]])
@pytest.mark.parametrize("act", ["gelu", "relu", "gelu_new"])
def test_packed_states_are_those_of_padded_rows(lengths: list[int], act: str):
    model = bert(hidden_act=act)
    ids, mask = rows(lengths)
    ids[0, 0] = ids[0, lengths[0] - 1]  # ends as it begins: the types of a pair are told so
    with torch.no_grad():
        padded = model(**model_inputs(model.config, ids, mask)).last_hidden_state
    pack, packed = states(model, ids, mask)
    torch.testing.assert_close(
        packed, padded[pack.order][mask[pack.order].bool()], rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_vectors_stand_in_the_order_of_the_rows(pooling: str):
    mask = (torch.arange(5) < torch.tensor([[2], [5], [0], [2], [1]])).long()
    found = torch.randn(5, 5, 3)
    pack = Pack.of(torch.zeros_like(mask), mask, mask)
    packed = found[pack.order][mask[pack.order].bool()]
    vectors = pack.pooled(packed, pooling)
    full = [0, 1, 3, 4]
    torch.testing.assert_close(vectors[full], pooled(found, mask, pooling)[full])
    assert not vectors[2].any()


def test_a_text_attends_to_itself_alone():
    model = bert()
    ids, mask = rows([5, 5])
    other = ids.clone()
    other[1] = ids[1].flip(0)
    one, two = (states(model, each, mask)[1] for each in (ids, other))
    assert torch.equal(one[:5], two[:5])
    assert not torch.allclose(one[5:], two[5:])


def test_the_model_is_left_as_it_was():
    model = bert()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    attention = model.config._attn_implementation
    states(model, *rows([2, 3]))
    assert model.config._attn_implementation == attention
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_what_somebody_changed_is_left_to_its_own_ways():
    assert can_pack(bert())
    assert not can_pack(RobertaModel(RobertaConfig(**SIZES, intermediate_size=16)))
    assert not can_pack(bert(is_decoder=True))

    class Adapted(torch.nn.Linear):
        """As adapters put in."""

    swapped, hooked, extended = bert(), bert(), type("Own", (BertModel,), {})(bert().config)
    swapped.encoder.layer[1].output.dense = Adapted(64, 32)
    hook = hooked.encoder.layer[0].register_forward_hook(lambda *given: None)
    assert not any(map(can_pack, (swapped, hooked, extended)))
    hook.remove()
    assert can_pack(hooked)
