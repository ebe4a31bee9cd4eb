"""The rules that an artefact must meet to ship, such as `quality_retained >= 0.97`."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from understudy.errors import RequestError, did_you_mean

OPERATORS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}

PLACES: Mapping[str, tuple[str, ...]] = {
    "accuracy": ("models", "quality", "accuracy", "value"),
    "micro_f1": ("models", "quality", "micro_f1", "value"),
    "exact_match": ("models", "quality", "exact_match", "value"),
    "ranking_precision": ("models", "quality", "ranking_precision", "value"),
    "macro_f1": ("models", "quality", "macro_f1", "value"),
    "ndcg_at_10": ("models", "quality", "ndcg_at_10", "value"),
    "mrr_at_10": ("models", "quality", "mrr_at_10", "value"),
    "recall_at_10": ("models", "quality", "recall_at_10", "value"),
    "recall_at_100": ("models", "quality", "recall_at_100", "value"),
    "spearman": ("models", "quality", "spearman", "value"),
    "spearman_to_teacher": ("models", "quality", "spearman_to_teacher", "value"),
    "out_of_scope_auroc": ("models", "out_of_scope", "auroc", "value"),
    "ece": ("models", "calibration", "ece"),
    "brier": ("models", "calibration", "brier"),
    "parameters": ("models", "parameters"),
    "bytes": ("models", "bytes"),
    "latency_p50_ms": ("models", "latency_ms", "p50"),
    "latency_p95_ms": ("models", "latency_ms", "p95"),
    "throughput_per_s": ("models", "throughput_per_s"),
    "peak_memory_mb": ("models", "peak_memory_mb"),
    "cost_per_million": ("models", "cost_per_million"),
    "quality_retained": ("comparison", "quality_retained"),
    "recovered_gap": ("comparison", "recovered_gap", "value"),
    "agreement": ("comparison", "agreement"),
    "drop_in_overlap": ("comparison", "drop_in_overlap"),
    "cosine_p5": ("comparison", "cosine", "p5"),
    "harmful_flips": ("comparison", "harmful_flips"),
    "helpful_flips": ("comparison", "helpful_flips"),
    "inherited_errors": ("comparison", "inherited_errors"),
    "p_value": ("comparison", "p_value"),
    "size_ratio": ("comparison", "size_ratio"),
    "speedup": ("comparison", "speedup"),
    "kl": ("comparison", "kl"),
    "control_difference": ("comparison", "control", "difference", "value"),
}
"""Where the scorecard keeps each figure: section, then, under the model's name, the way to it."""

UNITS = {"": 1.0, "b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9}
"""Suffixes of a bound on bytes, in any case."""

_RULE = re.compile(r"\s*(\w+)\s*([<>=!]+)\s*(\S+?)\s*([A-Za-z]*)\s*")


@dataclass(frozen=True)
class Requirement:
    """A bound on one figure of the scorecard; `text` is the rule as it was written."""

    metric: str
    operator: str
    bound: float
    text: str


@dataclass(frozen=True)
class Result:
    """A requirement held against one model; `reason` where it does not pass."""

    rule: str
    model: str
    value: float | None
    passed: bool
    reason: str | None = None


def parse(text: str, where: str = "require") -> Requirement:
    """Read a rule `METRIC OPERATOR NUMBER`. Raises RequestError, which begins with `where`."""
    parts = _RULE.fullmatch(text) if isinstance(text, str) else None
    if parts is None:
        raise RequestError(
            f"{where}: '{text}' is not a rule; write METRIC OPERATOR NUMBER, "
            "such as 'quality_retained >= 0.97'"
        )
    metric, sign, number, suffix = parts.groups()
    if metric not in PLACES:
        hint = did_you_mean(metric, PLACES)
        raise RequestError(f"{where}: there is no metric '{metric}'; {hint}")
    if sign not in OPERATORS:
        raise RequestError(f"{where}: '{sign}' in '{text}' must be one of {', '.join(OPERATORS)}")
    return Requirement(metric, sign, _bound(metric, number, suffix, where), text.strip())


def _bound(metric: str, number: str, suffix: str, where: str) -> float:
    units = UNITS if metric == "bytes" else {"": 1.0}
    try:
        bound = float(number) * units[suffix.lower()]
    except (ValueError, KeyError):
        bound = math.nan
    if not math.isfinite(bound):
        suffixes = ", with or without kB, MB or GB" if metric == "bytes" else " without a suffix"
        raise RequestError(
            f"{where}: the bound of {metric} is '{number}{suffix}'; it must be a number{suffixes}"
        )
    return bound


def judge(
    requirements: Sequence[Requirement], card: Mapping[str, Any], models: Sequence[str]
) -> list[Result]:
    """Hold every requirement against every model. What has no value does not pass, and says why.

    Raises RequestError for a model that the scorecard lacks.
    """
    for model in models:
        if model not in card["models"]:
            hint = did_you_mean(model, card["models"])
            raise RequestError(f"the scorecard has no model '{model}'; {hint}")
    return [_held(rule, card, model) for model in models for rule in requirements]


def records(results: Sequence[Result]) -> list[dict[str, Any]]:
    """The results as the scorecard keeps them."""
    return [asdict(result) for result in results]


def _held(rule: Requirement, card: Mapping[str, Any], model: str) -> Result:
    section, *way = PLACES[rule.metric]
    found: Any = card[section].get(model)
    holder: Any = None
    for step in way:
        holder = found
        found = found.get(step) if isinstance(found, Mapping) else None
    if found is None or not math.isfinite(found):
        stated = holder.get("reason") if isinstance(holder, Mapping) else None
        reason = stated or f"{rule.metric} of {model} was not measured"
        return Result(rule.text, model, None, False, reason)
    value = float(found)
    if OPERATORS[rule.operator](value, rule.bound):
        return Result(rule.text, model, value, True)
    return Result(rule.text, model, value, False, f"{rule.metric} of {model} is {value:.6g}")
