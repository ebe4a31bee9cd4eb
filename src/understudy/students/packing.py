"""Texts without padding: all tokens of a batch as one long row, each text attending to itself.

Linear layers are most of the work of a small encoder, and here they see real tokens alone. For
answering, not for training or export. These functions read a model's own weights and keep nothing
between calls, so that any number of threads may call them at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Pooling = Literal["mean", "cls", "max"]

Span = tuple[int, int, int]
"""Texts of equal length, how many tokens each has, and where the first one starts."""

OF_BERT = ("transformers.models.bert.", "transformers.activations", "torch.nn.modules.activation")
"""Where the kinds of modules are defined that a BERT consists of, beside the usual layers."""


@dataclass(frozen=True)
class Pack:
    """The N tokens of B texts behind one another, the shortest text first.

    Shapes: ids, places inside their text, and token types [N]; order [B], the row of each text.
    """

    ids: Tensor
    places: Tensor
    types: Tensor
    order: Tensor
    spans: tuple[Span, ...]

    @classmethod
    def of(cls, ids: Tensor, mask: Tensor, types: Tensor) -> Pack:
        """Shapes: ids, mask and token types [B, T], padded at the end."""
        lengths = mask.sum(1)
        order = lengths.argsort(stable=True)
        real = mask[order].bool()
        places = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
        spans = _spans(lengths[order])
        return cls(ids[order][real], places[real], types[order][real], order, spans)

    def pooled(self, states: Tensor, pooling: Pooling) -> Tensor:
        """One vector of the states of each text, in the order of the rows; 0 of an empty text.

        Shapes: [N, D] -> [B, D].
        """
        found = states.new_zeros(len(self.order), states.shape[1])
        done = 0
        for count, size, start in self.spans:
            if size:
                texts = states[start : start + count * size].view(count, size, -1)
                found[done : done + count] = _pooled(texts, pooling)
            done += count
        rows = torch.empty_like(found)
        rows[self.order] = found
        return rows


def _pooled(states: Tensor, pooling: Pooling) -> Tensor:
    """Shapes: [B, T, D], all real -> [B, D]."""
    if pooling == "cls":
        return states[:, 0]
    return states.amax(1) if pooling == "max" else states.mean(1)


def _spans(lengths: Tensor) -> tuple[Span, ...]:
    """The spans of sorted lengths [B]."""
    sizes, counts = torch.unique_consecutive(lengths, return_counts=True)
    starts = torch.cumsum(sizes * counts, 0) - sizes * counts
    table = torch.stack([counts, sizes, starts], 1).tolist()
    return tuple((int(count), int(size), int(start)) for count, size, start in table)


def can_pack(model: Any) -> bool:
    """Whether a Transformers model is a BERT as it comes, whose layers `packed_states` may run.

    What somebody changed is left to its own ways: other kinds of layers, as adapters and
    quantisation put in, decoders, and hooks.
    """
    from transformers import BertModel

    if type(model) is not BertModel:
        return False
    config = model.config
    is_plain = getattr(config, "position_embedding_type", "absolute") == "absolute"
    is_encoder = not (config.is_decoder or config.add_cross_attention)
    return is_plain and is_encoder and all(map(_as_it_comes, model.modules()))


def _as_it_comes(module: nn.Module) -> bool:
    """Whether a module is of a known kind, and no hook stands around it."""
    if module._forward_hooks or module._forward_pre_hooks:
        return False
    kind = type(module)
    known = (nn.Linear, nn.LayerNorm, nn.Embedding, nn.Dropout, nn.ModuleList)
    return kind in known or kind.__module__.startswith(OF_BERT)


def packed_states(model: Any, pack: Pack) -> Tensor:
    """The last states of every token, as `model` gives them in eval mode, to 1e-6.

    Linear layers compute in the type of their weights, everything around them in that of the
    embeddings. Gives no gradient.
    Shapes: N tokens -> [N, D].
    """
    with torch.no_grad():
        table = model.embeddings
        states: Tensor = table.word_embeddings(pack.ids)
        states += table.token_type_embeddings(pack.types)
        states += table.position_embeddings(pack.places)
        states = table.LayerNorm(states)
        for layer in model.encoder.layer:
            near = layer.attention
            heard = _attended(near.self, states, pack.spans)
            states = near.output.LayerNorm(states.add_(_linear(near.output.dense, heard)))
            wide = _linear(layer.intermediate.dense, states)
            wide = _activated(layer.intermediate.intermediate_act_fn, wide)
            states = layer.output.LayerNorm(states.add_(_linear(layer.output.dense, wide)))
    return states


def _linear(layer: Any, values: Tensor) -> Tensor:
    """A linear layer, in the type of its weights."""
    return functional.linear(values.to(layer.weight.dtype), layer.weight, layer.bias)


def _activated(activation: Any, values: Tensor) -> Tensor:
    """An activation; GELU over the values themselves, for they are the largest table of all."""
    if getattr(activation, "act", None) is functional.gelu:
        return torch.ops.aten.gelu_(values)  # type: ignore[no-any-return]
    found: Tensor = activation(values)
    return found


def _attended(near: Any, states: Tensor, spans: tuple[Span, ...]) -> Tensor:
    """Attention within each text. Shapes: [N, D] -> [N, D]."""
    heads, width = near.num_attention_heads, near.attention_head_size
    sides = [_linear(layer, states) for layer in (near.query, near.key, near.value)]
    out = torch.empty_like(sides[0])
    for count, size, start in spans:
        stop = start + count * size
        query, key, value = (
            side[start:stop].view(count, size, heads, width).transpose(1, 2) for side in sides
        )
        found = functional.scaled_dot_product_attention(query, key, value)
        out[start:stop].view(count, size, heads, width).copy_(found.transpose(1, 2))
    return out
