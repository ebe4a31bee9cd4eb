"""Several intents in one message: a static student of a fine-tuned encoder, beside its control.

    python benchmarks/multilabel.py ENCODER [--out DIR] [--data FILE]

ENCODER is a folder or id of all-MiniLM-L6-v2. There are no real messages with several intents
among the data at hand, so they are made: one to three questions of CLINC150 joined by "and", as
MixATIS and MixSNIPS are made of theirs (Qin et al. 2020, AGIF, arXiv:2004.10087), from the
questions of each part alone. 3,000 have labels, 9,000 have none; 1,500 are the test.

Prints the scorecard of the run in one table.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from understudy.data.settings import Data
from understudy.pipeline.running import Run, distill
from understudy.recipe.schema import Evaluation, Recipe, Trained
from understudy.recipe.students import Preset
from understudy.training.settings import Training

HERE = Path(__file__).parent
CLINC = HERE / "../../shared/data/clinc150/data_full.json"
PARTS = {"train": ("train", 3000), "validation": ("val", 600), "test": ("test", 1500)}
UNLABELLED = 9000
QUESTIONS = ((1, 2, 3), (0.3, 0.5, 0.2))
"""In a message, and how often."""


def messages(questions: list[list[str]], count: int, seed: int) -> list[dict[str, Any]]:
    """Messages of one to three questions, each with the set of their intents."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        size = int(random.choice(QUESTIONS[0], p=QUESTIONS[1]))
        chosen = [questions[row] for row in random.choice(len(questions), size, replace=False)]
        text = " and ".join(text for text, _ in chosen)
        made.append({"text": text, "label": sorted({intent for _, intent in chosen})})
    return made


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    """A table of JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


def sources(data: Path, folder: Path) -> dict[str, str]:
    """The tables of every role."""
    parts = json.loads(data.read_text())
    found = {
        role: write(folder / f"{role}.jsonl", messages(parts[part], count, seed))
        for seed, (role, (part, count)) in enumerate(PARTS.items())
    }
    more = [{"text": row["text"]} for row in messages(parts["train"], UNLABELLED, 10)]
    return {**found, "unlabelled": write(folder / "unlabelled.jsonl", more)}


def recipe(encoder: str, named: dict[str, str]) -> Recipe:
    """The request."""
    return Recipe(
        task="text-multilabel",
        data=Data(**named, most_tokens=64),
        teacher=Trained(encoder, training=Training(epochs=6, batch_size=32, learning_rate=2e-4)),
        student=Preset("static-128-512", vocabulary="used", dropout=0.2),
        training=Training(epochs=40, batch_size=64, learning_rate=2e-3),
        export=("onnx", "onnx-int8"),
        evaluation=Evaluation(seconds=1.0),
    )


def table(run: Run) -> None:
    """Every model in a line."""
    card = run.scorecard
    print(card["why"])
    print(
        f"{'model':20} {'micro-F1':>24} {'macro-F1':>8} {'exact':>6} {'ranking':>7} {'bytes':>11}"
    )
    for name, model in card["models"].items():
        quality = model["quality"]
        micro = quality["micro_f1"]
        others = (quality[key]["value"] for key in ("macro_f1", "exact_match", "ranking_precision"))
        macro, exact, ranking = others
        print(
            f"{name:20} {micro['value']:8.4f} ({micro['low']:.4f}, {micro['high']:.4f}) "
            f"{macro:8.4f} {exact:6.4f} {ranking:7.4f} {model['bytes'] or 0:11,}"
        )


def main() -> None:
    """Make the messages, distil, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("encoder")
    parser.add_argument("--data", type=Path, default=CLINC)
    parser.add_argument("--out", type=Path, default=Path("runs/multilabel"))
    arguments = parser.parse_args()
    named = sources(arguments.data, arguments.out / "data")
    table(distill(recipe(arguments.encoder, named), arguments.out / "static"))


if __name__ == "__main__":
    main()
