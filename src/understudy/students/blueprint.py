"""A blueprint says how to build a network again; every saved model carries its own."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import nn

from understudy.errors import RequestError, did_you_mean
from understudy.students.cnn import WIDTHS, Cnn
from understudy.students.mlp import Mlp

PRESETS = (*(f"cnn-{size}" for size in WIDTHS), "mlp-16", "mlp-32", "mlp-128", "mlp-800-800")
"""The presets to suggest; `mlp-` takes any widths, and `small` alone means `cnn-small`."""


@dataclass(frozen=True)
class Blueprint:
    """What a network is, without its weights.

    `kind` says how `source` is read: a preset by name, a Transformers model by its folder or id, a
    user's module by `package.module:function` (or by its class name, if it was given in Python).
    `shape` is that of one image: height, width, channels.
    """

    kind: Literal["preset", "transformers", "module"]
    source: str
    shape: tuple[int, int, int]
    classes: int
    dropout: float = 0.0


def read_blueprint(
    source: str, shape: tuple[int, int, int], classes: int, dropout: float = 0.0
) -> Blueprint:
    """Decide what a recipe's `student:` or `train:` names.

    Raises: RequestError where it is none of a preset, a Transformers folder, or code.
    """
    if _preset(source):
        return Blueprint("preset", source, shape, classes, dropout)
    if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", source):
        return Blueprint("module", source, shape, classes)
    folder = Path(source).expanduser()
    if (folder / "config.json").is_file() or folder.name == "config.json":
        return Blueprint("transformers", str(folder), shape, classes)
    if folder.exists():
        raise RequestError(
            f"'{source}' is no model: expected a Transformers folder with config.json in it"
        )
    if re.fullmatch(r"[\w.-]+/[\w.-]+", source) and not source.startswith("."):
        return Blueprint("transformers", source, shape, classes)
    raise RequestError(
        f"'{source}' is neither a preset nor a model folder; {did_you_mean(source, PRESETS)}"
    )


def build(blueprint: Blueprint, *, allow_code: bool = False) -> nn.Module:
    """A fresh network, weights drawn from torch's current random state.

    Raises: RequestError where user code is named without `--allow-code`, or gives no module.
    """
    if blueprint.kind == "module":
        return call_for_network(blueprint.source, allow_code)
    if blueprint.kind == "transformers":
        from understudy.students.hugging_face import image_classifier

        return image_classifier(blueprint.source, blueprint.shape, blueprint.classes)
    kind, sizes = _preset(blueprint.source) or ("", ())
    if kind == "mlp":
        return Mlp(blueprint.shape, blueprint.classes, sizes, blueprint.dropout)
    if min(blueprint.shape[:2]) < 8:
        raise RequestError(
            f"'{blueprint.source}' needs images of at least 8 x 8 pixels, these are "
            f"{blueprint.shape[0]} x {blueprint.shape[1]}; take an mlp, such as mlp-32"
        )
    return Cnn(blueprint.shape, blueprint.classes, sizes[0], blueprint.dropout)


def is_preset(name: str) -> bool:
    """Whether a name means one of our own networks."""
    return _preset(name) is not None


def _preset(name: str) -> tuple[str, tuple[int, ...]] | None:
    """("mlp", widths) or ("cnn", (width,)), or None where the name is no preset."""
    if re.fullmatch(r"mlp(-[1-9]\d*)+", name):
        return "mlp", tuple(int(width) for width in name.split("-")[1:])
    size = name.removeprefix("cnn-")
    return ("cnn", (WIDTHS[size],)) if size in WIDTHS else None


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
