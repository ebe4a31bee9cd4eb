"""How often a model is right: accuracy and macro-F1, with bootstrap intervals.

Both are functions of three counts per class, its *margins*: rows answered rightly, rows answered
so, rows labelled so. Margins are sums over rows, so a resample of rows needs no second look at
them: only the sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.errors import RequestError
from understudy.evaluation.bootstrap import Interval, Resampled, resampled_means
from understudy.evaluation.predictor import Answers

Labels = NDArray[np.int64]
Margins = NDArray[np.float64]
"""Shape [..., 3, C]: right, answered and labelled rows of each class, as counts or shares."""


def accuracy(margins: Margins) -> NDArray[np.float64]:
    """The share of rows answered rightly, in [0, 1]. Shapes: [..., 3, C] -> [...]."""
    right, _, labelled = np.moveaxis(margins, -2, 0)
    return np.asarray(right.sum(axis=-1) / labelled.sum(axis=-1))


def macro_f1(margins: Margins) -> NDArray[np.float64]:
    """The mean over classes of F1, the harmonic mean of precision and recall, in [0, 1].

    Shapes: [..., 3, C] -> [...].
    Limits: classes that are neither labelled nor answered have no F1 and are left out of the mean.
    """
    right, answered, labelled = np.moveaxis(margins, -2, 0)
    present = answered + labelled > 0
    f1 = 2.0 * right / np.where(present, answered + labelled, 1.0)
    return np.asarray((f1 * present).sum(axis=-1) / present.sum(axis=-1))


METRICS: Mapping[str, Callable[[Margins], NDArray[np.float64]]] = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
}
"""Every metric of classification by name; for all of them higher is better."""


def marks(predictions: Labels, labels: Labels, classes: int) -> Any:
    """For each row, the margins that it adds to: at most three ones.

    Shapes: predictions [N], labels [N] -> scipy sparse [N, 3C] float32.
    """
    from scipy import sparse

    rows = np.arange(len(labels))
    right = predictions == labels
    row = np.concatenate([rows[right], rows, rows])
    column = np.concatenate([labels[right], predictions + classes, labels + 2 * classes])
    ones = np.ones(len(row), dtype=np.float32)
    return sparse.csr_array((ones, (row, column)), shape=(len(labels), 3 * classes))


def margins(predictions: Labels, labels: Labels, classes: int) -> Margins:
    """Counts of right, answered and labelled rows. Shapes: [N], [N] -> [3, C]."""
    counted = (labels[predictions == labels], predictions, labels)
    return np.stack([np.bincount(numbers, minlength=classes) for numbers in counted]).astype(float)


def resampled(
    answers: Answers, labels: Labels, classes: int, resamples: int = 1000, seed: int = 0
) -> dict[str, Resampled]:
    """Every metric of one model, with its draws; models resampled alike are paired draw by draw.

    Raises RequestError where a row has no label, or an answer that is no class.
    """
    for what, numbers in (("label", labels), ("answer", answers.classes)):
        odd = np.flatnonzero((numbers < 0) | (numbers >= classes))
        if len(odd):
            raise RequestError(
                f"test row {odd[0]} has the {what} {numbers[odd[0]]}; "
                f"test rows need one from 0 to {classes - 1}"
            )
    whole = margins(answers.classes, labels, classes)
    table = marks(answers.classes, labels, classes)
    draws = resampled_means(table, resamples, seed).reshape(resamples, 3, classes)
    return {
        name: Resampled(float(metric(whole)), metric(draws)) for name, metric in METRICS.items()
    }


def quality(
    answers: Answers, labels: Labels, classes: int, resamples: int = 1000, seed: int = 0
) -> dict[str, Interval]:
    """Every metric of one model on labelled rows, with its 95% percentile bootstrap interval."""
    figures = resampled(answers, labels, classes, resamples, seed)
    return {name: figure.interval() for name, figure in figures.items()}
