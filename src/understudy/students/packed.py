"""Networks over texts, asked without padding."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from understudy.students.packing import Pack, can_pack, packed_states
from understudy.students.scoring import CosineScores, PairScores
from understudy.students.sentence import SentenceEncoder
from understudy.students.sentence_classifier import SCALE, SentenceClassifier
from understudy.students.text_transformers import TextLogitsOf, token_types

Answering = Callable[[Tensor, Tensor], Tensor]
"""Ids and mask to what a network gives, in the shapes of its `forward`."""


def packed(network: nn.Module) -> Answering | None:
    """What a network gives in eval mode, to 1e-6, computed for real tokens alone.

    Serves encoders, the classifiers on them, BERTs with a head, and what makes lists of these;
    None for every other network, a user's own among them. It holds the network and nothing else:
    weights may change between calls, and any number of threads may call it at once.
    """
    if isinstance(network, SentenceEncoder) and can_pack(network.model):
        return partial(_vectors, network)
    if isinstance(network, SentenceClassifier) and can_pack(network.encoder.model):
        return partial(_scaled, network)
    if isinstance(network, TextLogitsOf) and _has_the_usual_head(network.model):
        return partial(_logits, network.model)
    if isinstance(network, PairScores | CosineScores):
        body = packed(network.body)
        return None if body is None else partial(network.of, body)
    return None


def in_bf16(network: nn.Module) -> nn.Module:
    """A copy of a network that can be packed, the linear layers of its transformer in bfloat16.

    What stands around them (normalisation, the sum that runs through, pooling, heads) stays fp32.
    """
    rounded = copy.deepcopy(network)
    models: list[Any] = [part for part in rounded.modules() if can_pack(part)]
    for model in models:
        for layer in model.encoder.modules():
            if isinstance(layer, nn.Linear):
                layer.to(torch.bfloat16)
    return rounded


def _pack(model: Any, ids: Tensor, mask: Tensor) -> Pack:
    one_type = model.config.type_vocab_size < 2
    return Pack.of(ids, mask, torch.zeros_like(ids) if one_type else token_types(ids, mask))


def _vectors(encoder: SentenceEncoder, ids: Tensor, mask: Tensor) -> Tensor:
    pack = _pack(encoder.model, ids, mask)
    return encoder.finished(pack.pooled(packed_states(encoder.model, pack), encoder.pooling))


def _scaled(classifier: SentenceClassifier, ids: Tensor, mask: Tensor) -> Tensor:
    logits: Tensor = SCALE * classifier.head(_vectors(classifier.encoder, ids, mask))
    return logits


def _has_the_usual_head(model: Any) -> bool:
    """Whether a classifier is Transformers' own for BERT: pooler, then one linear map."""
    from transformers import BertForSequenceClassification

    return type(model) is BertForSequenceClassification and can_pack(model.bert)


def _logits(model: Any, ids: Tensor, mask: Tensor) -> Tensor:
    pack = _pack(model.bert, ids, mask)
    first = pack.pooled(packed_states(model.bert, pack), "cls")
    logits: Tensor = model.classifier(model.bert.pooler(first.unsqueeze(1)))
    return logits
