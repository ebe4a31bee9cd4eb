"""The model card that travels with a student: what it is, how good, how it was made, its limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from understudy.evaluation.verdict import WORDS, spelled
from understudy.files import write_atomically
from understudy.report.naming import row_words

Card = Mapping[str, Any]

TAGS = {"text-embedding": "sentence-similarity", "text-multilabel": "text-classification"}
"""What model hubs call a task, where they have another name for it."""


def write_card(path: Path, title: str, scorecard: Card, classes: tuple[str, ...]) -> None:
    """Write the card as Markdown, whole or not at all."""
    write_atomically(path, model_card(title, scorecard, classes))


def model_card(title: str, scorecard: Card, classes: tuple[str, ...]) -> str:
    """The card of the student in a scorecard, with the front matter that model hubs read."""
    return "\n".join(_lines(title, scorecard, classes)) + "\n"


def _lines(title: str, scorecard: Card, classes: tuple[str, ...]) -> Iterator[str]:
    student = scorecard["models"]["student"]
    rows, task = row_words(scorecard), scorecard["task"]
    data = scorecard.get("data", {})
    yield from ("---", "library_name: understudy", f"pipeline_tag: {TAGS.get(task, task)}")
    yield from ("tags:", "- knowledge-distillation", "---", "")
    yield f"# {_plain(title)}: a distilled student"
    yield from ("", scorecard.get("why", ""), "")
    yield from ("## What it is for", "")
    use = _use_of_sets(classes) if task == "text-multilabel" else _use(classes)
    yield f"Task `{task}` on inputs like those that it was trained on: {use}"
    yield from ("", "## How good it is", "")
    yield f"On {scorecard['rows']:,} {rows}, on which it was not trained:"
    yield from ("", *_table(scorecard), "")
    calibration = student.get("calibration")
    if calibration and calibration["ece"] is not None:
        yield (
            f"Expected calibration error {calibration['ece']:.3f}, Brier score of the top answer "
            f"{calibration['brier']:.3f}."
        )
    yield f"Intervals are 95% bootstrap intervals over the {rows}."
    yield from ("", "## How it was made", "")
    yield (
        f"Distilled with Understudy from {data.get('rows', 0):,} rows "
        f"({data.get('unlabelled', 0):,} of them without a label). {student['parameters']:,} "
        "parameters."
    )
    if "control" in scorecard["models"]:
        yield "The control is the same network, trained as long on the labels alone."
    yield from ("", "## Limits", "", *_limits(scorecard), "")


def _use(classes: tuple[str, ...]) -> str:
    if not classes:
        return (
            "it gives each text a vector, and texts that mean alike have vectors that point alike. "
            "It learnt from a larger teacher, and knows little of other kinds of text."
        )
    return (
        f"it answers one of {len(classes)} classes ({_listed(classes)}). It learnt from a larger "
        "teacher, and knows nothing of other inputs: it answers one of its classes for those, too."
    )


def _use_of_sets(classes: tuple[str, ...]) -> str:
    return (
        f"it says of each of {len(classes)} classes ({_listed(classes)}) how likely an input has "
        "it; an input may have several, or none. It learnt from a larger teacher, and knows "
        "nothing of other inputs."
    )


def _table(scorecard: Card) -> Iterator[str]:
    metric = scorecard["metric"]
    agrees = "shares the teacher's ten nearest" if metric in WORDS else "agrees with the teacher"
    yield f"| model | {spelled(metric)} | 95% interval | {agrees} | broken answers | bytes |"
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
    versus, apart = scorecard["comparison"]["student"], "space" in scorecard
    if versus.get("inherited_errors") is not None:
        yield (
            f"- It breaks {versus['harmful_flips']:.2%} of the answers that its teacher has right, "
            f"and repeats {versus['inherited_errors']:.2%} of all rows' answers that its teacher "
            "has wrong."
        )
    elif versus.get("harmful_flips") is not None:
        yield (
            f"- For {versus['harmful_flips']:.2%} of the queries its teacher finds something "
            "relevant among ten documents, and it does not."
        )
    if versus.get("drop_in_overlap") is not None:
        through = ", brought into its space by `projection.safetensors`," if apart else ""
        yield (
            f"- In an index that its teacher made{through} it finds "
            f"{versus['drop_in_overlap']:.2%} of the teacher's ten nearest."
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
