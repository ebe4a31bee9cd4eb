"""`scorecard.json`: every number of the report, in one tree.

Made in two steps: `build` measures, `conclude` adds what requirements and verdict make of it.
Figures of quality and trust follow from the answers alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from understudy.errors import DamagedError, RequestError, did_you_mean
from understudy.evaluation import calibration
from understudy.evaluation.bootstrap import Resampled, intervals
from understudy.evaluation.comparison import Scored, compare
from understudy.evaluation.predictions import divergences, in_order
from understudy.evaluation.predictor import Answers
from understudy.evaluation.quality import METRICS, resampled
from understudy.evaluation.slices import SMALL_BELOW, slices
from understudy.evaluation.speed import Speed
from understudy.evaluation.verdict import conclusion
from understudy.files import write_json

SCHEMA = 1


@dataclass(frozen=True)
class Facts:
    """The size of a model; None where it cannot be known, as behind an API."""

    parameters: int | None
    bytes: int | None
    """Of its weights as they are stored."""


class Measurements(Protocol):
    """What a scorecard of any task carries over as it was measured, by model name."""

    @property
    def task(self) -> str: ...

    @property
    def metric(self) -> str: ...

    @property
    def facts(self) -> Mapping[str, Facts]: ...

    @property
    def speeds(self) -> Mapping[str, Speed]: ...

    @property
    def memories(self) -> Mapping[str, float | None]: ...

    @property
    def data(self) -> Mapping[str, Any]: ...

    @property
    def knowledge(self) -> Mapping[str, Any]: ...

    @property
    def price_per_hour(self) -> float: ...


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured beside the answers, by model name, and how the rows are resampled."""

    speeds: Mapping[str, Speed] = field(default_factory=dict)
    memories: Mapping[str, float | None] = field(default_factory=dict)
    """Peak memory of answering, in MB."""
    data: Mapping[str, Any] = field(default_factory=dict)
    knowledge: Mapping[str, Any] = field(default_factory=dict)
    price_per_hour: float = 0.10
    resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class Evidence(Measured):
    """All that was measured on one test set, by model name. There is always a teacher."""

    task: str
    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    answers: Mapping[str, Answers]
    facts: Mapping[str, Facts]
    metric: str = "accuracy"
    slices: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Columns to report quality by, each with a value for every test row."""

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            hint = did_you_mean(self.metric, METRICS)
            raise RequestError(f"there is no metric '{self.metric}'; {hint}")
        for name, answers in self.answers.items():
            if len(answers.classes) != len(self.labels):
                raise RequestError(
                    f"{name} answered {len(answers.classes)} rows, the test has {len(self.labels)}"
                )


def build(evidence: Evidence) -> dict[str, Any]:
    """The scorecard without requirements and verdict. Raises RequestError for unlabelled rows."""
    scored = {name: _scored(name, evidence) for name in in_order(evidence.answers)}
    diverging = divergences(evidence.answers)
    comparison = {
        name: {"kl": float(diverging[name].mean(dtype=np.float64)), **compare(name, scored)}
        for name in diverging
    }
    grouped = slices(
        evidence.slices, evidence.answers, evidence.labels, len(evidence.classes), evidence.metric
    )
    return assembled(
        evidence,
        rows=len(evidence.labels),
        models={name: _model(name, model, evidence) for name, model in scored.items()},
        comparison=comparison,
        slices=grouped,
    )


def assembled(
    measured: Measurements,
    *,
    rows: int,
    models: Mapping[str, Any],
    comparison: Mapping[str, Any],
    slices: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The tree of a scorecard of any task, without requirements and verdict."""
    built: dict[str, Any] = plain(
        {
            "schema": SCHEMA,
            "task": measured.task,
            "metric": measured.metric,
            "direction": "higher",
            "rows": rows,
            "price_per_hour": measured.price_per_hour,
            "models": models,
            "comparison": comparison,
            "slices": slices,
            "slices_small_below": SMALL_BELOW,
            "data": dict(measured.data),
            "knowledge": dict(measured.knowledge),
            "requirements": [],
        }
    )
    return built


def conclude(card: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The scorecard with its requirements {rule, model, value, passed, ...} and its verdict.

    `verdict` is the state, `why` one sentence, `advice` what to do about it.
    """
    judged = {**card, "requirements": plain(results)}
    state, why, advice = conclusion(judged)
    return {**judged, "verdict": state, "why": why, "advice": advice}


def write(path: Path, card: Mapping[str, Any]) -> None:
    """Write the scorecard, whole or not at all; what is not finite becomes null."""
    write_json(path, plain(card))


def read(path: Path) -> dict[str, Any]:
    """Read a scorecard. Raises DamagedError where it is missing, or of another schema."""
    try:
        card: dict[str, Any] = json.loads(path.read_text())
        if card["schema"] != SCHEMA:
            raise ValueError(f"its schema is {card['schema']}, not {SCHEMA}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{path} is not a readable scorecard: {error}") from error
    return card


def plain(value: Any) -> Any:
    """The same value in JSON's own types; numbers that are not finite become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def cost_per_million(price_per_hour: float, throughput_per_s: float) -> float:
    """What a million answers cost, in the currency of the price."""
    return price_per_hour / throughput_per_s / 3600.0 * 1e6


def standing(
    name: str,
    measured: Measurements,
    figures: Mapping[str, Resampled],
    predictions: NDArray[np.int64],
    labels: NDArray[np.int64],
) -> Scored:
    """One model as it is compared with others. Shapes: predictions [N], labels [N]."""
    facts, speed = measured.facts.get(name), measured.speeds.get(name)
    return Scored(
        predictions=predictions,
        labels=labels,
        figures=figures,
        main=figures[measured.metric],
        bytes=facts.bytes if facts else None,
        latency_ms=speed.p50_ms if speed else None,
    )


def _scored(name: str, evidence: Evidence) -> Scored:
    answers, labels = evidence.answers[name], evidence.labels
    figures = resampled(answers, labels, len(evidence.classes), evidence.resamples, evidence.seed)
    return standing(name, evidence, figures, answers.classes, labels)


def _model(name: str, scored: Scored, evidence: Evidence) -> dict[str, Any]:
    return {
        "quality": intervals(scored.figures),
        **costs(name, evidence),
        "calibration": calibration.summary(evidence.answers[name].confidence, scored.right),
    }


def costs(name: str, measured: Measurements) -> dict[str, Any]:
    """How large, fast and expensive a model is, as the scorecard keeps it; None if not measured."""
    facts = measured.facts.get(name, Facts(None, None))
    return {
        "parameters": facts.parameters,
        "bytes": facts.bytes,
        **_speed(measured.speeds.get(name), measured.price_per_hour),
        "peak_memory_mb": measured.memories.get(name),
    }


def _speed(speed: Speed | None, price_per_hour: float) -> dict[str, Any]:
    if speed is None:
        keys = ("timed_calls", "throughput_per_s", "best_batch", "threads", "cost_per_million")
        return {"latency_ms": {"p50": None, "p95": None}, **dict.fromkeys(keys)}
    return {
        "latency_ms": {"p50": speed.p50_ms, "p95": speed.p95_ms},
        "timed_calls": speed.calls,
        "throughput_per_s": speed.throughput_per_s,
        "best_batch": speed.best_batch,
        "threads": speed.threads,
        "cost_per_million": cost_per_million(price_per_hour, speed.throughput_per_s),
    }
