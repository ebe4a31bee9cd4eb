"""The training loop: for teacher, student and control alike, readable in one sitting."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from understudy.errors import RequestError
from understudy.objectives import is_joint, recipe_name
from understudy.training import checkpoint
from understudy.training.checkpoint import Progress
from understudy.training.learner import learner_of
from understudy.training.schedule import rate
from understudy.training.settings import Training
from understudy.training.step import Emit, Lesson, Worker, tensors, unheard
from understudy.training.threads import fitting
from understudy.training.validation import validate

if TYPE_CHECKING:
    from understudy.tasks.prepared import IntArray


POOLED_BATCHES = 24
"""Batches of texts that exchange rows with each other, to be of like length."""


@dataclass(frozen=True)
class Outcome:
    """A trained network's curve: per epoch its loss, validation accuracy and validation loss."""

    curve: tuple[Mapping[str, float], ...]
    best: int
    seconds: float


def train(
    network: nn.Module,
    lesson: Lesson,
    training: Training,
    *,
    key: str,
    path: Path,
    emit: Emit = unheard,
) -> Outcome:
    """Train `network` in place, continuing from the checkpoint at `path` if it has the same `key`.

    The order of rows follows from seed and epoch alone, so that a run which was killed and
    continued ends with the same weights, bit for bit on the same processor.
    Raises: RequestError where the loss is no longer finite, or would depend on micro-batches.
    """
    _refuse_cut_batches(lesson, training)
    rows = lesson.rows()
    first = lesson.prepared.inputs(rows[: training.batch_size], lesson.inputs)
    with fitting(network, tensors(first, "cpu")):
        return _train(network, lesson, training, rows, key, path, emit)


def _train(
    network: nn.Module,
    lesson: Lesson,
    training: Training,
    rows: IntArray,
    key: str,
    path: Path,
    emit: Emit,
) -> Outcome:
    learner = learner_of(network, lesson, training.seed)
    worker = Worker.of(learner, training)
    torch.manual_seed(training.seed)
    restored = checkpoint.restore(path, key, learner, worker.optimizer)
    progress, best = restored or (Progress(), {})
    saved = time.monotonic()
    began = saved - progress.seconds
    steps = _steps(rows, training)
    lesson.prepared.store.advise("random")

    pause = training.checkpoint_seconds

    def save(here: Progress) -> float:
        nonlocal pause
        started = time.monotonic()
        if worker.accelerator.is_main_process:
            checkpoint.save(path, key, here, learner, worker.optimizer, best)
        done = time.monotonic()
        # A large network takes seconds to write: never more than a twentieth of the time.
        pause = max(training.checkpoint_seconds, 20 * (done - started))
        return done

    while not progress.finished:
        learner.train()
        batches = _batches(rows, training, progress.epoch, lesson.prepared.lengths)
        total = torch.tensor(progress.loss_sum, dtype=torch.float64)
        for step in range(progress.step, steps):
            worker.set_rate(rate(progress.epoch * steps + step, training.epochs * steps, training))
            if step + 1 < steps:
                _announce(lesson, batches[step + 1])
            total += worker.step(lesson, batches[step])
            now = time.monotonic()
            if now - saved > pause and step + 1 < steps:
                here = replace(progress, step=step + 1, loss_sum=float(total), seconds=now - began)
                saved = save(here)

        figures = {"loss": float(total) / steps, **validate(network, lesson, training.batch_size)}
        _refuse_infinite(figures, progress.epoch)
        progress = _close_epoch(progress, figures, training, time.monotonic() - began)
        if progress.best == len(progress.curve) - 1:
            best = {name: value.detach().clone() for name, value in learner.state_dict().items()}
        emit({"event": "epoch", "epoch": len(progress.curve), "of": training.epochs, **figures})
        if progress.finished or time.monotonic() - saved > pause:
            saved = save(progress)

    if training.keep == "best":
        learner.load_state_dict(best)
    network.eval()
    return Outcome(progress.curve, progress.best, progress.seconds)


def probe_seconds(network: nn.Module, lesson: Lesson, training: Training, batches: int) -> float:
    """Seconds of a training step, the quickest of a few; it changes the network: give a spare."""
    worker = Worker.of(learner_of(network, lesson, training.seed), training)
    network.train()
    seconds = []
    rows = _batches(lesson.rows(), training, 0, lesson.prepared.lengths)[: batches + 1]
    with fitting(network, tensors(lesson.prepared.inputs(rows[0], lesson.inputs), "cpu")):
        for batch in rows:
            began = time.perf_counter()
            worker.step(lesson, batch)
            seconds.append(time.perf_counter() - began)
    return min(seconds[1:] or seconds)


def _steps(rows: IntArray, training: Training) -> int:
    return -(-len(rows) // training.batch_size)


def _batches(
    rows: IntArray, training: Training, epoch: int, lengths: IntArray | None = None
) -> list[IntArray]:
    """The batches of an epoch: sets of rows, each sorted so that a shard is read in one go.

    They are as even as can be: a last batch of a row or two would move the weights as far as a
    full one, and has no batch statistics. Rows that differ in length are put together by length
    within some dozen batches at a time, so that little is padded and chance is hardly less.
    """
    generator = np.random.default_rng((training.seed, epoch))
    order, steps = generator.permutation(rows), _steps(rows, training)
    if lengths is None:
        return [np.sort(part) for part in np.array_split(order, steps)]
    pools = np.array_split(order, -(-steps // POOLED_BATCHES))
    alike = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
    batches = np.array_split(alike, steps)
    return [np.sort(batches[place]) for place in generator.permutation(steps)]


def _announce(lesson: Lesson, batch: IntArray) -> None:
    lesson.prepared.store.announce(batch)
    lesson.knowledge.announce(batch)


def _close_epoch(
    progress: Progress, figures: Mapping[str, float], training: Training, seconds: float
) -> Progress:
    """Move on to the next epoch; training ends after the last, or when patience is used up."""
    curve = (*progress.curve, figures)
    order = [(point["validation"], -point["validation_loss"]) for point in curve]
    best = order.index(max(order))
    impatient = training.patience is not None and len(curve) - 1 - best >= training.patience
    return replace(
        progress,
        epoch=progress.epoch + 1,
        step=0,
        loss_sum=0.0,
        seconds=seconds,
        curve=curve,
        best=best,
        finished=impatient or len(curve) >= training.epochs,
    )


def _refuse_cut_batches(lesson: Lesson, training: Training) -> None:
    joint = [part.term for part in lesson.objective.terms if is_joint(part.term)]
    if joint and training.accumulate > 1:
        name = recipe_name(type(joint[0]))
        raise RequestError(
            f"training.accumulate is {training.accumulate}, but {name} relates the rows of a batch "
            "to each other, and micro-batches would change it; set training.accumulate to 1"
        )


def _refuse_infinite(figures: Mapping[str, float], epoch: int) -> None:
    for name, what in (("loss", "training"), ("validation_loss", "validation")):
        if not np.isfinite(figures[name]):
            raise RequestError(
                f"the {what} loss is {figures[name]} in epoch {epoch + 1}; lower "
                "training.learning_rate, or set training.clip"
            )
