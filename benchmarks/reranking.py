"""Small rerankers of SciFact, from lists that BM25 mined and from lists that the teacher mined.

    python benchmarks/reranking.py ENCODER [--data DIR] [--out DIR] [--only NAME ...]

ENCODER is a folder of all-MiniLM-L6-v2, the teacher: it compares vectors. Every student learns the
teacher's order of eight documents for each of 809 claims, a tenth of which tell its best epoch;
texts are cut to 128 tokens. For the test BM25 finds 50 of 5,183 abstracts for each of 300 claims,
and every model puts them in order. The same students with the same seed learn from candidates of
BM25 (`words`), of the teacher (`teacher`) and of both in turn; `guarded` leaves out what the
teacher scores above 95% of the relevant one.

Prints, for each model: nDCG@10 with its 95% interval, of all claims and of 104 new ones, whose
abstracts no training claim names (SciFact has claims and their negations, on both sides of its
split: a student can learn which abstract is wanted); MRR@10; bytes; and how many times faster than
the teacher it answers a list of eight documents, one thread, in the same run. Then the differences
to candidates of BM25, with paired intervals. What the teacher says of a text is asked once for all
runs, and kept in the cache; that, and the student of two layers, take most of the time.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pyarrow import parquet

import understudy
from understudy.data.beir import read_beir
from understudy.data.settings import Negatives
from understudy.evaluation.bootstrap import resampled_means
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
    print(f"{'model':26} {'nDCG@10':20} {'of new claims':20} MRR@10      bytes  times faster")
    new = is_new(arguments.data / "scifact")
    told: dict[str, Any] = {}
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
            run = distill(recipe, arguments.out / f"{name}-{mined}")
            rows = parquet.read_table(run.folder / "predictions.parquet").to_pydict()
            for model in run.scorecard["models"]:
                common = model in ("teacher", "rival-bm25")
                title = model if common else f"{name}, {mined}, {model}"
                if title not in told:
                    told[title] = np.array(rows[model])
                    line(title, told[title], new, run.scorecard, model)
        differences(name, told, new)


def is_new(folder: Path) -> Any:
    """Of each test claim, whether no training claim names one of its abstracts. Shape: [Q]."""
    train, test = read_beir(folder, "train"), read_beir(folder, "test")
    named = {
        train.document_ids[document]
        for document, grade in zip(train.judged_documents, train.grades, strict=True)
        if grade > 0
    }
    new = np.ones(len(test.queries), dtype=bool)
    for query, document, grade in zip(
        test.judged_queries, test.judged_documents, test.grades, strict=True
    ):
        new[query] &= grade <= 0 or test.document_ids[document] not in named
    return new


def line(title: str, ndcg: Any, new: Any, card: dict[str, Any], model: str) -> None:
    """A model's figures."""
    found = card["models"][model]
    mrr = 100 * found["quality"]["mrr_at_10"]["value"]
    speedup = card["comparison"].get(model, {}).get("speedup")
    faster = "" if speedup is None else f"{speedup:8.1f}"
    shown = f"{interval(ndcg)} {interval(ndcg[new])} {mrr:6.1f}"
    print(f"{title:26} {shown} {found['bytes'] or 0:10,} {faster}", flush=True)


def differences(name: str, told: dict[str, Any], new: Any) -> None:
    """What other candidates give over those of BM25, claim by claim."""
    for mined in STUDENTS[name].mined[1:]:
        gained = told[f"{name}, {mined}, student"] - told[f"{name}, words, student"]
        title = f"{name}, {mined} - words"
        print(f"{title:26} {interval(gained)} {interval(gained[new])}", flush=True)


def interval(values: Any) -> str:
    """The mean of claims in per cent, and its 95% bootstrap interval."""
    draws = resampled_means(values[:, None], 2000, 0)
    low, high = np.quantile(draws, (0.025, 0.975))
    return f"{100 * values.mean():5.1f} ({100 * low:4.1f} to {100 * high:4.1f})"


if __name__ == "__main__":
    main()
