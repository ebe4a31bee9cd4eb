"""Torch networks and teachers as predictors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.evaluation.predictor import Inputs

if TYPE_CHECKING:
    from understudy.teachers import Teacher


class TeacherPredictor:
    """A teacher, asked about raw rows; any network is one, through NetworkTeacher.

    Shapes: columns of [B, ...] -> logits [B, C], or embedding [B, D], float32.
    """

    def __init__(self, name: str, teacher: Teacher, gives: str = "logits") -> None:
        self.name = name
        self.teacher = teacher
        self.gives = gives

    def predict(self, inputs: Inputs) -> Any:
        """The answers for a batch of raw rows."""
        from understudy.teachers.teacher import as_tensors, reading_of

        arrays = reading_of(self.teacher, tuple(inputs)).arrays(inputs)
        return self.teacher.answer(as_tensors(arrays))[self.gives].numpy()


def load(folder: Path) -> TeacherPredictor:
    """The network in a model folder, as a predictor."""
    from understudy.tasks import task_named
    from understudy.tasks.folders import load_network, load_reading, read_facts
    from understudy.teachers import NetworkTeacher

    gives = task_named(read_facts(folder).task).gives
    teacher = NetworkTeacher(load_network(folder), reading=load_reading(folder), gives=gives)
    return TeacherPredictor(folder.name, teacher, gives)
