"""Torch networks and teachers as predictors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.evaluation.predictor import Inputs

if TYPE_CHECKING:
    from understudy.teachers import Teacher


class TeacherPredictor:
    """A teacher, asked for the logits of raw rows; any network is one, through NetworkTeacher.

    Shapes: columns of [B, ...] -> [B, C] float32.
    """

    def __init__(self, name: str, teacher: Teacher) -> None:
        self.name = name
        self.teacher = teacher

    def predict(self, inputs: Inputs) -> Any:
        """The logits of a batch of stored inputs."""
        import torch

        # torch wants arrays in plain order that may be written, and copies none that are.
        given = {
            column: torch.from_numpy(np.require(values, requirements=("C", "W")))
            for column, values in inputs.items()
        }
        return self.teacher.answer(given)["logits"].numpy()


def load(folder: Path) -> TeacherPredictor:
    """The network in a model folder, as a predictor."""
    from understudy.tasks.folders import load_network
    from understudy.teachers import NetworkTeacher

    return TeacherPredictor(folder.name, NetworkTeacher(load_network(folder)))
