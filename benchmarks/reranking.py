"""Small rerankers of SciFact, from lists that BM25 mined and from lists that the teacher mined.

    python benchmarks/reranking.py ENCODER [--data DIR] [--out DIR] [--only NAME ...]

ENCODER is a folder of all-MiniLM-L6-v2, the teacher: it compares vectors. Every student learns the
teacher's order of eight documents for each of 809 claims; texts are cut to 128 tokens. For the test
BM25 finds 50 of 5,183 abstracts for each of 300 claims, and every model puts them in order. The
same students with the same seed learn from candidates of BM25 (`words`), of the teacher (`teacher`)
and of both in turn; `guarded` leaves out what the teacher scores above 95% of the relevant one.

Prints, for each model: nDCG@10 and MRR@10 with their 95% intervals, bytes, and the milliseconds
that one list of eight documents takes on one thread. What the teacher says of a text is asked once
for all runs, and kept in the cache.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import understudy
from understudy.data.settings import Negatives
from understudy.pipeline.running import distill
from understudy.recipe.schema import Evaluation, Recipe
from understudy.recipe.students import Cut, FromTeacher, Preset
from understudy.training.settings import Training

SHARED = Path(__file__).parent / "../../shared/data"
MINED = {
    "words": Negatives(),
    "teacher": Negatives("teacher"),
    "guarded": Negatives("teacher", margin=0.05),
    "both": Negatives("both"),
}
LONG = Training(epochs=30, batch_size=16, learning_rate=3e-3, keep="best")
SHORT = Training(epochs=1, batch_size=8, learning_rate=2e-4, keep="last")


@dataclass(frozen=True)
class Asked:
    """A student, how long it learns, and whose candidates it learns from."""

    student: Any
    training: Training
    mined: tuple[str, ...]
    export: tuple[str, ...] = ()


STUDENTS = {
    "static": Asked(Preset("static-256"), LONG, tuple(MINED), ("onnx-int8",)),
    "layers": Asked(FromTeacher(Cut(layers=(0, 5))), SHORT, ("words", "teacher")),
}


def main() -> None:
    """Distil, score, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("encoder", type=Path)
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--out", type=Path, default=Path("runs/reranking"))
    parser.add_argument("--only", nargs="*", default=list(STUDENTS))
    arguments = parser.parse_args()
    search = f"{arguments.data / 'scifact'}"
    print(f"{'model':26} {'nDCG@10':21} {'MRR@10':21} {'bytes':>11} {'ms':>8}")
    told: set[str] = set()
    for name in arguments.only:
        asked = STUDENTS[name]
        for mined in asked.mined:
            recipe = Recipe(
                data=understudy.Data(
                    train=f"{search}@train",
                    test=f"{search}@test",
                    candidates=8,
                    most_tokens=128,
                    negatives=MINED[mined],
                ),
                task="reranking",
                teacher=str(arguments.encoder),
                student=asked.student,
                training=asked.training,
                export=asked.export,
                evaluation=Evaluation(seconds=2.0),
            )
            card = distill(recipe, arguments.out / f"{name}-{mined}").scorecard
            for model, found in card["models"].items():
                common = model in ("teacher", "rival-bm25")
                title = model if common else f"{name}, {mined}, {model}"
                if title not in told:
                    line(title, found)
                told.add(title)


def line(title: str, found: dict[str, Any]) -> None:
    """A model's figures."""
    figures = (found["quality"][metric] for metric in ("ndcg_at_10", "mrr_at_10"))
    shown = " ".join(
        f"{100 * each['value']:5.1f} ({100 * each['low']:4.1f} to {100 * each['high']:4.1f}) "
        for each in figures
    )
    latency = found["latency_ms"]["p50"]
    speed = "" if latency is None else f"{latency:8.2f}"
    print(f"{title:26} {shown} {found['bytes'] or 0:11,} {speed}", flush=True)


if __name__ == "__main__":
    main()
