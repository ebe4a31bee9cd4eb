"""A teacher of vectors that answers in its student's space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from understudy.files import content_key
from understudy.teachers.teacher import Teacher, is_repeatable

if TYPE_CHECKING:
    from understudy.students.projection import Projection


class Projected:
    """Wraps a teacher: its embeddings are projected, whatever else it answers stays.

    Shapes: embedding [B, D] -> [B, K].
    """

    def __init__(self, teacher: Teacher, projection: Projection) -> None:
        self.teacher = teacher
        self.projection = projection
        self.classes = teacher.classes
        self.reading = getattr(teacher, "reading", None)
        self.repeatable = is_repeatable(teacher)
        self.fingerprint = content_key([teacher.fingerprint, projection.digest])

    def answer(self, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
        """What the teacher says, in fewer dimensions or along other axes."""
        said = self.teacher.answer(inputs)
        return {**said, "embedding": self.projection.of(said["embedding"])}
