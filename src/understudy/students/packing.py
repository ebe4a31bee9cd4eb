"""Texts without padding: all tokens of a batch as one long row, each text attending to itself.

Linear layers are most of the work of a small encoder, and here they see real tokens alone. For
answering, not for training or export.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

NAME = "understudy_packed"
"""What this attention is called among those of Transformers."""
FAMILIES = ("bert",)
"""Families of which it is known that they find positions by `position_ids` alone."""

Span = tuple[int, int, int]
"""Texts of equal length, how many tokens each has, and where the first one starts."""


def can_pack(model: Any) -> bool:
    """Whether the texts of a Transformers model can be packed."""
    return model.config.model_type in FAMILIES


def packed_states(model: Any, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
    """The last states of every token; 0 where a row is padded.

    Shapes: ids, mask and token types [B, T], padded at the end -> [B, T, D].
    """
    lengths = mask.sum(1)
    order = lengths.argsort(stable=True)
    real = mask[order].bool()
    places = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
    with _attending(model):
        found = model(
            input_ids=ids[order][real][None],
            position_ids=places[real][None],
            token_type_ids=types[order][real][None],
            spans=_spans(lengths[order]),
        ).last_hidden_state[0]
    states = found.new_zeros(*ids.shape, found.shape[-1])
    states[real] = found
    back: Tensor = states[order.argsort()]
    return back


def _spans(lengths: Tensor) -> list[Span]:
    """The spans of sorted lengths [B]."""
    sizes, counts = torch.unique_consecutive(lengths, return_counts=True)
    starts = torch.cumsum(sizes * counts, 0) - sizes * counts
    table = torch.stack([counts, sizes, starts], 1).tolist()
    return [(int(count), int(size), int(start)) for count, size, start in table]


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scaling: float | None = None,
    spans: list[Span] | None = None,
    **unused: Any,
) -> tuple[Tensor, None]:
    """Attention within each text; what Transformers call in place of their own.

    Shapes: query, key, value [1, heads, N, d] -> [1, N, heads, d].
    """
    heads, width = query.shape[1], query.shape[3]
    sides = [side[0].transpose(0, 1) for side in (query, key, value)]
    out = torch.empty_like(sides[0])
    for count, size, start in spans or []:
        stop = start + count * size
        cut = [side[start:stop].view(count, size, heads, width).transpose(1, 2) for side in sides]
        found = functional.scaled_dot_product_attention(cut[0], cut[1], cut[2], scale=scaling)
        out[start:stop] = found.transpose(1, 2).reshape(count * size, heads, width)
    return out[None], None


def _no_mask(*given: Any, **named: Any) -> None:
    """Texts are apart already."""


@contextmanager
def _attending(model: Any) -> Iterator[None]:
    """Let a model use this attention for one call."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, _no_mask)
    before = model.config._attn_implementation
    model.set_attn_implementation(NAME)
    try:
        yield
    finally:
        model.set_attn_implementation(before)
