"""A teacher that answers in its student's space is that teacher but for its vectors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from understudy.students.projection import Projection
from understudy.teachers.projected import Projected
from understudy.teachers.teacher import is_repeatable, reading_of


class Asked:
    """Answers what it is given, and a score beside it."""

    fingerprint = "asked"
    classes = None
    repeatable = False

    def answer(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        return {"embedding": inputs["x"], "tap/layer": inputs["x"] * 2}


def test_vectors_are_projected_and_whatever_else_stays():
    projection = Projection.leading(4, 2)
    teacher = Projected(Asked(), projection)
    given = torch.tensor([[3.0, 4.0, 5.0, 6.0]])
    said = teacher.answer({"x": given})
    torch.testing.assert_close(said["embedding"], torch.tensor([[0.6, 0.8]]))
    assert torch.equal(said["tap/layer"], given * 2)
    assert not is_repeatable(teacher)
    assert reading_of(teacher, ("text",)).columns == ("text",)


def test_its_fingerprint_tells_the_projection_too():
    one, same, other = (
        Projected(Asked(), Projection.leading(4, width)).fingerprint for width in (2, 2, 3)
    )
    assert one == same
    assert len({one, other, Asked.fingerprint}) == 3
