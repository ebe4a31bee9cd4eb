"""A blueprint says how to build a network again; every saved model carries its own."""

from __future__ import annotations

import copy
import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import nn

from understudy.errors import RequestError, did_you_mean
from understudy.students.presets import PRESETS, TRANSFORMERS, Reads, is_preset, preset_network


@dataclass(frozen=True)
class Blueprint:
    """What a network is, without its weights.

    `kind` says how `source` is read: a preset by name, a Transformers model by its folder or id, a
    user's module by `package.module:function` (or by its class name, if it was given in Python).
    `shape` is that of one image: height, width, channels; of a text: the size of its vocabulary,
    and how many tokens are read at most.
    """

    kind: Literal["preset", "transformers", "module"]
    source: str
    shape: tuple[int, ...]
    classes: int
    dropout: float = 0.0
    reads: Reads = "image"

    @property
    def is_foreign(self) -> bool:
        """Whether it is a Transformers model, saved and loaded by Transformers' own functions."""
        is_miniature = self.reads == "text" and self.source in TRANSFORMERS
        return self.kind == "transformers" or (self.kind == "preset" and is_miniature)


def read_blueprint(
    source: str,
    shape: tuple[int, ...],
    classes: int,
    dropout: float = 0.0,
    reads: Reads = "image",
) -> Blueprint:
    """Decide what a recipe's `student:` or `train:` names.

    Raises: RequestError where it is none of a preset, a Transformers folder, or code.
    """
    if is_preset(source, reads):
        return Blueprint("preset", source, shape, classes, dropout, reads)
    if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", source):
        return Blueprint("module", source, shape, classes, reads=reads)
    folder = Path(source).expanduser()
    if (folder / "config.json").is_file() or folder.name == "config.json":
        return Blueprint("transformers", str(folder), shape, classes, reads=reads)
    if folder.exists():
        raise RequestError(
            f"'{source}' is no model: expected a Transformers folder with config.json in it"
        )
    if re.fullmatch(r"[\w.-]+/[\w.-]+", source) and not source.startswith("."):
        return Blueprint("transformers", source, shape, classes, reads=reads)
    raise RequestError(
        f"'{source}' is neither a preset nor a model folder; {did_you_mean(source, PRESETS[reads])}"
    )


def of_module(
    module: nn.Module, shape: tuple[int, ...], classes: int, reads: Reads = "image"
) -> tuple[Blueprint, Callable[[], nn.Module]]:
    """What a network given in Python is, and how to make it: as it is now, whoever trains it."""
    name = f"{type(module).__module__}.{type(module).__qualname__}"
    original = copy.deepcopy(module).cpu()
    blueprint = Blueprint("module", name, shape, classes, reads=reads)
    return blueprint, lambda: copy.deepcopy(original)


def build(blueprint: Blueprint, *, allow_code: bool = False) -> nn.Module:
    """A fresh network, weights drawn from torch's current random state.

    Raises: RequestError where user code is named without `--allow-code`, or gives no module.
    """
    source, shape, classes = blueprint.source, blueprint.shape, blueprint.classes
    if blueprint.kind == "module":
        return call_for_network(source, allow_code)
    if blueprint.kind == "preset":
        return preset_network(source, blueprint.reads, shape, classes, blueprint.dropout)
    if blueprint.reads == "text" and (Path(source) / "modules.json").is_file():
        from understudy.students.sentence_classifier import sentence_classifier

        return sentence_classifier(source, classes)
    if blueprint.reads == "text":
        from understudy.students.text_transformers import text_classifier

        return text_classifier(source, classes)
    from understudy.students.hugging_face import image_classifier

    return image_classifier(source, (shape[0], shape[1], shape[2]), classes)


def call_for_network(reference: str, allow_code: bool) -> nn.Module:
    """Call the user's own `package.module:function`, as the user allowed, for a network.

    Raises: RequestError where that was not allowed, cannot be imported, or gives something else.
    """
    if not allow_code:
        raise RequestError(
            f"'{reference}' would run your own code; add --allow-code to say that it may"
        )
    module_name, _, function = reference.partition(":")
    try:
        made = getattr(importlib.import_module(module_name), function)()
    except (ImportError, AttributeError) as error:
        raise RequestError(f"'{reference}' cannot be called: {error}") from error
    if not isinstance(made, nn.Module):
        raise RequestError(
            f"'{reference}' gave a {type(made).__name__}; it must return a torch.nn.Module"
        )
    return made
