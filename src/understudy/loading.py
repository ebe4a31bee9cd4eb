"""Load what a run made, and use it: `understudy.load(folder).predict(images)`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import RequestError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from understudy.evaluation.predictor import Answers, Predictor


GIVEN = {
    "logits": ("tells classes apart", "predict"),
    "embedding": ("gives vectors and no classes", "embed"),
    "scores": ("scores documents for a query", "scores"),
}
"""What a model does, and what it is called for, by what its network answers."""


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
    folder: Path | None = None
    """Where it was loaded from."""

    def predict(self, given: Any) -> list[Answer]:
        """One answer for each input: an image file, PIL image or text, several, or an array.

        Raises: RequestError where an input cannot be read, or where it may have several classes.
        """
        said = self.answers(given)
        return [
            Answer(self.classes[best], float(confidence))
            for best, confidence in zip(said.classes, said.confidence, strict=True)
        ]

    def predict_sets(self, given: Any, threshold: float = 0.5) -> list[list[Answer]]:
        """For each input the classes whose probability is `threshold` or more, likeliest first.

        Raises: RequestError where an input cannot be read, or has one class only.
        """
        if not self.several:
            raise RequestError("an input of this model has one class; call predict")
        found = []
        for row in self.probabilities(given):
            best = np.argsort(-row, kind="stable")
            chosen = best[row[best] >= threshold]
            found.append([Answer(self.classes[each], float(row[each])) for each in chosen])
        return found

    def probabilities(self, given: Any) -> NDArray[np.float32]:
        """How likely each class is: float32 [N, C]; of one class a row they sum to 1.

        Raises: RequestError where an input cannot be read, or the model tells no classes.
        """
        from understudy.evaluation.label_sets import ask_sets
        from understudy.evaluation.predictor import ask

        self._refuse_unless("logits")
        rows, classes = self._rows(given), len(self.classes)
        if self.several:
            return ask_sets(self.predictor, rows, classes=classes).probabilities
        return np.exp(ask(self.predictor, rows, classes=classes).log_probabilities)

    @property
    def several(self) -> bool:
        """Whether an input may have several classes."""
        from understudy.tasks import task_named

        return task_named(self.task).several

    def answers(self, given: Any) -> Answers:
        """The same as arrays: class numbers [N], confidence [N], log-probabilities [N, C]."""
        from understudy.evaluation.predictor import ask

        self._refuse_unless("logits")
        if self.several:
            raise RequestError("an input of this model may have several classes; call predict_sets")
        return ask(self.predictor, self._rows(given), classes=len(self.classes))

    def embed(self, given: Any) -> Any:
        """The vector of one text or of each of several: float32 [N, D].

        Raises: RequestError where the model tells classes apart instead, or an input is no text.
        """
        from understudy.evaluation.predictor import tables_of

        self._refuse_unless("embedding")
        return tables_of(self.predictor, self._rows(given))

    def project(self, vectors: Any) -> Any:
        """Its teacher's vectors [N, D] in this model's space, such as those of an index.

        Returns float32 [N, K], of length one; those of a model in its teacher's own space stay.
        Raises: RequestError where they are not of the teacher's dimensions, or the projection
        beside the model cannot be read.
        """
        from understudy.students.projection import read_projection
        from understudy.tasks.folders import PROJECTION

        self._refuse_unless("embedding")
        path = None if self.folder is None else self.folder / PROJECTION
        if path is None or not path.is_file():
            return np.asarray(vectors, dtype=np.float32)
        return read_projection(path).of_array(vectors)

    def scores(self, query: str, documents: Sequence[str]) -> Any:
        """How well each document answers the query, more is better: float32 [documents].

        Raises: RequestError where the model is no reranker, or where there is no document.
        """
        from understudy.evaluation.predictor import LISTS_AT_ONCE, tables_of

        self._refuse_unless("scores")
        if not len(documents):
            raise RequestError("there is no document to score")
        # A document a row, so that any number of them is scored in batches.
        rows = self._rows([(query, [document]) for document in documents])
        return tables_of(self.predictor, rows, LISTS_AT_ONCE)[:, 0]

    def _refuse_unless(self, wanted: str) -> None:
        from understudy.tasks import task_named

        gives = task_named(self.task).gives
        if gives != wanted:
            what, call = GIVEN[gives]
            raise RequestError(f"this model {what}; call {call} instead")

    def _rows(self, given: Any) -> dict[str, Any]:
        from understudy.tasks import task_named

        return task_named(self.task).rows_of(self.form, given)


def load(folder: str | Path, *, module: nn.Module | None = None, allow_code: bool = False) -> Model:
    """The model in a run (its ONNX artefact, or else its student), a student or an export folder.

    `module` takes the weights where the student is a module of your own.
    Raises: RequestError where the folder holds no model of ours.
    """
    path = Path(folder)
    exports = sorted((path / "export").glob("onnx*"))
    for place in (path, *exports, path / "student"):
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
        task, classes = facts["task"], tuple(facts["classes"])
        form = facts["form"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RequestError(
            f"{path}, which names the classes of the model beside it, cannot be read: {error}"
        ) from error
    return Model(task, classes, form, onnx.load(folder), folder)


def _network(folder: Path, module: nn.Module | None, allow_code: bool) -> Model:
    from understudy.evaluation.networks import TeacherPredictor
    from understudy.tasks import task_named
    from understudy.tasks.folders import load_network, load_reading, read_facts
    from understudy.teachers import NetworkTeacher

    facts = read_facts(folder)
    network = load_network(folder, module=module, allow_code=allow_code)
    gives = task_named(facts.task).gives
    teacher = NetworkTeacher(network, reading=load_reading(folder), gives=gives)
    predictor = TeacherPredictor(folder.name, teacher, gives)
    return Model(facts.task, facts.classes, dict(facts.form), predictor, folder)
