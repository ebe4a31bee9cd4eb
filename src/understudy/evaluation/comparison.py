"""One model against another on the same rows: what the scorecard says under `comparison`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluation import trust
from understudy.evaluation.bootstrap import Resampled


@dataclass(frozen=True)
class Scored:
    """What a comparison needs of a model. Shapes: predictions [N], labels [N]."""

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
    """A model against the teacher and, as extensions, against the control and the student.

    size_ratio (in bytes) and speedup (in median latency) say how many times smaller and faster the
    model is than the teacher.
    """
    model, teacher, control = scored[name], scored["teacher"], scored.get("control")
    answers = model.predictions, teacher.predictions, model.labels
    gap = trust.recovered_gap(model.main, control.main if control else None, teacher.main)
    retained = model.main.over(teacher.main).interval()
    bounds = asdict(gap.interval) if gap.interval else {"value": None, "low": None, "high": None}
    figures: dict[str, Any] = {
        "quality_retained": retained.value,
        "quality_retained_interval": asdict(retained),
        "recovered_gap": {**bounds, "reason": gap.reason},
        "agreement": float(trust.agreement(*answers[:2]).mean()),
        "harmful_flips": float(trust.harmful_flips(*answers).mean()),
        "helpful_flips": float(trust.helpful_flips(*answers).mean()),
        "inherited_errors": float(trust.inherited_errors(*answers).mean()),
        "inherited_share": trust.inherited_share(*answers),
        **against(model, teacher),
        "size_ratio": _times(teacher.bytes, model.bytes),
        "speedup": _times(teacher.latency_ms, model.latency_ms),
    }
    for other in ("control", "student"):
        if other in scored and name not in ("control", other):
            figures[other] = against(model, scored[other])
    return figures


def against(model: Scored, other: Scored) -> dict[str, Any]:
    """How much better the model is in the main metric, and whether that may be chance."""
    return {
        "difference": asdict((model.main - other.main).interval()),
        "p_value": trust.mcnemar(model.right, other.right),
    }


def _times(large: float | None, small: float | None) -> float | None:
    return large / small if large and small else None
