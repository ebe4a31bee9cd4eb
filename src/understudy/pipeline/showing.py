"""What the report shows beyond the scorecard, kept in the run so that it can be drawn again."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.evaluation import calibration
from understudy.evaluation.embeddings import worst_matches
from understudy.evaluation.predictions import LEADING
from understudy.files import write_json
from understudy.pipeline.machine import environment
from understudy.pipeline.suspects import suspect_rows

if TYPE_CHECKING:
    from understudy.evaluation.embeddings import Found
    from understudy.evaluation.predictor import Answers
    from understudy.pipeline.distilling import Production
    from understudy.pipeline.scoring import TestRows
    from understudy.report import Material

MATERIAL = "material.json"
EXAMPLES_EACH = 12


def keep_material(
    production: Production,
    rows: TestRows,
    answers: Mapping[str, Answers],
    curves: Mapping[str, Any],
) -> None:
    """Write `checkpoints/material.json`: curves, reliability, confusion, and rows to look at."""
    names, labels = rows.classes, rows.labels
    shown = {name: answers[name] for name in LEADING if name in answers}
    right = {name: said.classes == labels for name, said in shown.items()}

    def told(row: int) -> dict[str, list[Any]]:
        return {
            name: [names[said.classes[row]], float(said.confidence[row])]
            for name, said in shown.items()
        }

    known, alike = production.prepared.labels, shown["student"].classes == shown["teacher"].classes
    examples = (
        *flips(production, rows, right, alike, told, lambda row: names[labels[row]]),
        *doubts(production, lambda row, said: names[said], lambda row: names[known[row]]),
    )
    reliability = {name: dots(said.confidence, right[name]) for name, said in shown.items()}
    confusion = {name: _confusion(labels, said.classes, len(names)) for name, said in shown.items()}
    keep(production, curves, examples, names, reliability, confusion)


def keep_vectors(
    production: Production, found: Mapping[str, Found], curves: Mapping[str, Any]
) -> None:
    """The same for embeddings: curves, and the texts that the student places worst."""
    worst = worst_matches(found["student"], EXAMPLES_EACH)
    told = [(row, f"cosine {cosine:.3f}") for row, cosine in worst]
    _keep_worst(production, "worst match", told, curves)


def keep_rankings(
    production: Production, found: Mapping[str, Found], curves: Mapping[str, Any]
) -> None:
    """The same for rerankers: curves, and the queries that the student answers least alike."""
    overlap = found["student"].overlap
    assert overlap is not None
    asked = production.prepared.relations["asked"]
    told = [
        (int(np.searchsorted(asked, query)), f"{overlap[query]:.0%} shared")
        for query in np.argsort(overlap, kind="stable")[:EXAMPLES_EACH]
    ]
    _keep_worst(production, "far list", told, curves)


def _keep_worst(
    production: Production,
    kind: str,
    told: list[tuple[int, str]],
    curves: Mapping[str, Any],
) -> None:
    """Test rows, each with what is said of the student there."""
    prepared = production.prepared
    rows = prepared.splits["test"]
    chosen = np.array(sorted(row for row, _ in told), dtype=np.int64)
    texts = prepared.raw.inputs(rows[chosen], production.task.inputs)
    place = {int(row): at for at, row in enumerate(chosen)}
    examples = (
        example(production, kind, row, "", {"student": [words, None]}, texts, place[row])
        for row, words in told
    )
    keep(production, curves, examples)


def keep(
    production: Production,
    curves: Mapping[str, Any],
    examples: Iterable[Mapping[str, Any]],
    classes: Sequence[str] = (),
    reliability: Mapping[str, Any] | None = None,
    confusion: Mapping[str, Any] | None = None,
) -> None:
    """Write what the report of any task shows."""
    write_json(
        production.workspace.checkpoint(MATERIAL),
        {
            "classes": list(classes),
            "curves": {name: list(curve) for name, curve in curves.items()},
            "reliability": reliability or {},
            "confusion": confusion or {},
            "examples": list(examples),
            "environment": environment(production.recipe.evaluation.threads),
        },
    )


def example(
    production: Production,
    kind: str,
    row: int,
    label: str,
    answers: Mapping[str, Any],
    inputs: Mapping[str, Any],
    place: int,
) -> dict[str, Any]:
    """One row to look at; `place` is where it stands in the inputs."""
    picture = production.task.picture(inputs, place)
    return {
        "kind": kind,
        "row": row,
        "label": label,
        "answers": answers,
        "picture": base64.b64encode(picture).decode() if picture else None,
        "text": production.task.text(inputs, place),
    }


def material(folder: Path, title: str) -> Material:
    """All that the report of a run shows, from the run folder alone."""
    from understudy.report import Example, Material

    kept = json.loads((folder / "checkpoints" / MATERIAL).read_text())
    examples = [
        Example(
            kind=example["kind"],
            row=example["row"],
            label=example["label"],
            answers={name: (said[0], said[1]) for name, said in example["answers"].items()},
            picture=base64.b64decode(example["picture"]) if example["picture"] else None,
            text=example.get("text"),
        )
        for example in kept["examples"]
    ]
    usages = sorted((folder / "export").glob("onnx*/use.py"))
    return Material(
        title=title,
        scorecard=json.loads((folder / "scorecard.json").read_text()),
        curves=kept["curves"],
        reliability={
            name: [(point[0], point[1], point[2]) for point in points]
            for name, points in kept["reliability"].items()
        },
        confusion=kept["confusion"],
        examples=examples,
        usage=usages[0].read_text() if usages else PYTHON_USAGE,
        recipe=(folder / "recipe.yaml").read_text(),
        environment=kept["environment"],
        classes=tuple(kept["classes"]),
    )


PYTHON_USAGE = """\
import understudy

