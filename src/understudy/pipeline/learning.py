"""Train a network of the run and save it: teacher, student and control alike."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import RequestError
from understudy.files import content_key
from understudy.students import Blueprint, build, read_blueprint

if TYPE_CHECKING:
    from torch import nn

    from understudy.pipeline.workspace import Emit
    from understudy.tasks import Prepared, Task
    from understudy.training.settings import Training
    from understudy.training.step import Lesson

MISFITS = (RuntimeError, ValueError, TypeError, IndexError, AttributeError)
"""What networks raise of inputs that they were not made for."""


@dataclass(frozen=True)
class Candidate:
    """A network that is to be trained: how to make it fresh, and what makes it what it is."""

    blueprint: Blueprint
    fresh: Callable[[], nn.Module]
    """Gives the same untrained body every time."""
    identity: str
    """A hash of the untrained body."""
    parameters: int

    @property
    def is_given(self) -> bool:
        """Whether it is an object that was given in Python, which no file can make again."""
        return self.blueprint.kind == "module" and ":" not in self.blueprint.source


def candidate(
    spec: Any, task: Task, prepared: Prepared, seed: int, *, allow_code: bool, dropout: float = 0.0
) -> Candidate:
    """What a recipe names as `student:` or `train:`, ready to be made.

    Raises: RequestError where it cannot be made.
    """
    import torch

    from understudy.teachers import fingerprint

    shape = tuple(prepared.facts.form["shape"])
    classes = len(prepared.facts.classes)
    if isinstance(spec, torch.nn.Module):
        name = f"{type(spec).__module__}.{type(spec).__qualname__}"
        blueprint = Blueprint("module", name, shape, classes)
        original = copy.deepcopy(spec).cpu()

        def fresh() -> nn.Module:
            return copy.deepcopy(original)
    elif isinstance(spec, str):
        blueprint = read_blueprint(spec, shape, classes, dropout)

        def fresh() -> nn.Module:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                return build(blueprint, allow_code=allow_code)
    else:
        raise RequestError(
            f"a {type(spec).__name__} is no network; give a preset, a model folder, "
            "'package.module:function', or a torch.nn.Module"
        )
    body = fresh()
    identity = fingerprint(body)
    _refuse_misfit(task.network(body, prepared.facts.form), blueprint.source, task, prepared)
    parameters = sum(weight.numel() for weight in body.parameters())
    return Candidate(blueprint, fresh, identity, parameters)


def _refuse_misfit(network: nn.Module, name: str, task: Task, prepared: Prepared) -> None:
    """Raise RequestError unless the network answers two rows with a logit for each class."""
    import torch

    rows = prepared.splits["train"][:2]
    given = prepared.inputs(rows, task.inputs)
    shape = " x ".join(map(str, prepared.facts.form["shape"]))
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            said = network.eval()(*map(torch.from_numpy, given.values()))
    except MISFITS as error:
        raise RequestError(
            f"'{name}' cannot read these inputs ({shape}): {str(error).splitlines()[0]}"
        ) from error
    wanted = (len(rows), len(prepared.facts.classes))
    if not isinstance(said, torch.Tensor) or tuple(said.shape) != wanted:
        came = tuple(said.shape) if isinstance(said, torch.Tensor) else f"a {type(said).__name__}"
        raise RequestError(
            f"'{name}' answers two rows with {came}; expected a tensor {wanted}: one logit for "
            "each class of the data"
        )


def learn(
    made: Candidate,
    task: Task,
    lesson: Lesson,
    training: Training,
    *,
    key: str,
    folder: Path,
    checkpoint: Path,
    emit: Emit,
) -> dict[str, Any]:
    """Train a candidate and save it as a model folder; continues from a checkpoint of its key.

    Returns the curve and what it took.
    """
    from understudy.tasks.folders import ModelFacts, save_network, weight_bytes
    from understudy.training.loop import train

    body = made.fresh()
    facts = lesson.prepared.facts
    network = task.network(body, facts.form)
    outcome = train(
        network,
        lesson,
        training,
        key=key,
        path=checkpoint,
        emit=emit,
    )
    save_network(folder, body, ModelFacts(task.name, made.blueprint, facts.form, facts.classes))
    checkpoint.unlink(missing_ok=True)
    return {
        "curve": [dict(point) for point in outcome.curve],
        "best_epoch": outcome.best + 1,
        "parameters": made.parameters,
        "bytes": weight_bytes(folder),
        "training_seconds": round(outcome.seconds, 3),
    }


def labels_alone(prepared: Prepared, inputs: tuple[str, ...]) -> Lesson:
    """What a control learns, and a teacher that the run trains: no teacher is asked."""
    from understudy.objectives import HardLabels, as_objective
    from understudy.training.knowledge import Nothing
    from understudy.training.step import Lesson

    return Lesson(prepared, inputs, Nothing(), as_objective(HardLabels()))


def lesson_key(made: Candidate, source: str, training: Training) -> str:
    """Equal when, and only when, training would give the same weights.

    `source` is the key of what the lesson is made from.
    """
    settings = {name: value for name, value in asdict(training).items() if "checkpoint" not in name}
    return content_key({"network": made.identity, "source": source, "training": settings})[:32]
