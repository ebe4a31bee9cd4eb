"""Encoders of sentences, built here and small."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from understudy.errors import RequestError
from understudy.students.sentence import (
    Dense,
    SentenceEncoder,
    StaticEncoder,
    bend,
    cut_encoder,
    end_in,
    pooled,
    preset_encoder,
)

IDS = torch.randint(1, 50, (3, 7), generator=torch.Generator().manual_seed(0))
MASK = torch.tensor([[1] * 7, [1] * 3 + [0] * 4, [1] + [0] * 6])


def test_pooling_reads_the_real_tokens_alone():
    states = torch.tensor([[[1.0, -5.0], [3.0, -1.0], [9.0, 9.0]]])
    mask = torch.tensor([[1, 1, 0]])
    assert pooled(states, mask, "mean").tolist() == [[2.0, -3.0]]
    assert pooled(states, mask, "max").tolist() == [[3.0, -1.0]]
    assert pooled(states, mask, "cls").tolist() == [[1.0, -5.0]]


@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
def test_padding_does_not_matter_to_a_transformer(pooling):
    encoder = preset_encoder("tiny", 50, 16, None).eval()
    encoder.pooling = pooling
    together = encoder(IDS, MASK)
    alone = encoder(IDS[1:2, :3], MASK[1:2, :3])
    torch.testing.assert_close(alone, together[1:2], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(3))


def test_padding_does_not_matter_to_a_static_encoder_and_no_token_gives_zero():
    encoder = StaticEncoder(50, 8, outputs=5, normalise=False).eval()
    together = encoder(IDS, MASK)
    torch.testing.assert_close(encoder(IDS[1:2, :3], MASK[1:2, :3]), together[1:2])
    assert (encoder.width, together.shape) == (5, (3, 5))
    none = StaticEncoder(50, 8)(IDS[:1], torch.zeros_like(IDS[:1]))
    assert none.tolist() == [[0.0] * 8]


def test_folded_weights_are_those_of_the_mean():
    encoder = StaticEncoder(50, 8, normalise=False)
    encoder.start_from(torch.randn(50, 12), torch.arange(50))
    plain = StaticEncoder(50, 8, normalise=False)
    plain.embedding.weight.data.copy_(encoder.folded())
    torch.testing.assert_close(plain(IDS, MASK), encoder(IDS, MASK))
    assert encoder.weights.detach().squeeze().diff().lt(0).all()


def test_a_preset_answers_in_the_width_that_is_asked_for():
    assert preset_encoder("tiny", 50, 16, 384)(IDS, MASK).shape == (3, 384)
    assert preset_encoder("tiny", 50, 16, 128).width == 128
    assert len(preset_encoder("tiny", 50, 16, 128).dense) == 0


def test_a_cut_encoder_keeps_its_layers_and_answers_in_the_teachers_width():
    teacher = preset_encoder("tiny", 50, 16, None).eval()
    whole = cut_encoder(teacher, (0, 1), None, None, None).eval()
    torch.testing.assert_close(whole(IDS, MASK), teacher(IDS, MASK))
    narrow = cut_encoder(teacher, (0,), 1, None, None)
    assert (narrow.model.config.hidden_size, narrow.width) == (64, 128)


def test_the_dense_maps_of_an_encoder_are_cut_with_it():
    made = preset_encoder("tiny", 50, 16, None)
    tanh = "torch.nn.modules.activation.Tanh"
    teacher = SentenceEncoder(made.model, "cls", [Dense(128, 9, tanh), Dense(9, 3)], False)
    narrow = cut_encoder(teacher, (0,), None, 64, None)
    assert narrow(IDS, MASK).shape == (3, 3)
    first, second = narrow.dense
    assert torch.equal(first.linear.weight, teacher.dense[0].linear.weight[:, :64])
    assert torch.equal(second.linear.weight, teacher.dense[1].linear.weight)
    assert (first.activation_name, narrow.pooling, narrow.normalise) == (tanh, "cls", False)


def test_what_no_weight_shows_is_part_of_an_encoder():
    made = preset_encoder("tiny", 50, 16, None)
    assert repr(made) != repr(SentenceEncoder(made.model, "max"))
    assert repr(StaticEncoder(9, 2)) != repr(StaticEncoder(9, 2, normalise=False))


@pytest.mark.parametrize("width", [6, 4])
def test_a_static_encoder_begins_with_a_teachers_answers_for_single_tokens(width: int):
    torch.manual_seed(0)
    vectors = torch.randn(20, 4) @ torch.randn(4, 6)  # four directions say it all
    encoder = StaticEncoder(20, width, None if width == 6 else 6)
    encoder.start_in_space(vectors, np.arange(20))
    ids = torch.arange(20).unsqueeze(1)
    found = encoder(ids, torch.ones_like(ids))
    wanted = torch.nn.functional.normalize(vectors, dim=1)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)
    weights = encoder.weights.detach().squeeze(1)
    assert float(weights[0]) == 1.0
    assert bool((weights[1:] < weights[:-1]).all())


def test_without_a_map_it_begins_with_their_main_directions():
    torch.manual_seed(0)
    vectors = torch.randn(20, 4) @ torch.randn(4, 6)
    encoder = StaticEncoder(20, 4)
    encoder.start_in_space(vectors, np.zeros(20))
    ids = torch.arange(20).unsqueeze(1)
    found = encoder(ids, torch.ones_like(ids))
    wanted = torch.nn.functional.normalize(vectors, dim=1)
    torch.testing.assert_close(found @ found.T, wanted @ wanted.T, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("maps", ["none", "linear", "tanh"])
def test_an_encoder_ends_along_given_directions(maps: str):
    torch.manual_seed(0)
    encoder = StaticEncoder(50, 8, outputs=None if maps == "none" else 6).eval()
    if maps == "tanh":
        encoder.dense = torch.nn.Sequential(Dense(8, 6, "torch.nn.modules.activation.Tanh"))
    with torch.no_grad():
        encoder.normalise = False
        wide = encoder(IDS, MASK)
        directions = torch.linalg.qr(torch.randn(wide.shape[1], 3))[0]
        end_in(encoder, directions)
        torch.testing.assert_close(encoder(IDS, MASK), wide @ directions)
    assert encoder.width == 3
    assert len(encoder.dense) == {"none": 1, "linear": 1, "tanh": 2}[maps]


@pytest.mark.parametrize(("outputs", "hidden"), [(None, 16), (None, 40), (5, 11)])
def test_a_bent_encoder_begins_as_it_was_and_every_unit_can_learn(outputs: int | None, hidden: int):
    torch.manual_seed(0)
    encoder = StaticEncoder(50, 8, outputs).eval()
    before = encoder(IDS, MASK)
    bend(encoder, hidden)
    torch.testing.assert_close(encoder(IDS, MASK), before, atol=1e-5, rtol=1e-5)
    assert encoder.width == (outputs or 8)
    wanted = torch.randn(3, encoder.width)
    (encoder(IDS, MASK) * wanted).sum().backward()
    up, down = [*encoder.dense][-2:]
    assert bool((down.linear.weight.grad != 0).all())
    # The free units show no slope at first, since nothing leads out of them; one step later all do.
    with torch.no_grad():
        down.linear.weight -= 0.1 * down.linear.weight.grad
    encoder.zero_grad()
    (encoder(IDS, MASK) * wanted).sum().backward()
    assert bool((up.linear.weight.grad.abs().sum(1) > 0).all())


def test_too_few_hidden_units_are_refused():
    with pytest.raises(RequestError) as caught:
        bend(StaticEncoder(50, 8), 15)
    assert str(caught.value) == (
        "student: a static encoder of 8 features needs 16 hidden units or more, or none, and 15 "
        "were named: static-8-32 would do"
    )
