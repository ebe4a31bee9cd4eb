"""One training step: what happens to one batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from understudy.data.labels import has_label
from understudy.objectives import Objective, fused_loss
from understudy.teachers.teaching import gives_of
from understudy.training.knowledge import Knowledge
from understudy.training.optimizer import Both, clipped, optimizer_of
from understudy.training.precision import autocast
from understudy.training.settings import Training

if TYPE_CHECKING:
    from understudy.tasks.prepared import IntArray, Prepared

Emit = Callable[[Mapping[str, Any]], None]
"""Takes the events of a run; the only hook of the loop."""


def unheard(record: Mapping[str, Any]) -> None:
    """For a training that nobody listens to."""


@dataclass(frozen=True)
class Lesson:
    """What is learnt: rows of a transfer set, what the teacher knows of them, and the objective."""

    prepared: Prepared
    inputs: tuple[str, ...]
    knowledge: Knowledge
    objective: Objective

    @property
    def gives(self) -> str:
        """What the network answers, by name."""
        return gives_of(self.prepared)

    def rows(self) -> IntArray:
        """The training rows that some term can learn from: all, or the labelled ones alone."""
        rows = self.prepared.splits["train"]
        if any(not part.term.needs_labels for part in self.objective.terms):
            return rows
        return rows[self.prepared.labelled[rows]]


@dataclass(frozen=True)
class Worker:
    """A network with its optimizer, on its device, in its share of the processes."""

    network: nn.Module
    optimizer: torch.optim.Optimizer | Both
    accelerator: Any
    cast: Callable[[], Any]
    training: Training

    @classmethod
    def of(cls, network: nn.Module, training: Training) -> Worker:
        """Hand the network to Accelerate, which knows of devices and processes."""
        from accelerate import Accelerator

        # Unless told, Accelerate takes processes without an accelerator for runs of their own.
        accelerator = Accelerator(cpu=not torch.accelerator.is_available())
        cast = autocast(training.precision, network, accelerator.device)
        prepared = accelerator.prepare_model(network)
        return cls(prepared, optimizer_of(network, training), accelerator, cast, training)

    def set_rate(self, share: float) -> None:
        """Set the learning rate to a share of its peak."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.training.learning_rate * share

    def step(self, lesson: Lesson, batch: IntArray) -> Tensor:
        """Learn from one batch; its loss over all processes, as a number []."""
        labels, device = lesson.prepared.labels[batch], self.accelerator.device
        counts = {"rows": len(batch), "labelled": int(has_label(labels).sum())}
        total = torch.zeros((), device=device)
        for part, known in self._micro_batches(batch, labels):
            inputs = tensors(lesson.prepared.inputs(part, lesson.inputs), device)
            said = lesson.knowledge.of(part, inputs)
            with self.cast():
                shown = answers_of(self.network(*inputs.values()), lesson.gives)
            truth = torch.from_numpy(known).to(device)
            loss = fused_loss(lesson.objective, shown, said, truth, **counts)
            # Data-parallel training averages over processes; the denominators here are global.
            processes = self.accelerator.num_processes
            (loss if processes == 1 else loss * processes).backward()
            total += loss.detach()
        if self.training.clip is not None:
            clipped(self.network, self.training.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.accelerator.num_processes > 1:
            total = self.accelerator.reduce(total, "sum")
        return total.cpu()

    def _micro_batches(self, batch: IntArray, labels: IntArray) -> list[tuple[Any, Any]]:
        """This process's rows of the batch and their labels, cut into micro-batches.

        All processes cut as many, for they wait for one another in each.
        """
        processes = self.accelerator.num_processes
        mine = slice(self.accelerator.process_index, None, processes)
        parts = min(self.training.accumulate, -(-len(batch) // processes))
        if parts == 1:
            return [(batch[mine], labels[mine])]
        cuts = (np.array_split(values[mine], parts) for values in (batch, labels))
        return list(zip(*cuts, strict=True))


def answers_of(given: Tensor | Mapping[str, Tensor], gives: str = "logits") -> Mapping[str, Tensor]:
    """What a network gives, or a learner, which gives more, by name."""
    return {gives: given} if isinstance(given, Tensor) else given


def tensors(arrays: Mapping[str, Any], device: Any) -> dict[str, Tensor]:
    """Gathered columns as tensors on a device, without a copy where they are there already."""
    return {name: torch.from_numpy(value).to(device) for name, value in arrays.items()}
