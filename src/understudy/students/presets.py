"""Our own networks by name, for images and for texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from torch import nn

from understudy.errors import RequestError
from understudy.students.cnn import WIDTHS, Cnn
from understudy.students.mlp import Mlp

Reads = Literal["image", "text"]
"""What a network reads."""

TRANSFORMERS = ("tiny", "mini", "small")
"""BERT miniatures: (2 layers, 128 wide), (4, 256), (4, 512)."""

PRESETS: Mapping[Reads, tuple[str, ...]] = {
    "image": (*(f"cnn-{size}" for size in WIDTHS), "mlp-16", "mlp-32", "mlp-128", "mlp-800-800"),
    "text": ("static", "static-64", "cnn", "bilstm", *TRANSFORMERS),
}
"""The presets to suggest; `mlp-` and `static-` take any widths, `small` is `cnn-small` too."""


STATIC = (128, 512)
"""Features of a token, and units of the hidden layer, where a name does not say."""


def is_preset(name: str, reads: Reads | None = None) -> bool:
    """Whether a name means one of our own networks: of this kind, or of any."""
    kinds = {"image": _image_preset, "text": _text_preset}
    wanted = kinds.values() if reads is None else (kinds[reads],)
    return any(kind(name) is not None for kind in wanted)


def static_sizes(name: str) -> tuple[int | None, int]:
    """The width of a static preset, where it names one, and its hidden units, 0 for none."""
    _, sizes = _text_preset(name) or ("", ())
    return (sizes[0] if sizes else None), (sizes[1] if len(sizes) > 1 else 0)


def preset_network(
    name: str, reads: Reads, shape: tuple[int, ...], classes: int, dropout: float
) -> nn.Module:
    """A fresh network, weights drawn from torch's current random state.

    Shapes: `shape` is [height, width, channels], or [vocabulary, most tokens].
    Raises: RequestError where the inputs are too small for it.
    """
    if reads == "text":
        return _text_network(name, shape, classes, dropout)
    image = (shape[0], shape[1], shape[2])
    kind, sizes = _image_preset(name) or ("", ())
    if kind == "mlp":
        return Mlp(image, classes, sizes, dropout)
    if min(image[:2]) < 8:
        raise RequestError(
            f"'{name}' needs images of at least 8 x 8 pixels, these are "
            f"{image[0]} x {image[1]}; take an mlp, such as mlp-32"
        )
    return Cnn(image, classes, sizes[0], dropout)


def _text_network(name: str, shape: tuple[int, ...], classes: int, dropout: float) -> nn.Module:
    from understudy.students.bilstm import BiLstm
    from understudy.students.static import Static
    from understudy.students.text_cnn import TextCnn
    from understudy.students.text_transformers import preset_classifier

    vocabulary, most = shape
    kind, sizes = _text_preset(name) or ("", ())
    if kind == "static":
        width, hidden = (*sizes, *STATIC[len(sizes) :])
        return Static(vocabulary, classes, width, hidden, dropout)
    if kind == "cnn":
        return TextCnn(vocabulary, classes, dropout=dropout)
    if kind == "bilstm":
        return BiLstm(vocabulary, classes, dropout=dropout)
    return preset_classifier(name, vocabulary, classes, most)


def _image_preset(name: str) -> tuple[str, tuple[int, ...]] | None:
    """("mlp", widths) or ("cnn", (width,)), or None where the name is no preset."""
    if re.fullmatch(r"mlp(-[1-9]\d*)+", name):
        return "mlp", tuple(int(width) for width in name.split("-")[1:])
    size = name.removeprefix("cnn-")
    return ("cnn", (WIDTHS[size],)) if size in WIDTHS else None


def _text_preset(name: str) -> tuple[str, tuple[int, ...]] | None:
    """("static", (width[, hidden])), or the name alone, or None where it is no preset."""
    if re.fullmatch(r"static(-[1-9]\d*(-\d+)?)?", name):
        return "static", tuple(int(size) for size in name.split("-")[1:])
    return (name, ()) if name in PRESETS["text"] else None
