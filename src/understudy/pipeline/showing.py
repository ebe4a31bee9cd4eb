"""What the report shows beyond the scorecard, kept in the run so that it can be drawn again."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.evaluation import calibration
from understudy.evaluation.embeddings import worst_matches
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
    classes = len(rows.classes)
    right = {name: said.classes == rows.labels for name, said in answers.items()}
    shown = [name for name in ("teacher", "control", "student") if name in answers]
    reliability = {
        name: [
            [point.confidence, point.accuracy, point.rows]
            for point in calibration.reliability(answers[name].confidence, right[name])
        ]
        for name in shown
    }
    confusion = {name: _confusion(rows.labels, answers[name].classes, classes) for name in shown}
    examples = _examples(production, rows, answers)
    keep(production, curves, examples, rows.classes, reliability, confusion)


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


def _examples(
    production: Production, rows: TestRows, answers: Mapping[str, Answers]
) -> Iterator[dict[str, Any]]:
    """The rows a reader should see: what the student broke, mended, copied; doubtful labels."""
    teacher, student = answers["teacher"].classes, answers["student"].classes
    labels = rows.labels
    kinds = {
        "harmful flip": (teacher == labels) & (student != labels),
        "helpful flip": (teacher != labels) & (student == labels),
        "inherited error": (teacher != labels) & (student == teacher),
    }
    shown = [name for name in ("teacher", "control", "student") if name in answers]
    for kind, chosen in kinds.items():
        for row in np.flatnonzero(chosen)[:EXAMPLES_EACH]:
            said = {
                name: [
                    rows.classes[answers[name].classes[row]],
                    float(answers[name].confidence[row]),
                ]
                for name in shown
            }
            number, label = int(rows.numbers[row]), rows.classes[labels[row]]
            yield example(production, kind, number, label, said, rows.inputs, int(row))
    yield from _suspects(production)


def _suspects(production: Production) -> Iterator[dict[str, Any]]:
    """Labelled rows whose label the teacher contradicts with confidence."""
    prepared = production.prepared
    classes = prepared.facts.classes
    for row, said, confidence in suspect_rows(production)[:EXAMPLES_EACH]:
        inputs = prepared.inputs(np.asarray([row]), production.task.inputs)
        label, answers = classes[prepared.labels[row]], {"teacher": [classes[said], confidence]}
        yield example(production, "suspect label", int(row), label, answers, inputs, 0)
