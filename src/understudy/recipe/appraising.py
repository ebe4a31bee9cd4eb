"""What can be told of a teacher from its folder, without loading its weights."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from understudy.errors import RequestError
from understudy.recipe.writing import on_one_line

ENDINGS: Mapping[str, str] = {
    "ForImageClassification": "image-classification",
    "ForSequenceClassification": "text-classification",
    "ForAudioClassification": "audio-classification",
    "ForCTC": "speech-recognition",
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "ForConditionalGeneration": "text-generation",
}
"""The task of a Transformers model by the end of its class name."""


@dataclass(frozen=True)
class Appraisal:
    """A teacher as a recipe names it.

    `is_preset` where it is still to be trained. `classes` are the names of the outputs in their
    order, where these settle what the labels mean; `reads` is height and width of its inputs.
    """

    name: str
    comment: str
    is_preset: bool = False
    classes: tuple[str, ...] | None = None
    reads: tuple[int, int] | None = None


@dataclass(frozen=True)
class Labels:
    """The classes of the data in their order; `numbered` where the rows hold integers for them."""

    source: str
    classes: tuple[str, ...]
    numbered: bool = False


def appraise(teacher: str, labels: Labels) -> Appraisal:
    """Look at a preset, a model folder, a hub id or the name of a function.

    Raises: RequestError where it does not exist, is for another task, or answers another number of
    classes than the data have.
    """
    folder = Path(teacher).expanduser()
    for saved in (folder / "understudy.json", folder / "student" / "understudy.json"):
        if saved.is_file():
            names = tuple(map(str, _json(saved)["classes"]))
            return _named(teacher, "a model of ours", names, labels)
    if (folder / "config.json").is_file():
        return _transformers(teacher, _json(folder / "config.json"), labels)
    from understudy.students import is_preset

    if is_preset(teacher):
        return Appraisal(teacher, "a preset, trained on the labels first", is_preset=True)
    if folder.exists():
        raise RequestError(
            f"teacher: '{teacher}' is no model folder: it has neither config.json nor "
            "understudy.json"
        )
    if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", teacher):
        return Appraisal(teacher, "your own function; needs --allow-code")
    if re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", teacher):
        return Appraisal(teacher, "a hub id, not looked at yet")
    raise RequestError(
        f"teacher: '{teacher}' does not exist; give a preset, a model folder, a hub id or "
        "'package.module:function'"
    )


def _transformers(teacher: str, config: Mapping[str, Any], labels: Labels) -> Appraisal:
    kind = str((config.get("architectures") or ["model of no stated class"])[0])
    task = next((task for end, task in ENDINGS.items() if kind.endswith(end)), None)
    if task is None:
        raise RequestError(f"teacher: '{teacher}' is a {kind}, which classifies nothing")
    if task != "image-classification":
        raise RequestError(
            f"teacher: '{teacher}' is a {kind}, which is for {task}; that task is not there yet, "
            "image-classification is"
        )
    stored: Mapping[str, str] = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    names = tuple(str(stored[key]) for key in sorted(stored, key=int))
    side = config.get("image_size")
    reads = (side, side) if isinstance(side, int) else (side[0], side[1]) if side else None
    told = f"a {kind}" + (f" of {reads[0]} x {reads[1]} pixels" if reads else "")
    return replace(_named(teacher, told, names, labels), reads=reads)


def _named(teacher: str, kind: str, names: tuple[str, ...], labels: Labels) -> Appraisal:
    """A teacher whose outputs have names, held against the classes of the data.

    Its names become those of the data where the data only number them, or order them otherwise.
    """
    classes = labels.classes
    if len(names) != len(classes):
        listed = ", ".join(classes[:10]) + (", ..." if len(classes) > 10 else "")
        raise RequestError(
            f"teacher: '{teacher}' answers {len(names)} classes, but {labels.source} has "
            f"{len(classes)}: {listed}; give a teacher of these classes"
        )
    told = f"{kind}, {len(names)} classes"
    if names == classes or names[0] == "LABEL_0":
        return Appraisal(teacher, told)
    if labels.numbered or set(names) == set(classes):
        return Appraisal(teacher, told, classes=names)
    return Appraisal(teacher, f"{told}; check their order: {on_one_line(list(names))[1:-1]}")


def _json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    except ValueError as error:
        raise RequestError(f"teacher: {path} is not JSON: {error}") from error
