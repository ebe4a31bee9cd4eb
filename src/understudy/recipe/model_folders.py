"""What the files in a model's folder say of it as a teacher."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from understudy.errors import RequestError
from understudy.recipe.appraisal import IMAGES, TEXTS, Appraisal, Labels, named, other_task

ENDINGS: Mapping[str, str] = {
    "ForImageClassification": IMAGES,
    "ForSequenceClassification": TEXTS,
    "ForAudioClassification": "audio-classification",
    "ForCTC": "speech-recognition",
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "ForConditionalGeneration": "text-generation",
}
"""The task of a Transformers model by the end of its class name."""
HEADLESS = ("Model", "ForMaskedLM", "ForPreTraining")
"""How the class names of encoders end: what their heads were for is over."""


def of_ours(teacher: str, saved: Path, labels: Labels, task: str) -> Appraisal:
    """A model that a run of ours saved.

    Raises: RequestError where it is for another task, or answers another number of classes.
    """
    facts = _json(saved)
    its = str(facts.get("task", task))
    if its != task:
        raise other_task(teacher, "a model of ours", its, labels, task)
    return named(teacher, "a model of ours", tuple(map(str, facts["classes"])), labels)


def of_transformers(teacher: str, folder: Path, labels: Labels, task: str) -> Appraisal:
    """A classifier as Transformers saves it, or an encoder of texts that can become one.

    Raises: RequestError where it is for another task, answers another number of classes, or
    classifies nothing and cannot learn to.
    """
    config = _json(folder / "config.json")
    stated = str((config.get("architectures") or ["model of no stated class"])[0])
    kind = " ".join(stated.split())  # it is to stand in a comment
    a_kind = f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind}"
    its = next((task for end, task in ENDINGS.items() if kind.endswith(end)), None)
    if its is None and task == TEXTS and _is_encoder(kind, config):
        return _encoder(teacher, folder, a_kind, config)
    if its is None:
        raise RequestError(f"teacher: '{teacher}' is {a_kind}, which classifies nothing")
    if its != task:
        raise other_task(teacher, a_kind, its, labels, task)
    stored: Mapping[str, str] = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    names = tuple(str(stored[key]) for key in sorted(stored, key=int))
    if task == TEXTS:
        found = named(teacher, a_kind, names, labels)
        return replace(found, tokens=_tokens(folder), layers=_layers(config))
    side = config.get("image_size")
    reads = (side, side) if isinstance(side, int) else (side[0], side[1]) if side else None
    told = a_kind + (f" of {reads[0]} x {reads[1]} pixels" if reads else "")
    return replace(named(teacher, told, names, labels), reads=reads)


def _is_encoder(kind: str, config: Mapping[str, Any]) -> bool:
    """Whether it reads tokens through layers; a table of token embeddings has none to fine-tune."""
    return kind.endswith(HEADLESS) and "vocab_size" in config and _layers(config) is not None


def _encoder(teacher: str, folder: Path, a_kind: str, config: Mapping[str, Any]) -> Appraisal:
    """Pretrained, and without a head for these classes."""
    told = "a sentence encoder" if (folder / "modules.json").is_file() else "an encoder"
    return Appraisal(
        teacher,
        f"{a_kind}, {told} without classes",
        begins="encoder",
        tokens=_tokens(folder),
        layers=_layers(config),
    )


def _tokens(folder: Path) -> int:
    """How many tokens of a text its owner had it read."""
    from understudy.students.tokens import read_tokens

    return read_tokens(folder).most


def _layers(config: Mapping[str, Any]) -> int | None:
    names = ("num_hidden_layers", "n_layers", "n_layer", "num_layers")
    return next((config[name] for name in names if isinstance(config.get(name), int)), None)


def _json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    except ValueError as error:
        raise RequestError(f"teacher: {path} is not JSON: {error}") from error
