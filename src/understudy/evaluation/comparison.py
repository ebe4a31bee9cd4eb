"""One model against another on the same rows: what the scorecard says under `comparison`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from understudy.evaluation import trust
from understudy.evaluation.bootstrap import Resampled


class Measured(Protocol):
    """What every comparison needs of a model, whatever its task."""

    @property
    def main(self) -> Resampled: ...

    @property
    def bytes(self) -> int | None: ...

    @property
    def latency_ms(self) -> float | None: ...


Model = TypeVar("Model", bound=Measured)
Chance = Callable[[Model, Model], float]
"""The p-value of a difference between two models on the same rows."""


@dataclass(frozen=True)
class Scored:
    """What a comparison needs of a classifier. Shapes: predictions [N], labels [N]."""

    predictions: NDArray[np.int64]
    labels: NDArray[np.int64]
    figures: Mapping[str, Resampled]
    """Every metric."""
    main: Resampled
    """The main one."""
    bytes: int | None = None
    latency_ms: float | None = None

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.asarray(self.predictions == self.labels)


def compare(name: str, scored: Mapping[str, Scored]) -> dict[str, Any]:
    """A classifier against the teacher and, as extensions, against the control and the student."""
    return beside(name, scored, _trusted, _mcnemar)


def compare_sets(name: str, scored: Mapping[str, Scored]) -> dict[str, Any]:
    """The same where a row has a set of classes, of which `predictions` and `labels` are numbers.

    An answer is right where the whole set is. The p-value is of the main metric, by the bootstrap.
    """
    return beside(name, scored, _trusted, paired_bootstrap)


def against(model: Scored, other: Scored) -> dict[str, Any]:
    """How much better a classifier is in the main metric, and whether that may be chance."""
    return better(model, other, _mcnemar)


def beside(
    name: str,
    models: Mapping[str, Model],
    trusted: Callable[[Model, Model], Mapping[str, Any]],
    chance: Chance[Model],
) -> dict[str, Any]:
    """A model of any task against the teacher, the control and the student.

    `trusted` gives the task's own figures of a model beside the teacher. size_ratio (in bytes) and
    speedup (in median latency) say how many times smaller and faster it is than the teacher.
    """
    model, teacher, control = models[name], models["teacher"], models.get("control")
    gap = trust.recovered_gap(model.main, control.main if control else None, teacher.main)
    retained = model.main.over(teacher.main).interval()
    bounds = asdict(gap.interval) if gap.interval else {"value": None, "low": None, "high": None}
    figures: dict[str, Any] = {
        "quality_retained": retained.value,
        "quality_retained_interval": asdict(retained),
        "recovered_gap": {**bounds, "reason": gap.reason},
        **trusted(model, teacher),
        **better(model, teacher, chance),
        "size_ratio": _times(teacher.bytes, model.bytes),
        "speedup": _times(teacher.latency_ms, model.latency_ms),
    }
    for other in ("control", "student"):
        if other in models and name not in ("control", other):
            figures[other] = better(model, models[other], chance)
    return figures


def better(model: Model, other: Model, chance: Chance[Model]) -> dict[str, Any]:
    """How much better a model is in the main metric, and whether that may be chance."""
    return {
        "difference": asdict((model.main - other.main).interval()),
        "p_value": chance(model, other),
    }


def paired_bootstrap(model: Measured, other: Measured) -> float:
    """The p-value of the difference in the main metric by the resamples that both share.

    Twice the share of resamples on which the sign turns, with one more counted so that it is never
    0. Symmetric. Limits: 1 where both are the same on every resample.
    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, section 15.4.
    """
    draws = (model.main - other.main).draws
    fewer = min(np.sum(draws <= 0.0), np.sum(draws >= 0.0))
    return float(min(1.0, 2.0 * (fewer + 1) / (len(draws) + 1)))


def _trusted(model: Scored, teacher: Scored) -> dict[str, Any]:
    answers = model.predictions, teacher.predictions, model.labels
    return {
        "agreement": float(trust.agreement(*answers[:2]).mean()),
        "harmful_flips": float(trust.harmful_flips(*answers).mean()),
        "helpful_flips": float(trust.helpful_flips(*answers).mean()),
        "inherited_errors": float(trust.inherited_errors(*answers).mean()),
        "inherited_share": trust.inherited_share(*answers),
    }


def _mcnemar(model: Scored, other: Scored) -> float:
    return trust.mcnemar(model.right, other.right)


def _times(large: float | None, small: float | None) -> float | None:
    return large / small if large and small else None
