"""Numbers as a reader wants to see them. Whatever is missing, or no number, becomes a dash."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from understudy.evaluation.verdict import WORDS, spelled

DASH = "–"
SHARES = (
    *("accuracy", "macro_f1", "micro_f1", "f1", "recall", "precision"),
    *("exact_match", "ranking_precision"),
)
"""Metrics that are written as percentages, also with a suffix such as recall_at_10."""

Write = Callable[[object], str]


def at(tree: object, *path: str) -> Any:
    """What lies at a path of keys; None where a step is missing."""
    for key in path:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def mapping(tree: object, *path: str) -> Mapping[str, Any]:
    """The mapping that lies at a path, or an empty one."""
    found = at(tree, *path)
    return found if isinstance(found, Mapping) else {}


def listing(tree: object, *path: str) -> Sequence[Any]:
    """The list that lies at a path, or an empty one."""
    found = at(tree, *path)
    return found if isinstance(found, list | tuple) else ()


def text(value: object, otherwise: str = "") -> str:
    """The value where it is a text with something in it."""
    return value if isinstance(value, str) and value.strip() else otherwise


def number(value: object) -> float | None:
    """The value as a finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def typeset(written: str) -> str:
    """The same with real minus signs before numbers, and in exponents."""
    return re.sub(r"(?<![\w.])-(?=\d)|(?<=\de)-(?=\d)", "\N{MINUS SIGN}", written)


def formatted(pattern: str) -> Write:
    """A writer of numbers by a format such as '{:.1%}'."""

    def write(value: object) -> str:
        found = number(value)
        return DASH if found is None else typeset(pattern.format(found))

    return write


share = formatted("{:.1%}")
count = formatted("{:,.0f}")
fine = formatted("{:.3f}")


def significant(value: object, digits: int = 3) -> str:
    """A number to so many significant digits, never with an exponent in its usual range."""
    found = number(value)
    if found is None:
        return DASH
    if found == 0:
        return "0"
    exponent = int(f"{found:.{digits - 1}e}".split("e")[1])
    places = digits - 1 - exponent
    return typeset(f"{found:.{digits - 1}e}" if places > 9 else f"{found:,.{max(0, places)}f}")


def size(value: object) -> str:
    """Bytes in the unit that fits, in steps of 1000."""
    found = number(value)
    if found is None:
        return DASH
    for unit in ("B", "kB", "MB", "GB"):
        if abs(found) < 999.5 or unit == "GB":
            break
        found /= 1000
    return f"{found:.0f} {unit}" if unit == "B" else f"{significant(found)} {unit}"


def milliseconds(value: object) -> str:
    """A latency, to the microsecond where it is short."""
    found = number(value)
    if found is None:
        return DASH
    places = 3 if found < 10 else 1 if found < 1000 else 0
    return f"{significant(found, 2) if found < 0.01 else f'{found:,.{places}f}'} ms"


def seconds(value: object) -> str:
    """A duration in the unit that fits."""
    found = number(value)
    if found is None:
        return DASH
    if found < 90:
        return f"{significant(found, 2) if found < 10 else f'{found:.0f}'} s"
    return f"{found / 60:.0f} min" if found < 5400 else f"{found / 3600:.1f} h"


def times(value: object) -> str:
    """A ratio."""
    found = number(value)
    if found is None:
        return DASH
    return f"{found:,.0f}×" if found >= 10 else f"{significant(found, 2)}×"


def probability(value: object) -> str:
    """A p-value."""
    found = number(value)
    if found is None:
        return DASH
    return "< 0.001" if found < 0.001 else significant(found, 2)


def trimmed(written: str) -> str:
    """The same number without zeros at its end, as on an axis."""
    return re.sub(r"(\.\d*?[1-9])0+\b|\.0+\b", r"\1", written)


def span(low: object, high: object, write: Write) -> str:
    """The two ends of an interval; nothing where one is missing."""
    if number(low) is None or number(high) is None:
        return ""
    return f"{write(low)} to {write(high)}"


@dataclass(frozen=True)
class Metric:
    """The main metric: its name, which way is better, and how it is written."""

    name: str
    higher_is_better: bool = True

    @staticmethod
    def of(card: Mapping[str, Any]) -> Metric:
        """The metric of a scorecard."""
        return Metric(text(at(card, "metric"), "accuracy"), at(card, "direction") != "lower")

    @property
    def is_share(self) -> bool:
        """Whether it is written as a percentage."""
        return re.split("@|_at_", self.name)[0] in SHARES

    @property
    def of_vectors(self) -> bool:
        """Whether it is of vectors and what they find, not of classes."""
        return self.name in WORDS

    @property
    def words(self) -> str:
        """Its name in running text."""
        return spelled(self.name).replace("_", " ")

    @property
    def heading(self) -> str:
        """Its name where a line begins with it."""
        return self.words if self.of_vectors else self.words[:1].upper() + self.words[1:]

    def value(self, value: object) -> str:
        """A value of the metric."""
        if self.is_share:
            return share(value)
        return fine(value) if self.of_vectors else significant(value, 4)

    def difference(self, value: object) -> str:
        """How much more of it one model has than another; shares differ by points."""
        found = number(value)
        if found is None:
            return DASH
        return f"{self.change(found)} points" if self.is_share else self.change(found)

    def change(self, value: object) -> str:
        """The same without its unit."""
        found = number(value)
        if found is None:
            return DASH
        if self.is_share:
            written = f"{found * 100:+.1f}"
        else:
            written = f"{found:+.3f}" if self.of_vectors else f"{found:+.4g}"
        return typeset(written) if float(written) else written[1:]

    def tick(self, value: float, step: float) -> str:
        """A value on an axis whose ticks are `step` apart."""
        scale, unit = (100.0, "%") if self.is_share else (1.0, "")
        places = max(0, -math.floor(math.log10(step * scale) + 1e-9))
        digits = places + (not math.isclose(round(step * scale, places), step * scale))
        return typeset(f"{value * scale:.{digits}f}{unit}")


BY_NAME: Mapping[str, Write] = {
    **dict.fromkeys(("quality_retained", "recovered_gap", "agreement", "accuracy"), share),
    **dict.fromkeys(("harmful_flips", "helpful_flips", "inherited_errors", "macro_f1"), share),
    **dict.fromkeys(("micro_f1", "exact_match", "ranking_precision"), share),
    **dict.fromkeys(("drop_in_overlap", "recall_at_10", "recall_at_100"), share),
    **dict.fromkeys(("ece", "brier", "kl", "p_value", "cosine_p5", "out_of_scope_auroc"), fine),
    **dict.fromkeys(("parameters", "throughput_per_s"), count),
    **dict.fromkeys(("latency_p50_ms", "latency_p95_ms"), milliseconds),
    **dict.fromkeys(("size_ratio", "speedup"), times),
    "bytes": size,
    "bytes_per_row": size,
    "teach_seconds": seconds,
    "peak_memory_mb": formatted("{:,.1f} MB"),
}
"""How a figure of the scorecard is written, by its name."""


def named(name: str, value: object) -> str:
    """A figure of the scorecard, written as its name asks for; texts and truths as words."""
    if number(value) is not None:
        return BY_NAME.get(name, _general)(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return text(value, DASH)


def _general(value: object) -> str:
    found = number(value)
    whole = found is not None and found == int(found)
    return count(value) if whole else trimmed(significant(value, 4))
