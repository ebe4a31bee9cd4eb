"""Encoders of sentences: a transformer, or a mean of token embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from understudy.errors import RequestError
from understudy.students.cutting import cut_model
from understudy.students.embedding import fill, rareness, weighted_mean
from understudy.students.hugging_face import described
from understudy.students.packing import Pooling
from understudy.students.text_transformers import miniature, model_inputs

ACTIVATIONS: Mapping[str, type[nn.Module]] = {
    "torch.nn.modules.linear.Identity": nn.Identity,
    "torch.nn.modules.activation.Tanh": nn.Tanh,
    "torch.nn.modules.activation.ReLU": nn.ReLU,
    "torch.nn.modules.activation.GELU": nn.GELU,
}
"""What may follow a dense map; a folder that names anything else is not called for it."""


class Dense(nn.Module):
    """A linear map and what follows it, named in a folder by its path in torch.

    Shapes: [B, D] -> [B, E].
    """

    def __init__(
        self,
        width: int,
        outputs: int,
        activation: str = "torch.nn.modules.linear.Identity",
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(width, outputs, bias=bias)
        self.activation = ACTIVATIONS[activation]()
        self.activation_name = activation

    def forward(self, vectors: Tensor) -> Tensor:
        mapped: Tensor = self.activation(self.linear(vectors))
        return mapped


class SentenceEncoder(nn.Module):
    """A transformer, one vector of its tokens' last states, dense maps, and length one or not.

    Shapes: ids [B, T], mask [B, T] -> [B, D].
    """

    def __init__(
        self,
        model: Any,
        pooling: Pooling = "mean",
        dense: Sequence[Dense] = (),
        normalise: bool = True,
    ) -> None:
        super().__init__()
        self.model = model
        self.pooling = pooling
        self.dense = nn.Sequential(*dense)
        self.normalise = normalise

    @property
    def width(self) -> int:
        """Features of an embedding."""
        return _width(self.dense, self.model.config.hidden_size)

    def extra_repr(self) -> str:
        """What no weight shows is part of a model."""
        return f"{self.pooling}, normalise={self.normalise}, {described(self.model)}"

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        states = self.model(**model_inputs(self.model.config, ids, mask)).last_hidden_state
        return self.finished(pooled(states, mask, self.pooling))

    def finished(self, vectors: Tensor) -> Tensor:
        """What becomes of the pooled states [B, D]: the embeddings [B, E]."""
        return _finished(vectors, self.dense, self.normalise)


class StaticEncoder(nn.Module):
    """The mean of weighted token embeddings, a dense map or none, and length one or not.

    Its tokenizer must add no tokens of its own (`Tokens.bare`), as sentence-transformers has it.
    Shapes: ids [B, T], mask [B, T] -> [B, D].
    """

    def __init__(
        self, vocabulary: int, width: int, outputs: int | None = None, normalise: bool = True
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, sparse=True)
        self.weights = nn.Parameter(torch.ones(vocabulary, 1))
        self.dense = nn.Sequential(*([] if outputs is None else [Dense(width, outputs)]))
        self.normalise = normalise

    @property
    def width(self) -> int:
        """Features of an embedding."""
        return _width(self.dense, self.embedding.embedding_dim)

    def extra_repr(self) -> str:
        """What no weight shows is part of a model."""
        return f"normalise={self.normalise}"

    def start_from(self, table: Tensor, frequencies: Any = None) -> None:
        """Begin with a teacher's token embeddings [V, D], and weights that are small for frequent
        tokens where it is given how often each stands in the transfer set, [V].
        """
        fill(self.embedding, table)
        if frequencies is not None:
            self.weights.data.copy_(rareness(frequencies).unsqueeze(1))

    def start_in_space(self, vectors: Tensor, frequencies: Any) -> None:
        """Begin with what a teacher answers for each token alone, [V, D], in its own space.

        Where this encoder is narrower, its table holds their main directions, and its map, if it
        has one, leads back. Weights are small for tokens that stand often in the transfer set.
        Shapes: frequencies [V], how often each token stands there.
        Source: Tulkens and van Dongen 2024, Model2Vec, for the vectors of single tokens.
        """
        width = self.embedding.embedding_dim
        table = vectors / vectors.square().mean().sqrt().clamp(min=1e-12)
        with torch.no_grad():
            if table.shape[1] != width:
                _, _, directions = torch.linalg.svd(table.T @ table)
                chosen = directions[:width].T
                table = table @ chosen
                for back in self.dense:
                    assert isinstance(back, Dense)
                    back.linear.weight.copy_(chosen)
                    back.linear.bias.zero_()
            self.embedding.weight.copy_(table)
            self.weights.copy_(rareness(frequencies).unsqueeze(1))

    def folded(self) -> Tensor:
        """The embeddings with their weights multiplied in: [V, D]."""
        return (self.embedding.weight * self.weights).detach()

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        mean = weighted_mean(ids, mask, self.embedding, self.weights)
        return _finished(mean, self.dense, self.normalise)


def pooled(states: Tensor, mask: Tensor, pooling: Pooling) -> Tensor:
    """One vector of the states of the real tokens.

    Shapes: states [B, T, D], mask [B, T] -> [B, D].
    """
    if pooling == "cls":
        return states[:, 0]
    real = mask.unsqueeze(2)
    if pooling == "max":
        return states.masked_fill(real == 0, torch.finfo(states.dtype).min).amax(1)
    return (states * real).sum(1) / real.sum(1).clamp(min=1)


def preset_encoder(name: str, vocabulary: int, most: int, outputs: int | None) -> SentenceEncoder:
    """A fresh BERT miniature, with a dense map to `outputs` features where they are not its own.

    Raises: RequestError where there is none of that name.
    """
    from transformers import BertModel

    config = miniature(name, vocabulary, most)
    width = config.hidden_size
    dense = [] if outputs is None or outputs == width else [Dense(width, outputs)]
    return SentenceEncoder(BertModel(config), dense=dense)


def cut_encoder(
    encoder: SentenceEncoder,
    layers: tuple[int, ...],
    heads: int | None,
    width: int | None,
    kept: NDArray[np.int64] | None,
) -> SentenceEncoder:
    """A student made of parts of an encoder, as `cut_model` says.

    Its dense maps are copied, the first reading as many features as are left; an encoder without
    any that got narrower gets one, new, back to the teacher's width.
    Raises: RequestError where it cannot be cut so.
    """
    model = cut_model(encoder.model, layers, heads, width, kept)
    narrow, wide = model.config.hidden_size, encoder.model.config.hidden_size
    if not len(encoder.dense):
        added = [] if narrow == wide else [Dense(narrow, wide)]
        return SentenceEncoder(model, encoder.pooling, added, encoder.normalise)
    maps = []
    for number, given in enumerate(encoder.dense):
        assert isinstance(given, Dense)
        read = narrow if number == 0 else given.linear.in_features
        copied = Dense(
            read, given.linear.out_features, given.activation_name, given.linear.bias is not None
        )
        weights = given.state_dict()
        copied.load_state_dict(weights | {"linear.weight": weights["linear.weight"][:, :read]})
        maps.append(copied)
    return SentenceEncoder(model, encoder.pooling, maps, encoder.normalise)


def end_in(encoder: SentenceEncoder | StaticEncoder, directions: Tensor) -> None:
    """Let an encoder of D features end along these directions of its space, as a map that learns.

    A linear map at its end takes them in; else there is one map more.
    Shapes: directions [D, K].
    """
    *before, last = [*encoder.dense] or [None]
    if isinstance(last, Dense) and isinstance(last.activation, nn.Identity):
        weight, bias = directions.T @ last.linear.weight, last.linear.bias
    else:
        before, weight, bias = [*encoder.dense], directions.T, None
    narrower = Dense(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        narrower.linear.weight.copy_(weight)
        nn.init.zeros_(narrower.linear.bias)
        if bias is not None:
            narrower.linear.bias.copy_(directions.T @ bias)
    encoder.dense = nn.Sequential(*before, narrower)


def bend(encoder: StaticEncoder, hidden: int) -> None:
    """Let vectors of D features pass through hidden units on their way out, at first unchanged.

    A mean of tokens is linear in what a text holds; its teacher is not. As gelu(x) - gelu(-x) = x,
    two units a feature carry it through, and the others are free; all of them learn.
    Raises: RequestError for fewer hidden units than 2 D.
    """
    width = encoder.width
    if hidden < 2 * width:
        raise RequestError(
            f"student: a static encoder of {width} features needs {2 * width} hidden units or "
            f"more, or none, and {hidden} were named: static-{width}-{4 * width} would do"
        )
    up = Dense(width, hidden, "torch.nn.modules.activation.GELU")
    down = Dense(hidden, width)
    same = torch.eye(width)
    with torch.no_grad():
        up.linear.weight[: 2 * width] = torch.cat([same, -same])
        nn.init.zeros_(up.linear.bias)
        nn.init.zeros_(down.linear.weight)
        down.linear.weight[:, : 2 * width] = torch.cat([same, -same], dim=1)
        nn.init.zeros_(down.linear.bias)
    encoder.dense = nn.Sequential(*encoder.dense, up, down)


def _width(dense: nn.Sequential, width: int) -> int:
    last = dense[-1] if len(dense) else None
    return last.linear.out_features if isinstance(last, Dense) else width


def _finished(vectors: Tensor, dense: nn.Sequential, normalise: bool) -> Tensor:
    mapped: Tensor = dense(vectors)
    return nn.functional.normalize(mapped, dim=-1) if normalise else mapped
