"""Transformers image classifiers as students and teachers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import Tensor, nn

from understudy.errors import RequestError
from understudy.files import write_json

READING_FAILS = (OSError, ValueError, RuntimeError, KeyError, SafetensorError)


@contextmanager
def quietly() -> Iterator[None]:
    """Without the tables and bars that Transformers show of every model."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def loading(source: str) -> Iterator[None]:
    """Read a model through Transformers. Raises: RequestError where it cannot be read."""
    with quietly():
        try:
            yield
        except READING_FAILS as error:
            raise unreadable(source, error) from error


NOT_THE_MODEL = ("_name_or_path", "transformers_version")
"""Fields of a config that say where it came from, not what it is."""


class LogitsOf(nn.Module):
    """A Transformers classifier that gives its logits alone; `.model` is theirs, untouched.

    Shapes: [B, C, H, W] -> [B, classes].
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def extra_repr(self) -> str:
        """The config: settings that no weight shows, such as the heads, are part of a model."""
        return described(self.model)

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.model(pixel_values=pixels).logits
        return logits


def described(model: Any) -> str:
    """The config of a Transformers model as one line, without where it came from."""
    config = model.config.to_dict()
    told = {name: value for name, value in config.items() if name not in NOT_THE_MODEL}
    return json.dumps(told, sort_keys=True, default=str)


def image_classifier(source: str, shape: tuple[int, int, int], classes: int) -> LogitsOf:
    """A fresh classifier of the given architecture for these images and this many classes.

    Weights in the folder are loaded where they fit, the head is new where its width differs.
    Raises: RequestError where the folder cannot be read, or its weights are a pickle.
    """
    from transformers import AutoConfig, AutoModelForImageClassification

    folder = source.removesuffix("config.json") or "."
    if folder == source:
        refuse_pickles(folder)
    with loading(source):
        config = AutoConfig.from_pretrained(folder)
        config.num_labels = classes
        config.num_channels = shape[2]
        if getattr(config, "image_size", None) is not None:
            config.image_size = shape[0] if shape[0] == shape[1] else shape[:2]
        if not has_weights(folder):
            return LogitsOf(AutoModelForImageClassification.from_config(config))
        return LogitsOf(
            AutoModelForImageClassification.from_pretrained(
                folder, config=config, ignore_mismatched_sizes=True, use_safetensors=True
            )
        )


def trained_classifier(source: str) -> LogitsOf:
    """The classifier in a folder, with its own head, as its owner saved it.

    Raises: RequestError where it cannot be read, or where its weights are a pickle.
    """
    from transformers import AutoModelForImageClassification

    refuse_pickles(source)
    with loading(source):
        model, found = AutoModelForImageClassification.from_pretrained(
            source, use_safetensors=True, output_loading_info=True
        )
    refuse_missing(
        source, found["missing_keys"], "give a folder that was saved with its classifier"
    )
    return LogitsOf(model)


def refuse_missing(source: str, names: Iterable[str], advice: str) -> None:
    """Raise RequestError where a folder lacks weights, which would then be random."""
    missing = sorted(names)
    if missing:
        raise RequestError(
            f"the model in '{source}' lacks {len(missing)} of its weights, {missing[0]} first, and "
            f"they would be random; {advice}"
        )


def named_classes(body: nn.Module) -> tuple[str, ...] | None:
    """The names of the outputs, in order, where the folder has better ones than LABEL_0."""
    model: Any = body.model
    names = [str(name) for _, name in sorted(model.config.id2label.items())]
    return None if names[0] == "LABEL_0" else tuple(names)


def has_weights(folder: str) -> bool:
    """Whether a local folder holds safetensors weights; an id on a hub is taken to have some."""
    path = Path(folder)
    return not path.is_dir() or any(path.glob("*.safetensors"))


def refuse_pickles(source: str) -> None:
    """Raise RequestError where the only weights of a folder are pickles, which can run code."""
    path = Path(source)
    pickles = [p for p in path.glob("*") if p.suffix in {".bin", ".pt", ".pth", ".pkl", ".ckpt"}]
    if path.is_dir() and pickles and not any(path.glob("*.safetensors")):
        raise RequestError(
            f"{pickles[0]} is a pickle, which can run code when it is opened; save the model again "
            "with save_pretrained(folder), which writes safetensors"
        )


def unreadable(source: str, error: Exception) -> RequestError:
    """One sentence for whatever Transformers says of a folder that it cannot read."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return RequestError(f"the model in '{source}' cannot be read: {reason[:300]}")


def save_classifier(
    folder: Path, body: nn.Module, classes: tuple[str, ...], form: Mapping[str, Any]
) -> None:
    """Write a folder that `from_pretrained` and `pipeline("image-classification", ...)` load.

    The preprocessing goes with it where the images are bytes, which is what theirs can say.
    """
    model: Any = body.model
    model.config.id2label = dict(enumerate(classes))
    model.config.label2id = {name: number for number, name in enumerate(classes)}
    with quietly():
        model.save_pretrained(folder)
    height, width, channels = form["shape"]
    if form["dtype"] == "uint8" and channels == 3:
        processor = {
            "image_processor_type": "ViTImageProcessor",
            "do_resize": True,
            "size": {"height": height, "width": width},
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": [value / 255 for value in form["mean"]],
            "image_std": [value / 255 for value in form["std"]],
        }
        write_json(folder / "preprocessor_config.json", processor)


def preprocessing(source: str) -> dict[str, Any] | None:
    """Mean, std (in units of bytes) and size from a folder's preprocessor_config.json, if any."""
    path = Path(source) / "preprocessor_config.json"
    if not path.is_file():
        return None
    stored = json.loads(path.read_text())
    unit = 1 / stored.get("rescale_factor", 1 / 255) if stored.get("do_rescale", True) else 1.0
    size = stored.get("crop_size") or stored.get("size") or {}
    found: dict[str, Any] = {
        "mean": [unit * value for value in stored.get("image_mean", [0.0] * 3)],
        "std": [unit * value for value in stored.get("image_std", [1.0] * 3)],
    }
    if not stored.get("do_normalize", True):
        found |= {"mean": [0.0] * len(found["mean"]), "std": [unit] * len(found["std"])}
    if "height" in size and stored.get("do_resize", True):
        found["size"] = (size["height"], size["width"])
    return found
