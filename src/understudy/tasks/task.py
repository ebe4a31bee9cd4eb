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
    from understudy.tasks.prepared import Prepared


class Task(Protocol):
    """One kind of work: everything about it that the rest of the house must not know."""

    name: ClassVar[str]
    metric: ClassVar[str]
    inputs: ClassVar[tuple[str, ...]]
    """The columns that a network reads, in the order of its arguments."""

    def prepare(self, rows: Mapping[str, Rows], data: Data, folder: Path) -> Prepared:
        """Check the rows of each role, split them, and store them in `folder`."""
        ...

    def network(self, body: nn.Module, form: Mapping[str, Any]) -> nn.Module:
        """A network that reads stored inputs, around one that reads prepared ones."""
        ...

    def objective(self, classes: int) -> Objective:
        """What a student learns from where the recipe does not say."""
        ...

    def rows_of(self, form: Mapping[str, Any], given: Any) -> dict[str, Any]:
        """A user's own inputs (files, arrays) as the arrays that a network reads."""
        ...

    def picture(self, inputs: Mapping[str, Any], row: int) -> bytes | None:
        """A PNG of one row for the report, where it can be seen."""
        ...
