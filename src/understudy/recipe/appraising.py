"""What can be told of a teacher from its folder, without loading its weights."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.errors import RequestError

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


def appraise(teacher: str, source: str, classes: tuple[str, ...]) -> Appraisal:
    """Look at a preset, a model folder, a hub id or the name of a function.

    Raises: RequestError where it does not exist, is for another task, or answers another number of
    classes than the data have.
    """
    folder = Path(teacher).expanduser()
    for saved in (folder / "understudy.json", folder / "student" / "understudy.json"):
        if saved.is_file():
            names = tuple(map(str, _json(saved)["classes"]))
            _refuse_other_count(teacher, len(names), source, classes)
            told = f"a model of ours, {len(names)} classes"
            return Appraisal(teacher, told, classes=_order(names, classes))
    if (folder / "config.json").is_file():
        return _transformers(teacher, _json(folder / "config.json"), source, classes)
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


def _transformers(
    teacher: str, config: Mapping[str, Any], source: str, classes: tuple[str, ...]
) -> Appraisal:
    kind = str((config.get("architectures") or ["model of no stated class"])[0])
    task = next((task for end, task in ENDINGS.items() if kind.endswith(end)), None)
    if task is None:
        raise RequestError(f"teacher: '{teacher}' is a {kind}, which classifies nothing")
    if task != "image-classification":
        raise RequestError(
            f"teacher: '{teacher}' is a {kind}, which is for {task}; that task is not there yet, "
            "image-classification is"
        )
    labels: Mapping[str, str] = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    names = tuple(str(labels[key]) for key in sorted(labels, key=int))
    _refuse_other_count(teacher, len(names), source, classes)
    side = config.get("image_size")
    reads = (side, side) if isinstance(side, int) else tuple(side) if side else None
    told = f"a {kind}, {len(names)} classes" + (f", {_size(reads)} pixels" if reads else "")
    order = None if names[0] == "LABEL_0" else _order(names, classes)
    return Appraisal(teacher, told, classes=order, reads=reads)  # type: ignore[arg-type]


def _order(names: tuple[str, ...], classes: tuple[str, ...]) -> tuple[str, ...] | None:
    """The teacher's names where they are those of the data, or name what the data number."""
    numbered = classes == tuple(map(str, range(len(classes))))
    return names if names != classes and (numbered or set(names) == set(classes)) else None


def _refuse_other_count(teacher: str, count: int, source: str, classes: tuple[str, ...]) -> None:
    if count != len(classes):
        listed = ", ".join(classes[:10]) + (", ..." if len(classes) > 10 else "")
        raise RequestError(
            f"teacher: '{teacher}' answers {count} classes, but {source} has {len(classes)}: "
            f"{listed}; give a teacher of these classes"
        )


def _size(size: tuple[Any, ...]) -> str:
    return " x ".join(map(str, size))


def _json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    except ValueError as error:
        raise RequestError(f"teacher: {path} is not JSON: {error}") from error
