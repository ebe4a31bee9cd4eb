"""Load what a run made, and use it: `understudy.load(folder).predict(images)`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import RequestError

if TYPE_CHECKING:
    from torch import nn

    from understudy.evaluation.predictor import Answers, Predictor


@dataclass(frozen=True)
class Answer:
    """A class by name, and how sure the model is of it, in [0, 1]."""

    label: str
    confidence: float


@dataclass(frozen=True)
class Model:
    """A student, control or artefact that answers a user's own inputs."""

    task: str
    classes: tuple[str, ...]
    form: dict[str, Any]
    predictor: Predictor

    def predict(self, given: Any) -> list[Answer]:
        """One answer for each input: a file or PIL image or several, or an array of images.

        Raises: RequestError where an input cannot be read.
        """
        said = self.answers(given)
        return [
            Answer(self.classes[best], float(confidence))
            for best, confidence in zip(said.classes, said.confidence, strict=True)
        ]

    def answers(self, given: Any) -> Answers:
        """The same as arrays: class numbers [N], confidence [N], log-probabilities [N, C]."""
        from understudy.evaluation.predictor import ask
        from understudy.tasks import task_named

        inputs = task_named(self.task).rows_of(self.form, given)
        return ask(self.predictor, inputs, classes=len(self.classes))


def load(folder: str | Path, *, module: nn.Module | None = None, allow_code: bool = False) -> Model:
    """The model in a run (its ONNX artefact, or else its student), a student or an export folder.

    `module` takes the weights where the student is a module of your own.
    Raises: RequestError where the folder holds no model of ours.
    """
    path = Path(folder)
    for place in (path, path / "export" / "onnx", path / "student"):
        if (place / "model.onnx").is_file() and module is None:
            return _artefact(place)
        if (place / "understudy.json").is_file():
            return _network(place, module, allow_code)
    raise RequestError(f"'{folder}' holds no model of ours; name a run, its student or an export")


def _artefact(folder: Path) -> Model:
    from understudy.export import onnx

    path = folder / "labels.json"
    try:
        facts = json.loads(path.read_text())
        form = {"shape": facts["shape"], "dtype": facts["dtype"]}
        task, classes = facts["task"], tuple(facts["classes"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RequestError(
            f"{path}, which names the classes of the model beside it, cannot be read: {error}"
        ) from error
    return Model(task, classes, form, onnx.load(folder))


def _network(folder: Path, module: nn.Module | None, allow_code: bool) -> Model:
    from understudy.evaluation.networks import TeacherPredictor
    from understudy.tasks.folders import load_network, read_facts
    from understudy.teachers import NetworkTeacher

    facts = read_facts(folder)
    network = load_network(folder, module=module, allow_code=allow_code)
    predictor = TeacherPredictor(folder.name, NetworkTeacher(network))
    return Model(facts.task, facts.classes, dict(facts.form), predictor)
