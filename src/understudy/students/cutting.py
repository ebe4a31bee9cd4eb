"""A small Transformers model made of parts of a large one: layers, heads, features, tokens."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from understudy.errors import RequestError

FAMILIES = ("bert", "camembert", "distilbert", "electra", "mpnet", "roberta", "xlm-roberta")
"""Families whose layers all have weights of their own, under `...layer.N...`."""

COUNTED_FROM_PADDING = ("camembert", "mpnet", "roberta", "xlm-roberta")
"""Families that count positions from the id of the padding token on."""

HEADS = tuple(
    f"{place}.{kind}"
    for place in ("classifier", "classifier.out_proj")
    for kind in ("weight", "bias")
)
"""The last map of a classifier, whose rows are classes."""

LAYER = re.compile(r"(.*\blayer)\.(\d+)\.(.*)")


def cut_model(
    teacher: Any,
    layers: tuple[int, ...],
    heads: int | None = None,
    width: int | None = None,
    kept: NDArray[np.int64] | None = None,
    classes: int | None = None,
) -> Any:
    """A new model of the teacher's class with some of its layers, and copies of their weights.

    `kept` holds the old ids of the tokens that stay, in the order of their new ones. `heads` and
    `width` cut every layer to its first heads and first features; the teacher's features per head
    stay, so that each decides the other, and the inner width shrinks in proportion. First features
    are no better than others: that cut gives a place to start from, not a working model. `classes`
    of another number than the teacher's get a new, random head.
    Raises: RequestError where the family is not known, or where there is no such part of it.
    Source: Sanh et al. 2019, arXiv:1910.01108, section 3, for the layers and the embeddings.
    """
    config = _smaller(teacher.config, layers, heads, width, kept)
    old_classes = getattr(teacher.config, "num_labels", None)
    if classes is not None:
        config.num_labels = classes
    student = type(teacher)(config)
    old, new = teacher.state_dict(), student.state_dict()
    table = _table_name(teacher)
    for name, value in new.items():
        if name in HEADS and classes not in (None, old_classes):
            continue
        source = _source_of(name, layers)
        if source not in old:
            raise RequestError(
                f"the teacher has no weights '{source}', which a model cut from it needs; "
                "leave heads and width out"
            )
        rows = old[source] if name != table or kept is None else old[source][torch.tensor(kept)]
        new[name] = _leading(rows, value)
    student.load_state_dict(new)
    return student


def _smaller(
    config: Any,
    layers: Sequence[int],
    heads: int | None,
    width: int | None,
    kept: NDArray[np.int64] | None,
) -> Any:
    """The config of the cut model."""
    if config.model_type not in FAMILIES:
        raise RequestError(
            f"a model of the family '{config.model_type}' cannot be cut; "
            f"known are: {', '.join(FAMILIES)}"
        )
    depth = config.num_hidden_layers
    outside = [layer for layer in layers if not 0 <= layer < depth]
    if outside or not layers:
        raise RequestError(
            f"the teacher has layers 0 to {depth - 1}, asked for were {list(layers)}; "
            "name at least one of them"
        )
    small = copy.deepcopy(config)
    small.num_hidden_layers = len(layers)
    _narrow(small, config, heads, width)
    if kept is not None:
        _renumber(small, config, kept)
    return small


def _narrow(small: Any, config: Any, heads: int | None, width: int | None) -> None:
    """Fewer features, in whole heads of the teacher's size."""
    size = config.hidden_size // config.num_attention_heads
    heads = heads or (width or config.hidden_size) // size
    width = width or heads * size
    if not 0 < heads <= config.num_attention_heads or width != heads * size:
        raise RequestError(
            f"a cut to {heads} heads and {width} features does not fit: the teacher has "
            f"{config.num_attention_heads} heads of {size} features each, and the width is "
            "heads x features; give one of the two"
        )
    if getattr(config, "embedding_size", None) == config.hidden_size:
        small.embedding_size = width
    inner = "hidden_dim" if config.model_type == "distilbert" else "intermediate_size"
    setattr(small, inner, getattr(config, inner) * width // config.hidden_size)
    small.hidden_size, small.num_attention_heads = width, heads


def _renumber(small: Any, config: Any, kept: NDArray[np.int64]) -> None:
    """The size of the vocabulary, and the new ids of the tokens that a config names."""
    if len(kept) == 0 or kept.max() >= config.vocab_size:
        raise RequestError(
            f"the teacher has {config.vocab_size} tokens, and one of those to keep is number "
            f"{kept.max(initial=0)}; the tokenizer is of another model"
        )
    new = {int(old): number for number, old in enumerate(kept)}
    padding = config.pad_token_id
    if config.model_type in COUNTED_FROM_PADDING and new.get(padding) != padding:
        raise RequestError(
            f"the padding token {padding} would get another id, from which a model of the family "
            f"'{config.model_type}' counts its positions; keep all tokens before it"
        )
    small.vocab_size = len(kept)
    for name, value in config.to_dict().items():
        if name.endswith("_token_id") and isinstance(value, int):
            setattr(small, name, new.get(value))


def _table_name(model: Any) -> str:
    """The name of the weights of the token embeddings."""
    table = model.get_input_embeddings().weight
    names: list[str] = [name for name, value in model.named_parameters() if value is table]
    return names[0]


def _source_of(name: str, layers: Sequence[int]) -> str:
    """The name in the teacher of a weight of the student."""
    found = LAYER.fullmatch(name)
    return f"{found[1]}.{layers[int(found[2])]}.{found[3]}" if found else name


def _leading(value: Tensor, like: Tensor) -> Tensor:
    """The first entries along every axis, as many as the student has, in its precision."""
    return value[tuple(slice(size) for size in like.shape)].to(like).clone()
