"""Whether a model's confidence can be believed. Everything follows from its top answer.

So it can be recomputed from `predictions.parquet`, which holds that answer and its confidence.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True)
class Bin:
    """Rows of about the same confidence: what they promise and what they keep, as shares."""

    rows: int
    confidence: float
    accuracy: float


def reliability(
    confidence: NDArray[np.float32], correct: NDArray[np.bool_], bins: int = BINS
) -> tuple[Bin, ...]:
    """Bins of equally many rows, from the least to the most confident.

    Shapes: confidence [N], correct [N] -> at most `bins` bins, whose sizes differ by at most 1.
    Limits: rows of one confidence stay in their order, so a bin's edge may cut through them.
    """
    order = np.argsort(confidence, kind="stable")
    return tuple(
        Bin(
            rows=len(part),
            confidence=float(confidence[part].mean(dtype=np.float64)),
            accuracy=float(correct[part].mean()),
        )
        for part in np.array_split(order, bins)
        if len(part)
    )


def summary(confidence: NDArray[np.float32], correct: NDArray[np.bool_]) -> dict[str, Any]:
    """What the scorecard keeps of the calibration of some answers: `ece`, `brier` and `bins`.

    Shapes: confidence [N], correct [N]. Limits: without answers there is none: None twice.
    """
    if not len(correct):
        return {"ece": None, "brier": None, "bins": []}
    bins = reliability(confidence, correct)
    return {
        "ece": expected_calibration_error(bins),
        "brier": float(brier(confidence, correct).mean()),
        "bins": [asdict(part) for part in bins],
    }


def expected_calibration_error(bins: tuple[Bin, ...]) -> float:
    """The mean distance between confidence and accuracy over equal-mass bins, in [0, 1].

    Zero:   when every bin is right as often as it says.
    Source: Guo et al. 2017, arXiv:1706.04599, equation 3, with bins of equal mass, not width
            (Nguyen and O'Connor 2015, arXiv:1508.05154).
    """
    rows = sum(part.rows for part in bins)
    return sum(part.rows * abs(part.accuracy - part.confidence) for part in bins) / rows


def brier(confidence: NDArray[np.float32], correct: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The Brier score of the top answer, (confidence - correct)^2, one number a row.

    Shapes: confidence [N], correct [N] -> [N], each in [0, 1].
    Zero:   for sure answers that are right.
    Source: Brier 1950, of the event "the answer is right" rather than of all classes.
    """
    return (confidence.astype(np.float64) - correct) ** 2
