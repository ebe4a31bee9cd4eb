"""Train a network of the run and save it: teacher, student and control alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import RequestError
from understudy.files import content_key
from understudy.pipeline.spaces import leave_beside
from understudy.recipe.students import FromTeacher, Preset
from understudy.students import Blueprint, build, of_module
from understudy.tasks import task_named

if TYPE_CHECKING:
    from torch import nn

    from understudy.pipeline.workspace import Emit
    from understudy.students.projection import Projection
    from understudy.tasks import Prepared, Task
    from understudy.tasks.reading import Reading
    from understudy.teachers import Teacher
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
    """A hash of the untrained body and of how it reads."""
    parameters: int
    reading: Reading
    told: Mapping[str, Any] = field(default_factory=dict)
    """What the report says of it: its `vocabulary`, tokens kept and of how many."""
    projection: Projection | None = None
    """What brings its teacher's vectors into its space, where that is another."""

    @property
    def is_given(self) -> bool:
        """Whether it is an object that was given in Python, which no file can make again."""
        return self.blueprint.kind == "module" and ":" not in self.blueprint.source


def candidate(
    spec: Any,
    task: Task,
    prepared: Prepared,
    seed: int,
    *,
    allow_code: bool,
    dropout: float = 0.0,
    teacher: Teacher | None = None,
    projection: Projection | None = None,
) -> Candidate:
    """What a recipe names as `student:` or `train:`, ready to be made; a student may start from
    its `teacher`, and learn its vectors through a `projection`.

    Raises: RequestError where it cannot be made.
    """
    import torch

    from understudy.teachers import fingerprint

    if "text" in task.inputs:
        blueprint, make, reading, told = _text(
            spec, prepared, teacher, allow_code, dropout, projection
        )
    else:
        blueprint, make, told = *_image(spec, task, prepared, allow_code, dropout), {}
        reading = task.reading(Path(), prepared.facts.form)

    def fresh() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return make()

    body = fresh()
    network = task.network(body, prepared.facts.form)
    _refuse_misfit(network, blueprint.source, reading, prepared)
    parameters = sum(weight.numel() for weight in body.parameters())
    plain = fingerprint(body)
    # Rows taken as they are add nothing, so that such a network keeps its identity.
    identity = content_key([plain, reading.fingerprint]) if reading.fingerprint else plain
    return Candidate(blueprint, fresh, identity, parameters, reading, told, projection)


def starts_from_teacher(spec: Any, task: Task) -> bool:
    """Whether a student cannot be made, even untrained, before its teacher is there.

    One that reads texts takes at least the teacher's tokenizer, where there is one.
    """
    return "text" in task.inputs or isinstance(spec, FromTeacher)


def _image(
    spec: Any, task: Task, prepared: Prepared, allow_code: bool, dropout: float
) -> tuple[Blueprint, Callable[[], nn.Module]]:
    """A network that reads images."""
    from torch import nn

    facts = prepared.facts
    if isinstance(spec, nn.Module):
        return of_module(spec, tuple(facts.form["shape"]), len(facts.classes))
    if isinstance(spec, Preset):
        spec, dropout = spec.preset, spec.dropout
    if not isinstance(spec, str):
        raise _no_network(spec)
    named = task.blueprint(spec, facts, dropout)
    return named, lambda: build(named, allow_code=allow_code)


