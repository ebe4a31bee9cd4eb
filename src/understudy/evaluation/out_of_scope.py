"""Whether a model's confidence tells inputs of no class from those it was made for.

Everything follows from two counts over the levels of confidence, from the lowest up: of rows in
scope and of rows out of scope. A resample of rows needs only these counts again.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.errors import RequestError
from understudy.evaluation.bootstrap import Resampled, intervals, resampled_means

Confidence = NDArray[np.float32]
Counts = NDArray[np.float64]
"""Shape [..., K]: rows at each of K levels of confidence, the lowest first."""

KEPT = 0.95
"""The share of rows in scope that a threshold keeps."""
LEVELS = 2000
"""Resamples are counted at this many levels at most, neighbours put together: memory stays flat."""


def auroc(inside: Counts, outside: Counts) -> NDArray[np.float64]:
    """How often a row in scope is more confident than one out of scope; ties count half.

    Shapes: [..., K], [..., K] -> [...], in [0, 1].
    Limits: 0.5 where confidence says nothing, 1 where every row in scope is above all others.
    Source: Hanley and McNeil 1982, Radiology 143; for this use Hendrycks and Gimpel 2017,
            arXiv:1610.02136.
    """
    below = outside.cumsum(axis=-1) - outside / 2.0
    pairs = inside.sum(axis=-1) * outside.sum(axis=-1)
    return np.asarray((inside * below).sum(axis=-1) / pairs)


def average_precision(inside: Counts, outside: Counts) -> NDArray[np.float64]:
    """The area under precision over recall (AUPR) of finding rows out of scope, least sure first.

    Shapes: [..., K], [..., K] -> [...], in [0, 1].
    Limits: the share of rows out of scope where confidence says nothing; steps, not interpolated.
    """
    found = outside.cumsum(axis=-1)
    flagged = found + inside.cumsum(axis=-1)
    precision = found / np.maximum(flagged, 1.0)
    return np.asarray((outside * precision).sum(axis=-1) / outside.sum(axis=-1))


def false_positive_rate(inside: Counts, outside: Counts) -> NDArray[np.float64]:
    """The share of rows out of scope that pass where 95% in scope do: FPR at 95% recall.

    Shapes: [..., K], [..., K] -> [...], in [0, 1].
    Limits: its threshold is set on the rows that are scored, unlike those of `out_of_scope`.
    """
    enough = _share_from(inside) >= KEPT - 1e-12
    level = enough.sum(axis=-1, keepdims=True) - 1  # the highest that keeps enough
    return np.asarray(np.take_along_axis(_share_from(outside), level, axis=-1)[..., 0])


def threshold_keeping(confidence: Confidence, share: float = KEPT) -> float:
    """The highest confidence that at least this share of the rows reach. Shapes: [N] -> one."""
    needed = int(np.ceil(share * len(confidence) - 1e-9))
    return float(np.sort(confidence)[len(confidence) - max(needed, 1)])


def threshold_balancing(inside: Confidence, outside: Confidence) -> float:
    """The confidence that best parts both: mean of the shares kept in scope and found outside.

    Shapes: [N], [M] -> one. Limits: the lowest of several as good.
    """
    levels = np.unique(np.concatenate([inside, outside]))
    kept, passed = (_share_from(_counted(rows, levels)) for rows in (inside, outside))
    return float(levels[np.argmax(kept - passed)])


def resampled(
    inside: Confidence, outside: Confidence, resamples: int = 1000, seed: int = 0
) -> dict[str, Resampled]:
    """AUROC, AUPR and FPR at 95% recall of one model, with their draws.

    Rows in scope and out of scope are drawn apart, so that each resample has as many of both.
    Shapes: confidence [N] in scope, [M] out of scope. Models resampled alike are paired.
    """
    levels = np.unique(np.concatenate([inside, outside]))
    exact = _counted(inside, levels), _counted(outside, levels)
    steps = levels[:: -(-len(levels) // LEVELS)]
    drawn = _draws(inside, steps, resamples, seed), _draws(outside, steps, resamples, seed + 1)
    figures = {"auroc": auroc, "aupr": average_precision, "fpr_at_95": false_positive_rate}
    return {
        name: Resampled(float(figure(*exact)), figure(*drawn)) for name, figure in figures.items()
    }


def out_of_scope(
    confidence_in: Confidence,
    confidence_out: Confidence,
    confidence_validation: Confidence,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """What the scorecard says of one model and inputs of no class; figures with 95% intervals.

    Shapes: [N] of test rows in scope, [M] of rows out of scope, [V] of validation rows in scope.
    `auroc`, `aupr` and `fpr_at_95` need no threshold. Each of `thresholds` says which share out of
    scope is found below it (`recall`) and which share of test rows in scope is `kept`:
    `keeps_95` is set on validation rows alone, `best` is where validation rows and the rows out of
    scope part best, which the latter flatter: no threshold can promise more.
    Raises RequestError where there are no rows, or a confidence is not finite.
    """
    given = {"test": confidence_in, "out-of-scope": confidence_out}
    for what, rows in {**given, "validation": confidence_validation}.items():
        if not len(rows) or not np.isfinite(rows).all():
            raise RequestError(f"{what} rows need confidences that are finite, and at least one")
    figures = resampled(confidence_in, confidence_out, resamples, seed)
    thresholds = {
        "keeps_95": threshold_keeping(confidence_validation),
        "best": threshold_balancing(confidence_validation, confidence_out),
    }
    return {
        "rows": len(confidence_out),
        "validation_rows": len(confidence_validation),
        **intervals(figures),
        "thresholds": {
            name: _at(threshold, confidence_in, confidence_out, resamples, seed)
            for name, threshold in thresholds.items()
        },
    }


def _at(
    threshold: float, inside: Confidence, outside: Confidence, resamples: int, seed: int
) -> dict[str, Any]:
    """What one threshold keeps and finds."""
    kept = _share(inside >= threshold, resamples, seed)
    found = _share(outside < threshold, resamples, seed + 1)
    balanced = Resampled((kept.value + found.value) / 2.0, (kept.draws + found.draws) / 2.0)
    return {
        "threshold": threshold,
        "recall": asdict(found.interval()),
        "kept": asdict(kept.interval()),
        "balanced_accuracy": asdict(balanced.interval()),
    }


def _share(rows: NDArray[np.bool_], resamples: int, seed: int) -> Resampled:
    table = rows[:, None].astype(np.float32)
    return Resampled(float(rows.mean()), resampled_means(table, resamples, seed)[:, 0])


def _share_from(counts: Counts) -> NDArray[np.float64]:
    """The share of rows at each level or above it. Shapes: [..., K] -> [..., K]."""
    rising = counts[..., ::-1].cumsum(axis=-1)[..., ::-1]
    return np.asarray(rising / counts.sum(axis=-1, keepdims=True))


def _counted(confidence: Confidence, levels: Confidence) -> Counts:
    """Rows at each level: from it up to the next one. Shapes: [N], [K] -> [K]."""
    return np.bincount(_level(confidence, levels), minlength=len(levels)).astype(np.float64)


def _draws(confidence: Confidence, levels: Confidence, resamples: int, seed: int) -> Counts:
    """The same for each resample. Shapes: [N], [K] -> [resamples, K]."""
    from scipy import sparse

    rows, level = len(confidence), _level(confidence, levels)
    ones = np.ones(rows, dtype=np.float32)
    table = sparse.csr_array((ones, (np.arange(rows), level)), shape=(rows, len(levels)))
    return np.rint(resampled_means(table, resamples, seed) * rows)


def _level(confidence: Confidence, levels: Confidence) -> NDArray[np.int64]:
    return np.searchsorted(levels, confidence, side="right") - 1
