"""What a task is: what a row holds, how a network reads it, and its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from torch import nn

    from understudy.data.rows import Rows
    from understudy.data.settings import Data
    from understudy.objectives import Objective
    from understudy.students import Blueprint
    from understudy.tasks.prepared import Facts, Prepared
    from understudy.tasks.reading import Reading


class Task(Protocol):
    """One kind of work: everything about it that the rest of the house must not know."""

    name: ClassVar[str]
    metric: ClassVar[str]
    gives: ClassVar[str]
    """What a network answers: "logits" [B, classes], "embedding" [B, D] or "scores" [B, K]."""
    several: ClassVar[bool]
    """Whether a row may have several classes: each logit is then a question of its own."""
    inputs: ClassVar[tuple[str, ...]]
    """The columns of a raw row; how a network takes them is its `Reading`."""

    def prepare(self, rows: Mapping[str, Rows], data: Data, folder: Path) -> Prepared:
        """Check the rows of each role, split them, and store them in `folder`."""
        ...

    def network(self, body: nn.Module, form: Mapping[str, Any]) -> nn.Module:
        """A network that reads stored inputs, around one that reads prepared ones."""
        ...

    def objective(self, classes: int) -> Objective:
        """What a student learns from where the recipe does not say."""
        ...

    def blueprint(self, source: str, facts: Facts, dropout: float = 0.0) -> Blueprint:
        """What a name under `student:` or `train:` means for these rows."""
        ...

    def reading(self, folder: Path, form: Mapping[str, Any]) -> Reading:
        """How the network in a model folder reads rows."""
        ...

    def given(self, rows: Rows, columns: Mapping[str, str]) -> Any:
        """What a source holds to be answered, for `rows_of`."""
        ...

    def rows_of(self, form: Mapping[str, Any], given: Any) -> dict[str, Any]:
        """A user's own inputs (files, arrays, texts) as raw rows."""
        ...

    def text(self, inputs: Mapping[str, Any], row: int) -> str | None:
        """One row in words for the report, where it has any."""
        ...

    def picture(self, inputs: Mapping[str, Any], row: int) -> bytes | None:
        """A PNG of one row for the report, where it can be seen."""
        ...
