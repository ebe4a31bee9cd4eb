"""Networks over texts answer the same without padding, whatever their kind."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from understudy.students.packed import in_bf16, packed
from understudy.students.scoring import CosineScores, PairScores
from understudy.students.sentence import Dense, SentenceEncoder, StaticEncoder
from understudy.students.sentence_classifier import SentenceClassifier
from understudy.students.text_transformers import preset_classifier

MOST = 24


def encoder(pooling: str = "mean", **given: object) -> SentenceEncoder:
    config = BertConfig(
        vocab_size=60, hidden_size=32, num_hidden_layers=3, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=MOST, initializer_range=0.4, **given,
    )  # fmt: skip
    dense = [Dense(32, 16, "torch.nn.modules.activation.Tanh")]
    return SentenceEncoder(BertModel(config), pooling, dense)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "mean": encoder,
    "first token": lambda: encoder("cls"),
    "largest": lambda: encoder("max"),
    "one type": lambda: encoder(type_vocab_size=1),
    "classifier on an encoder": lambda: SentenceClassifier(encoder(), 5),
    "classifier of Transformers": lambda: preset_classifier("tiny", 60, 5, MOST),
}
LISTS: dict[str, Callable[[], nn.Module]] = {
    "pairs": lambda: PairScores(preset_classifier("tiny", 60, 1, MOST)),
    "cosines": lambda: CosineScores(encoder()),
}


def texts(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Texts of 1 to `MOST` tokens; every third is a pair, with the same token behind each part."""
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(1, MOST + 1, shape, generator=generator)
    lengths.view(-1)[0] = MOST
    mask = (torch.arange(MOST) < lengths[..., None]).long()
    ids = torch.randint(5, 60, mask.shape, generator=generator)
    ids.view(-1, MOST)[::3, 1] = 3
    ids.scatter_(-1, (lengths - 1)[..., None], 3)
    return ids * mask, mask


def made(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return make().eval()


@pytest.mark.parametrize(
    ("name", "shape"), [*((name, (9,)) for name in NETWORKS), *((name, (3, 4)) for name in LISTS)]
)
def test_an_answer_is_that_of_padded_rows(name: str, shape: tuple[int, ...]):
    network = made({**NETWORKS, **LISTS}[name])
    ids, mask = texts(*shape)
    answer = packed(network)
    assert answer is not None
    with torch.no_grad():
        plain = network(ids, mask)
        torch.testing.assert_close(answer(ids, mask), plain, rtol=1e-5, atol=1e-6 * 30)
        alone = torch.cat(
            [answer(ids[row : row + 1], mask[row : row + 1]) for row in range(len(ids))]
        )
    torch.testing.assert_close(alone, plain, rtol=1e-5, atol=1e-6 * 30)


def test_a_dropout_that_trains_is_no_part_of_an_answer():
    network = made(NETWORKS["classifier on an encoder"])
    ids, mask = texts(5)
    answer = packed(network)
    assert answer is not None
    with torch.no_grad():
        still = answer(ids, mask)
        network.train()
        assert torch.equal(answer(ids, mask), still)


def test_weights_may_change_between_calls():
    network = made(encoder)
    ids, mask = texts(5)
    answer = packed(network)
    assert answer is not None
    with torch.no_grad():
        before = answer(ids, mask)
        network.model.encoder.layer[0].attention.self.query.weight.mul_(-1)
        torch.testing.assert_close(answer(ids, mask), network(ids, mask), rtol=1e-5, atol=1e-5)
        assert not torch.allclose(answer(ids, mask), before)


def test_other_networks_are_left_alone():
    class Own(nn.Module):
        """What a user wrote around an encoder."""

        def __init__(self) -> None:
            super().__init__()
            self.body = encoder()

    for network in (Own(), nn.Linear(2, 2), StaticEncoder(9, 4), CosineScores(StaticEncoder(9, 4))):
        assert packed(network) is None


@pytest.mark.parametrize("name", ["mean", "classifier on an encoder", "classifier of Transformers"])
def test_rounded_weights_are_those_of_the_layers_alone_and_of_a_copy(name: str):
    network = made(NETWORKS[name])
    before = {key: value.clone() for key, value in network.state_dict().items()}
    rounded = in_bf16(network)
    kinds = {
        key: value.dtype for key, value in rounded.state_dict().items() if value.is_floating_point()
    }
    short = {key for key, kind in kinds.items() if kind == torch.bfloat16}
    assert short
    assert all(".encoder.layer." in key and "LayerNorm" not in key for key in short)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    answer, other = packed(network), packed(rounded)
    assert answer is not None
    assert other is not None
    ids, mask = texts(9)
    with torch.no_grad():
        full, less = answer(ids, mask), other(ids, mask)
    assert less.dtype == torch.float32
    assert not torch.equal(full, less)
    assert float(nn.functional.cosine_similarity(full, less).min()) > 0.999
