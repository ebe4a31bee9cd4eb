"""Teachers that are no networks of torch: chat endpoints, ONNX files, scikit-learn estimators."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import RequestError

if TYPE_CHECKING:
    from understudy.recipe.schema import Given
    from understudy.tasks import Prepared, Task
    from understudy.teachers import Teacher


def outside_teacher(
    spec: Given, path: Path, task: Task, prepared: Prepared
) -> tuple[Teacher, int | None] | None:
    """The teacher that a name means, and its bytes; None where it means another kind.

    Raises: RequestError where it cannot be read, or does not serve the task.
    """
    is_endpoint = str(spec.model).startswith("openai:")
    if not is_endpoint and path.suffix not in (".onnx", ".skops"):
        return None
    if task.gives != "logits":
        raise RequestError(
            f"teacher: '{spec.model}' tells classes apart; for {task.name} give a model folder"
        )
    if is_endpoint:
        return _endpoint(spec, task, prepared), None
    if not path.is_file():
        raise RequestError(f"teacher: '{spec.model}' does not exist")
    teacher: Any
    if path.suffix == ".skops":
        from understudy.teachers.estimator import read_estimator

        teacher = read_estimator(path, several=task.several)
    else:
        teacher = _graph(spec, path, task, prepared)
    if spec.classes:
        teacher.classes = spec.classes
    return teacher, path.stat().st_size


def _endpoint(spec: Given, task: Task, prepared: Prepared) -> Teacher:
    from understudy.teachers.endpoint import Endpoint

    if "text" not in task.inputs:
        raise RequestError(f"teacher: '{spec.model}' reads texts, and {task.name} has none")
    if task.several:
        raise RequestError(
            f"teacher: '{spec.model}' picks one class, and a row of {task.name} may have several; "
            "give a network, a .skops or an .onnx file"
        )
    return Endpoint(spec.model, spec.classes or prepared.facts.classes)


def _graph(spec: Given, path: Path, task: Task, prepared: Prepared) -> Teacher:
    from understudy.tasks.pixels import Pixels
    from understudy.teachers.graph import Graph

    stated = spec.mean is not None and spec.std is not None
    pixels = Pixels(spec.mean or (), spec.std or (), spec.size) if stated else None
    most = prepared.facts.form.get("tokens")
    return Graph(path, pixels=pixels, most=most, several=task.several)
