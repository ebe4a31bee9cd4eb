"""The training loop: for teacher, student and control alike, readable in one sitting."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from understudy.errors import RequestError
from understudy.objectives import Objective, fused_loss
from understudy.training import checkpoint
from understudy.training.checkpoint import Progress
from understudy.training.knowledge import Knowledge
from understudy.training.precision import autocast
from understudy.training.schedule import rate
from understudy.training.settings import Training

if TYPE_CHECKING:
    from understudy.tasks.prepared import IntArray, Prepared

Emit = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Lesson:
    """What is learnt: rows of a transfer set, what the teacher knows of them, and the objective."""

    prepared: Prepared
    inputs: tuple[str, ...]
    knowledge: Knowledge
    objective: Objective

    def rows(self) -> IntArray:
        """The training rows that some term can learn from: all, or the labelled ones alone."""
        rows = self.prepared.splits["train"]
        if any(not part.term.needs_labels for part in self.objective.terms):
            return rows
        return rows[self.prepared.labels[rows] >= 0]


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
    emit: Emit = lambda record: None,
) -> Outcome:
    """Train `network` in place, continuing from the checkpoint at `path` if it has the same `key`.

    The order of rows follows from seed and epoch alone, so that a run which was killed and
    continued ends with the same weights, bit for bit on the same processor.
    Raises: RequestError where the loss is no longer finite.
    """
    from accelerate import Accelerator

    accelerator = Accelerator()
    raw = network
    optimizer = _optimizer(network, training)
    torch.manual_seed(training.seed)
    restored = checkpoint.restore(path, key, network, optimizer)
    progress, best = restored or (Progress(), {})
    rows, labels = lesson.rows(), lesson.prepared.labels
    steps = -(-len(rows) // training.batch_size)
    network, optimizer = accelerator.prepare(network, optimizer)
    lesson.prepared.store.advise("random")
    cast = autocast(training.precision, network, accelerator.device)
    began, saved = time.monotonic() - progress.seconds, time.monotonic()

    while not progress.finished:
        network.train()
        batches = _batches(rows, training, progress.epoch)
        total = torch.tensor(progress.loss_sum, dtype=torch.float64)
        for step in range(progress.step, steps):
            share = rate(progress.epoch * steps + step, training.epochs * steps, training)
            for group in optimizer.param_groups:
                group["lr"] = training.learning_rate * share
            if step + 1 < steps:
                _announce(lesson, batches[step + 1])
            loss = _step(network, lesson, batches[step], labels, training, accelerator, cast)
            if training.clip is not None:
                accelerator.clip_grad_norm_(network.parameters(), training.clip)
            optimizer.step()
            optimizer.zero_grad()
            total += loss
            if time.monotonic() - saved > training.checkpoint_seconds and step + 1 < steps:
                here = progress.after(step=step + 1, loss_sum=float(total))
                _save(accelerator, path, key, here, began, raw, optimizer, best)
                saved = time.monotonic()

        figures = {"loss": float(total) / steps, **validate(network, lesson, training.batch_size)}
        _refuse_infinite(figures["loss"], progress.epoch)
        progress = _close_epoch(progress, figures, training)
        if progress.best == len(progress.curve) - 1:
            best = {name: value.detach().clone() for name, value in raw.state_dict().items()}
        emit({"event": "epoch", "epoch": len(progress.curve), "of": training.epochs, **figures})
        due = time.monotonic() - saved > training.checkpoint_seconds
        if due or progress.finished:
            _save(accelerator, path, key, progress, began, raw, optimizer, best)
            saved = time.monotonic()

    if training.keep == "best":
        raw.load_state_dict(best)
    raw.eval()
    return Outcome(progress.curve, progress.best, progress.seconds)


def _step(
    network: nn.Module,
    lesson: Lesson,
    batch: IntArray,
    labels: IntArray,
    training: Training,
    accelerator: Any,
    cast: Callable[[], Any],
) -> Tensor:
    """Gradients of one batch, over its micro-batches and processes; the loss of this process."""
    rows, labelled = len(batch), int((labels[batch] >= 0).sum())
    mine = batch[accelerator.process_index :: accelerator.num_processes]
    total = torch.zeros(())
    parts = [part for part in np.array_split(mine, training.accumulate) if len(part)]
    for part in parts:
        inputs = tensors(lesson.prepared.inputs(part, lesson.inputs), accelerator.device)
        said = lesson.knowledge.of(part, inputs)
        truth = torch.from_numpy(labels[part]).to(accelerator.device)
        with cast():
            shown = {"logits": network(*inputs.values())}
        loss = fused_loss(lesson.objective, shown, said, truth, rows=rows, labelled=labelled)
        # Data-parallel training averages over processes; the denominators above are global.
        accelerator.backward(loss * accelerator.num_processes)
        total += loss.detach().cpu()
    return total


def probe_seconds(network: nn.Module, lesson: Lesson, training: Training, batches: int) -> float:
    """Median seconds of a training step; the network is changed by it, so give a spare one."""
    from accelerate import Accelerator

    accelerator = Accelerator()
    optimizer = _optimizer(network, training)
    network.train()
    cast = autocast(training.precision, network, accelerator.device)
    seconds = []
    for batch in _batches(lesson.rows(), training, 0)[: batches + 1]:
        began = time.perf_counter()
        _step(network, lesson, batch, lesson.prepared.labels, training, accelerator, cast)
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds[1:] or seconds))


def validate(network: nn.Module, lesson: Lesson, batch_size: int) -> dict[str, float]:
    """Accuracy, and cross-entropy in nats, on the validation rows, in eval mode."""
    rows, labels = lesson.prepared.splits["validation"], lesson.prepared.labels
    device = next(network.parameters()).device
    right, nats = 0, 0.0
    network.eval()
    with torch.inference_mode():
        for start in range(0, len(rows), 4 * batch_size):
            part = rows[start : start + 4 * batch_size]
            inputs = tensors(lesson.prepared.inputs(part, lesson.inputs), device)
            logits = network(*inputs.values()).float()
            truth = torch.from_numpy(labels[part]).to(device)
            right += int((logits.argmax(dim=-1) == truth).sum())
            nats += float(nn.functional.cross_entropy(logits, truth, reduction="sum"))
    return {"validation": right / len(rows), "validation_loss": nats / len(rows)}


def tensors(arrays: Mapping[str, Any], device: Any) -> dict[str, Tensor]:
    """Gathered columns as tensors on a device, without a copy where they are there already."""
    return {name: torch.from_numpy(value).to(device) for name, value in arrays.items()}


def _batches(rows: IntArray, training: Training, epoch: int) -> list[IntArray]:
    """The batches of an epoch: sets of rows, each sorted so that a shard is read in one go."""
    order = np.random.default_rng((training.seed, epoch)).permutation(rows)
    cuts = range(training.batch_size, len(order), training.batch_size)
    return [np.sort(part) for part in np.split(order, cuts)]


def _announce(lesson: Lesson, batch: IntArray) -> None:
    lesson.prepared.store.announce(batch)
    lesson.knowledge.announce(batch)


def _close_epoch(progress: Progress, figures: Mapping[str, float], training: Training) -> Progress:
    """Move on to the next epoch; training ends after the last, or when patience is used up."""
    curve = (*progress.curve, figures)
    order = [(point["validation"], -point["validation_loss"]) for point in curve]
    best = order.index(max(order))
    impatient = training.patience is not None and len(curve) - 1 - best >= training.patience
    return progress.after(
        epoch=progress.epoch + 1,
        step=0,
        loss_sum=0.0,
        curve=curve,
        best=best,
        finished=impatient or len(curve) >= training.epochs,
    )


def _optimizer(network: nn.Module, training: Training) -> torch.optim.Optimizer:
    """AdamW, with no decay on biases and normalisation."""
    learnt = [weight for weight in network.parameters() if weight.requires_grad]
    groups = [
        {"params": [w for w in learnt if w.ndim > 1], "weight_decay": training.weight_decay},
        {"params": [w for w in learnt if w.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=training.learning_rate, fused=True)


def _save(
    accelerator: Any,
    path: Path,
    key: str,
    progress: Progress,
    began: float,
    network: nn.Module,
    optimizer: Any,
    best: Mapping[str, Tensor],
) -> None:
    if accelerator.is_main_process:
        now = progress.after(seconds=time.monotonic() - began)
        checkpoint.save(path, key, now, network, optimizer, best)


def _refuse_infinite(loss: float, epoch: int) -> None:
    if not np.isfinite(loss):
        raise RequestError(
            f"the training loss is {loss} in epoch {epoch + 1}; lower training.learning_rate, "
            "or set training.clip"
        )
