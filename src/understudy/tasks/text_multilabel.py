"""Task `text-multilabel`: one text a row, and any number of classes a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from understudy.errors import RequestError
from understudy.tasks.prepared import Prepared
from understudy.tasks.text_classification import TextClassification

if TYPE_CHECKING:
    from pathlib import Path

    from understudy.data.rows import Rows
    from understudy.data.settings import Data
    from understudy.objectives import Objective


class TextMultilabel(TextClassification):
    """Texts with a set of classes each; a network says of every class how likely it is there.

    Labels are lists, texts with `data.label_separator` between, arrays [N, C], or
    `data.label_columns` of 0 and 1. Splits are stratified by the rarest class of a row.
    """

    name: ClassVar[str] = "text-multilabel"
    metric: ClassVar[str] = "micro_f1"
    several: ClassVar[bool] = True

    def prepare(self, rows: Mapping[str, Rows], data: Data, folder: Path) -> Prepared:
        """As for one class a text.

        Raises: RequestError for whatever is wrong with the data.
        """
        if "out_of_scope" in rows:
            raise RequestError(
                f"data.out_of_scope: for {self.name} a row of no class has an empty set of labels, "
                "[]; put such rows into train, validation and test"
            )
        return super().prepare(rows, data, folder)

    def objective(self, classes: int) -> Objective:
        """0.9 soft and 0.1 hard binary labels: what does best for one class a text, with sigmoids.

        At temperature 1: where each logit is a question of its own, a higher one hardly helps.
        """
        from understudy.objectives import HardBinaryLabels, SoftBinaryLabels

        return 0.9 * SoftBinaryLabels() + 0.1 * HardBinaryLabels()
