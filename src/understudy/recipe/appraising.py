"""What can be told of a teacher from its name or its folder, without loading its weights."""

from __future__ import annotations

import re
from pathlib import Path

from understudy.errors import RequestError
from understudy.recipe import model_folders
from understudy.recipe.appraisal import IMAGES, TEXTS, Appraisal, Labels, other_task

FILES = {
    ".skops": "a scikit-learn pipeline, loaded without running code of its own",
    ".onnx": "an ONNX graph, run by ONNX Runtime",
}
"""Files that can be teachers of texts."""


def appraise(teacher: str, labels: Labels, task: str) -> Appraisal:
    """Look at a preset, a model folder, a file, a hub id, or the name of an endpoint or function.

    Raises: RequestError where it does not exist, is for another task, or answers another number of
    classes than the data have.
    """
    from understudy.students import is_preset

    folder = Path(teacher).expanduser()
    for saved in (folder / "understudy.json", folder / "student" / "understudy.json"):
        if saved.is_file():
            return model_folders.of_ours(teacher, saved, labels, task)
    if (folder / "config.json").is_file():
        return model_folders.of_transformers(teacher, folder, labels, task)
    if is_preset(teacher, "text" if task == TEXTS else "image"):
        return Appraisal(teacher, "a preset", begins="preset", layers=_preset_layers(teacher, task))
    if is_preset(teacher):
        raise other_task(teacher, "a preset", IMAGES if task == TEXTS else TEXTS, labels, task)
    if teacher.startswith("openai:") or folder.suffix in FILES:
        return _of_texts(teacher, folder, labels, task)
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


def _preset_layers(name: str, task: str) -> int | None:
    from understudy.students.text_transformers import MINIATURES

    return MINIATURES[name][0] if task == TEXTS and name in MINIATURES else None


def _of_texts(teacher: str, path: Path, labels: Labels, task: str) -> Appraisal:
    """A chat endpoint, or a file: these answer for texts only."""
    is_endpoint = teacher.startswith("openai:")
    comment = FILES.get(path.suffix, "a chat endpoint, asked once for each text; mind its price")
    if task != TEXTS:
        raise other_task(teacher, comment.partition(",")[0], TEXTS, labels, task)
    if not is_endpoint and not path.is_file():
        raise RequestError(f"teacher: there is no file '{teacher}'; check its path")
    return Appraisal(teacher, comment)
