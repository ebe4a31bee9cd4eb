"""What the teacher says of a batch, whether it was asked before or is asked now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from understudy.tasks import task_named
from understudy.teachers.teacher import as_tensors, reading_of

if TYPE_CHECKING:
    from understudy.store import Store
    from understudy.students.projection import Projection
    from understudy.tasks.prepared import IntArray, Prepared
    from understudy.teachers import Teacher


class Knowledge(Protocol):
    """Where the teacher's answers come from; the loop does not know which."""

    def of(self, rows: IntArray, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The answers for some rows (sorted row numbers) and their inputs, by name."""
        ...

    def announce(self, rows: IntArray) -> None:
        """Say which rows will be asked for next."""
        ...


class Nothing:
    """No teacher: what a control and a trained teacher learn from."""

    def of(self, rows: IntArray, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """No answers."""
        return {}

    def announce(self, rows: IntArray) -> None:
        """Nothing to fetch."""


class Stored:
    """Answers that lie in a store whose rows align with the transfer set."""

    def __init__(self, store: Store, names: frozenset[str]) -> None:
        self.store = store
        self.names = tuple(sorted(names))

    def of(self, rows: IntArray, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Shapes: a column [N, ...] -> [len(rows), ...], on the device of the inputs."""
        device = next(iter(inputs.values())).device
        found: Mapping[str, Any] = self.store.gather(rows, self.names)
        return {name: torch.from_numpy(value).to(device) for name, value in found.items()}

    def announce(self, rows: IntArray) -> None:
        """Let the operating system read the next batch while this one is computed."""
        self.store.announce(rows)


class Narrowed:
    """Answers whose embeddings are projected as they are read; the others stay as they are."""

    def __init__(self, knowledge: Knowledge, projection: Projection) -> None:
        self.knowledge = knowledge
        self.projection = projection

    def of(self, rows: IntArray, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Shapes: embedding [B, D] as it is kept -> [B, K]."""
        said = self.knowledge.of(rows, inputs)
        return {**said, "embedding": self.projection.of(said["embedding"].float())}

    def announce(self, rows: IntArray) -> None:
        """Say which rows will be asked for next."""
        self.knowledge.announce(rows)


class Live:
    """A teacher that is asked in every step."""

    def __init__(self, teacher: Teacher, prepared: Prepared) -> None:
        self.teacher = teacher
        reading = reading_of(teacher, task_named(prepared.facts.task).inputs)
        self.prepared = reading.over(prepared)
        self.columns = reading.columns

    def of(self, rows: IntArray, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Ask now; the teacher reads in its own way, in eval mode, and receives no gradient."""
        device = next(iter(inputs.values())).device
        said = self.teacher.answer(as_tensors(self.prepared.inputs(rows, self.columns)))
        return {name: value.to(device) for name, value in said.items()}

    def announce(self, rows: IntArray) -> None:
        """Let the operating system read the teacher's rows too."""
        self.prepared.store.announce(rows)