def _text(
    spec: Any,
    prepared: Prepared,
    teacher: Teacher | None,
    allow_code: bool,
    dropout: float,
    projection: Projection | None,
) -> tuple[Blueprint, Callable[[], nn.Module], Reading, Mapping[str, Any]]:
    """A network that reads texts, and its tokenizer."""
    from torch import nn

    from understudy.pipeline.rerankers import design_scorer
    from understudy.pipeline.text_encoders import design_encoder
    from understudy.pipeline.text_students import design, given_network
    from understudy.tasks.reading import Tokenised
    from understudy.teachers import NetworkTeacher
    from understudy.teachers.teaching import probe

    known = teacher if isinstance(teacher, NetworkTeacher) else None
    task = task_named(prepared.facts.task)
    if not isinstance(spec, str | Preset | FromTeacher | nn.Module):
        raise _no_network(spec)
    if task.gives == "scores":
        scorer = design_scorer(spec, prepared, teacher, allow_code=allow_code, dropout=dropout)
        made = scorer.design
        return made.blueprint, made.fresh, scorer.reading, made.told
    if isinstance(spec, nn.Module):
        made = given_network(spec, prepared, known)
    elif task.gives == "embedding":
        if teacher is None:
            raise RequestError(
                "an encoder is not trained on labels; give one that exists as teacher"
            )
        outputs = probe(teacher, prepared, task.inputs)["embedding"].shape[-1]
        made = design_encoder(spec, prepared, known, outputs, projection)
    else:
        made = design(spec, prepared, known, allow_code=allow_code, dropout=dropout)
    return made.blueprint, made.fresh, Tokenised(made.tokens), made.told


def _no_network(spec: Any) -> RequestError:
    return RequestError(
        f"a {type(spec).__name__} is no network; give a preset, a model folder, "
        "'package.module:function', or a torch.nn.Module"
    )


def _refuse_misfit(network: nn.Module, name: str, reading: Reading, prepared: Prepared) -> None:
    """Raise RequestError unless the network answers two rows with a logit for each class."""
    import torch

    from understudy.teachers.teaching import gives_of

    rows = prepared.splits["train"][:2]
    given = reading.over(prepared).inputs(rows, reading.columns)
    shape = " x ".join(map(str, prepared.facts.form.get("shape", ("texts",))))
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            said = network.eval()(*map(torch.from_numpy, given.values()))
    except MISFITS as error:
        raise RequestError(
            f"'{name}' cannot read these inputs ({shape}): {str(error).splitlines()[0]}"
        ) from error
    if gives_of(prepared) != "logits":
        return
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
    saved = ModelFacts(task.name, made.blueprint, facts.form, facts.classes)
    save_network(folder, body, saved, made.reading)
    leave_beside(made.projection, folder)
    checkpoint.unlink(missing_ok=True)
    return {
        "curve": [dict(point) for point in outcome.curve],
        "best_epoch": outcome.best + 1,
        "parameters": made.parameters,
        "bytes": weight_bytes(folder),
        "training_seconds": round(outcome.seconds, 3),
    }


def learn_rivals(
    wanted: str | Sequence[str],
    task: Task,
    prepared: Prepared,
    seed: int,
    folder: Callable[[str], Path],
) -> dict[str, Any]:
    """Train the rivals that a recipe asks for on labelled training rows, each into its `folder`.

    Returns how many rows each has used.
    """
    from understudy.evaluation import rivals

    rows, labels = prepared.splits["train"], prepared.labels
    chosen = rows[rivals.stratified(labels[rows], rivals.most_rows(task.inputs), seed)]
    inputs, classes = prepared.inputs(chosen, task.inputs), len(prepared.facts.classes)
    made = rivals.train_rivals(wanted, inputs, labels[chosen], classes, seed)
    for name, rival in made.items():
        rivals.save(rival, folder(name))
    return {"rows": {name: rival.rows_used for name, rival in made.items()}}


def labels_alone(prepared: Prepared, inputs: tuple[str, ...]) -> Lesson:
    """What a control learns, and a teacher that the run trains: no teacher is asked."""
    from understudy.objectives import HardBinaryLabels, HardLabels, as_objective
    from understudy.training.knowledge import Nothing
    from understudy.training.step import Lesson

    term = HardBinaryLabels() if prepared.labels.ndim == 2 else HardLabels()
    return Lesson(prepared, inputs, Nothing(), as_objective(term))


def lesson_key(made: Candidate, source: str, training: Training) -> str:
    """Equal when, and only when, training would give the same weights.

    `source` is the key of what the lesson is made from.
    """
    settings = {name: value for name, value in asdict(training).items() if "checkpoint" not in name}
    return content_key({"network": made.identity, "source": source, "training": settings})[:32]
