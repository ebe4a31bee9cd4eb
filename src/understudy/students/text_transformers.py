"""Transformers sequence classifiers as teachers and students."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from understudy.errors import RequestError, did_you_mean
from understudy.students.cutting import cut_model
from understudy.students.hugging_face import (
    described,
    has_weights,
    loading,
    quietly,
    refuse_missing,
    refuse_pickles,
)
from understudy.students.tokens import name_inputs

MINIATURES = {"tiny": (2, 128, 2), "mini": (4, 256, 4), "small": (4, 512, 8)}
"""Layers, features and heads of small BERTs (Turc et al. 2019, arXiv:1908.08962, table 1)."""


class TextLogitsOf(nn.Module):
    """A Transformers classifier that gives its logits alone; `.model` is theirs, untouched.

    Shapes: ids [B, T], mask [B, T] -> [B, classes].
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def extra_repr(self) -> str:
        """The config: settings that no weight shows, such as the heads, are part of a model."""
        return described(self.model)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        logits: Tensor = self.model(**model_inputs(self.model.config, ids, mask)).logits
        return logits


def model_inputs(config: Any, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """What a model of Transformers is called with.

    Padding gets the model's own padding token, since some families find their positions by it. The
    second part of a pair is of type 1 where the model has types.
    Shapes: ids [B, T], mask [B, T] -> each [B, T].
    """
    padding = getattr(config, "pad_token_id", None) or 0
    given = {"input_ids": ids.masked_fill(mask == 0, padding), "attention_mask": mask}
    if (getattr(config, "type_vocab_size", None) or 0) > 1:
        given["token_type_ids"] = token_types(ids, mask)
    return given


def token_types(ids: Tensor, mask: Tensor) -> Tensor:
    """1 for what stands behind the first separator of a pair, 0 for everything else.

    The separator is what every text ends with, as it does in all families that have types; a pair
    has two of them.
    Shapes: ids [B, T], mask [B, T] -> [B, T].
    """
    last = (mask.sum(1, keepdim=True) - 1).clamp(min=0)
    separators = (ids == ids.gather(1, last)).long() * mask
    behind_one = separators.cumsum(1) - separators > 0
    is_pair = separators.sum(1, keepdim=True) > 1
    return (behind_one & is_pair).long() * mask


def text_classifier(source: str, classes: int) -> TextLogitsOf:
    """A classifier of the given architecture for this many classes, in 32-bit floats.

    Weights in the folder are loaded, the head alone is new where it is missing or of other classes.
    Raises: RequestError where it cannot be read, where its weights are a pickle, or where others
    than those of the head are missing.
    """
    from transformers import AutoConfig, AutoModelForSequenceClassification

    folder = source.removesuffix("config.json") or "."
    if folder == source:
        refuse_pickles(folder)
    with loading(source):
        config = AutoConfig.from_pretrained(folder)
        config.num_labels = classes
        if not has_weights(folder):
            return TextLogitsOf(AutoModelForSequenceClassification.from_config(config))
        model, found = AutoModelForSequenceClassification.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    unfit = {*found["missing_keys"], *(name for name, *_ in found["mismatched_keys"])}
    body = {name for name in unfit if _is_of_the_body(name, model)}
    refuse_missing(source, body, "give a folder whose weights are those of its config.json")
    return TextLogitsOf(model)


def trained_text_classifier(source: str) -> TextLogitsOf:
    """The classifier in a folder, with its own head, as its owner saved it, in 32-bit floats.

    Raises: RequestError where it cannot be read, lacks weights, or where they are a pickle.
    """
    from transformers import AutoModelForSequenceClassification

    refuse_pickles(source)
    with loading(source):
        model, found = AutoModelForSequenceClassification.from_pretrained(
            source, dtype=torch.float32, use_safetensors=True, output_loading_info=True
        )
    refuse_missing(
        source, found["missing_keys"], "give a folder that was saved with its classifier"
    )
    return TextLogitsOf(model)


def preset_classifier(name: str, vocabulary: int, classes: int, most: int) -> TextLogitsOf:
    """A fresh BERT miniature: `tiny`, `mini` or `small`, for texts of `most` tokens.

    Raises: RequestError where there is none of that name.
    """
    from transformers import BertForSequenceClassification

    config = miniature(name, vocabulary, most)
    config.num_labels = classes
    return TextLogitsOf(BertForSequenceClassification(config))


def miniature(name: str, vocabulary: int, most: int) -> Any:
    """The config of a small BERT.

    Raises: RequestError where there is none of that name.
    """
    from transformers import BertConfig

    if name not in MINIATURES:
        raise RequestError(f"there is no preset '{name}'; {did_you_mean(name, MINIATURES)}")
    layers, width, heads = MINIATURES[name]
    return BertConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=most,
    )


def cut_classifier(
    model: Any,
    layers: tuple[int, ...],
    heads: int | None,
    width: int | None,
    classes: int,
    kept: NDArray[np.int64] | None,
) -> TextLogitsOf:
    """A student made of parts of a Transformers classifier, as `cut_model` says.

    Raises: RequestError where that cannot be cut so.
    """
    return TextLogitsOf(cut_model(model, layers, heads, width, kept, classes))


def save_text_classifier(
    folder: Path, body: nn.Module, classes: tuple[str, ...], several: bool = False
) -> None:
    """Write what `pipeline("text-classification", folder)` loads once its tokenizer is there too.

    Either may be saved first. Where a row may have `several` classes, the pipeline takes sigmoids.
    """
    model: Any = body.model
    if several:
        model.config.problem_type = "multi_label_classification"
    model.config.id2label = dict(enumerate(classes))
    model.config.label2id = {name: number for number, name in enumerate(classes)}
    with quietly():
        model.save_pretrained(folder)
    name_inputs(folder)


def token_table(model: Any) -> Tensor:
    """The token embeddings of a Transformers model: [V, D]."""
    table: Tensor = model.get_input_embeddings().weight.detach()
    return table


def _is_of_the_body(name: str, model: Any) -> bool:
    """Whether a weight belongs to the encoder; a pooler is part of the head, as BERT has it."""
    return name.startswith(f"{model.base_model_prefix}.") and ".pooler." not in name