model = understudy.load("RUN")          # the run folder
print(model.predict(["image.png"]))
"""


def _confusion(labels: Any, answered: Any, classes: int) -> list[list[int]]:
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (labels, answered), 1)
    found: list[list[int]] = counts.tolist()
    return found


def dots(confidence: Any, right: Any) -> list[list[float]]:
    """The bins of a reliability chart: confidence, accuracy and rows of each."""
    bins = calibration.reliability(confidence, right)
    return [[part.confidence, part.accuracy, part.rows] for part in bins]


def flips(
    production: Production,
    rows: TestRows,
    right: Mapping[str, Any],
    alike: Any,
    told: Callable[[int], Mapping[str, list[Any]]],
    label: Callable[[int], str],
) -> Iterator[dict[str, Any]]:
    """The test rows a reader should see: what the student broke, mended, and copied wrong.

    `told` gives what each model says of a row: its answer, and how sure it is or None.
    Shapes: right [N] by model; alike [N], whether the student says what its teacher says.
    """
    taught, learnt = right["teacher"], right["student"]
    kinds = {
        "harmful flip": taught & ~learnt,
        "helpful flip": ~taught & learnt,
        "inherited error": ~taught & alike,
    }
    for kind, chosen in kinds.items():
        for row in map(int, np.flatnonzero(chosen)[:EXAMPLES_EACH]):
            number = int(rows.numbers[row])
            yield example(production, kind, number, label(row), told(row), rows.inputs, row)


def doubts(
    production: Production, said: Callable[[int, int], str], label: Callable[[int], str]
) -> Iterator[dict[str, Any]]:
    """Labelled rows whose label the teacher contradicts with confidence.

    `said` gives what it says of a row where it names, or denies, a class against the label.
    """
    for row, number, confidence in suspect_rows(production)[:EXAMPLES_EACH]:
        inputs = production.prepared.inputs(np.asarray([row]), production.task.inputs)
        answers = {"teacher": [said(row, number), confidence]}
        yield example(production, "suspect label", row, label(row), answers, inputs, 0)
