"""The model card that travels with a student: what it is, how good, how it was made, its limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from understudy.files import write_atomically

Card = Mapping[str, Any]


def write_card(path: Path, title: str, scorecard: Card, classes: tuple[str, ...]) -> None:
    """Write the card as Markdown, whole or not at all."""
    write_atomically(path, model_card(title, scorecard, classes))


def model_card(title: str, scorecard: Card, classes: tuple[str, ...]) -> str:
    """The card of the student in a scorecard, with the front matter that model hubs read."""
    return "\n".join(_lines(title, scorecard, classes)) + "\n"


def _lines(title: str, scorecard: Card, classes: tuple[str, ...]) -> Iterator[str]:
    student = scorecard["models"]["student"]
    data = scorecard.get("data", {})
    yield from ("---", "library_name: understudy", f"pipeline_tag: {scorecard['task']}")
    yield from ("tags:", "- knowledge-distillation", "---", "")
    yield f"# {_plain(title)}: a distilled student"
    yield from ("", scorecard.get("why", ""), "")
    yield from ("## What it is for", "")
    yield (
        f"Task `{scorecard['task']}` on inputs like those that it was trained on: it answers one "
        f"of {len(classes)} classes ({_listed(classes)}). It learnt from a larger teacher, and "
        "knows nothing of other inputs: it answers one of its classes for those, too."
    )
    yield from ("", "## How good it is", "")
    yield f"On {scorecard['rows']:,} test rows, on which it was not trained:"
    yield from ("", *_table(scorecard), "")
    calibration = student["calibration"]
    yield (
        f"Expected calibration error {calibration['ece']:.3f}, Brier score of the top answer "
        f"{calibration['brier']:.3f}. Intervals are 95% bootstrap intervals over the test rows."
    )
    yield from ("", "## How it was made", "")
    yield (
        f"Distilled with Understudy from {data.get('rows', 0):,} rows "
        f"({data.get('unlabelled', 0):,} of them without a label). {student['parameters']:,} "
        "parameters. The control is the same network, trained as long on the labels alone."
    )
    yield from ("", "## Limits", "", *_limits(scorecard), "")


def _table(scorecard: Card) -> Iterator[str]:
    metric = scorecard["metric"]
    yield f"| model | {metric} | 95% interval | agrees with the teacher | broken answers | bytes |"
    yield "|---|---|---|---|---|---|"
    for name, model in scorecard["models"].items():
        quality = model["quality"][metric]
        versus = scorecard["comparison"].get(name, {})
        yield " | ".join(
            (
                f"| {_plain(name)}",
                f"{quality['value']:.4f}",
                f"{quality['low']:.4f} to {quality['high']:.4f}",
                _share(versus.get("agreement")),
                _share(versus.get("harmful_flips")),
                f"{model['bytes'] or 0:,} |",
            )
        )


def _limits(scorecard: Card) -> Iterator[str]:
    versus = scorecard["comparison"]["student"]
    yield (
        f"- It breaks {versus['harmful_flips']:.2%} of the answers that its teacher has right, and "
        f"repeats {versus['inherited_errors']:.2%} of all rows' answers that its teacher has wrong."
    )
    for finding in scorecard.get("data", {}).get("findings", []):
        yield f"- {_plain(finding['text'])}"
    for piece in scorecard.get("advice", []):
        yield f"- {_plain(piece)}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"


def _listed(names: tuple[str, ...], most: int = 20) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(_plain(name) for name in names[:most]) + more


def _plain(text: str) -> str:
    """Text from data as it stands: nothing in it becomes markup, or leaves its line or cell."""
    one_line = " ".join(str(text).split())
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>#|!" else sign for sign in one_line)
