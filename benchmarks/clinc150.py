"""CLINC150: two students of one fine-tuned encoder, beside their controls and what else one takes.

    python benchmarks/clinc150.py ENCODER [--out DIR] [--data FILE]

ENCODER is a folder or id of all-MiniLM-L6-v2. Runs `examples/chatbot.yaml` three times: with its
static student, with a student of three of the teacher's layers, and with ten labels a class and
all other training rows unlabelled, from a teacher that was trained on those ten labels too. Then
it exports the teacher as well, and times it beside the transformer student in the same runtime.

Prints one table a run, from its scorecard: accuracy on the 4,500 test rows in scope, how well
confidence tells the 1,000 out of scope, size, time of one text, and McNemar's p against the
strongest rival and the control.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from understudy.data import sources
from understudy.data.rows import Rows
from understudy.evaluation import trust
from understudy.evaluation.predictions import read
from understudy.evaluation.speed import measure
from understudy.export import onnx
from understudy.pipeline.running import Run, distill
from understudy.recipe.reading import read_recipe
from understudy.recipe.schema import Recipe, Trained
from understudy.tasks.folders import load_network, load_reading, read_facts

HERE = Path(__file__).parent
DATA = HERE / "../../shared/data/clinc150/data_full.json"
LAYERS = (0, 2, 5)
LABELS = 10
"""A class, in the run with few labels."""


def few_labels(data: Path) -> tuple[Rows, Rows]:
    """Ten labelled rows of each class, and all others without their labels."""
    rows = sources.read(f"{data}@train")
    labels = np.asarray(rows.columns["label"], dtype=object)
    order = np.random.default_rng(0).permutation(len(labels))
    nth = np.zeros(len(labels), dtype=np.int64)
    seen: dict[str, int] = {}
    for row in order:
        seen[labels[row]] = nth[row] = seen.get(labels[row], 0) + 1
    chosen = nth <= LABELS
    return rows.select(np.flatnonzero(chosen)), rows.select(np.flatnonzero(~chosen))


def recipes(encoder: str, data: Path) -> dict[str, Recipe]:
    """The three requests."""
    from understudy.recipe.students import Cut, FromTeacher

    base = read_recipe(HERE / "../examples/chatbot.yaml", [f"teacher.train={encoder}"])
    parts = {"train": "train", "validation": "val", "test": "test", "out_of_scope": "oos_test"}
    named = {role: f"{data}@{part}" for role, part in parts.items()}
    base = replace(base, data=replace(base.data, **named))
    cut = FromTeacher(Cut(layers=LAYERS, vocabulary="used"))
    deep = replace(
        base,
        student=cut,
        training=replace(base.training, epochs=5, batch_size=32, learning_rate=2e-4),
        require=("quality_retained >= 0.99", "size_ratio >= 8"),
    )
    labelled, unlabelled = few_labels(data)
    assert isinstance(base.teacher, Trained)
    patient = replace(base.teacher.training, epochs=12)
    few = replace(
        base,
        data=replace(base.data, train=labelled, unlabelled=unlabelled),
        teacher=replace(base.teacher, training=patient),
        require=(),
    )
    return {"static": base, "layers": deep, "few-labels": few}


def table(run: Run) -> None:
    """The scorecard of a run in one table."""
    card = run.scorecard
    said = read(run.folder / "predictions.parquet")
    labels = np.asarray(said.labels, dtype=object)
    right = {name: np.asarray(said.answers[name], dtype=object) == labels for name in said.answers}
    rivals = [name for name in right if name.startswith("rival-")]
    best = max(rivals, key=lambda name: right[name].mean())
    print(f"\n{run.folder.name}: {card['verdict']}. {card['why']}")
    print(
        f"{'model':20} {'accuracy':>9} {'kept':>7} {'p ' + best[6:]:>13} {'p control':>10} "
        f"{'AUROC':>6} {'found':>6} {'bytes':>11} {'ms p50':>7}"
    )
    for name, model in card["models"].items():
        versus = card["comparison"].get(name, {})
        outside = model["out_of_scope"]
        p_rival, p_control = (
            f"{trust.mcnemar(right[name], right[other]):.1e}" if name != other else "-"
            for other in (best, "control")
        )
        print(
            f"{name:20} {model['quality']['accuracy']['value']:9.4f} "
            f"{versus.get('quality_retained') or 1:7.2%} {p_rival:>13} {p_control:>10} "
            f"{outside['auroc']['value']:6.3f} "
            f"{outside['thresholds']['keeps_95']['recall']['value']:6.1%} "
            f"{model['bytes'] or 0:11,} {model['latency_ms']['p50']:7.2f}"
        )


def same_runtime(run: Run, teacher: Path, out: Path, data: Path) -> dict[str, Any]:
    """The teacher as an ONNX file too, timed beside the exports of the student."""
    facts, reading = read_facts(teacher), load_reading(teacher)
    texts = np.asarray(sources.read(f"{data}@test").columns["text"], dtype=object)
    if not (out / onnx.MODEL).is_file():
        out.mkdir(parents=True, exist_ok=True)
        reading.save(out)
        onnx.write(load_network(teacher), facts, reading.arrays({"text": texts[:64]}), out)
    models = {"teacher in onnx": onnx.load(out)}
    for form in ("onnx", "onnx-int8"):
        models[f"student {form}"] = onnx.load(run.folder / "export" / form)
    speeds = measure(models, {"text": texts[:2048]}, seconds=10.0)
    base = speeds["teacher in onnx"]
    print("\nin one runtime, one thread, interleaved")
    for name, speed in speeds.items():
        print(
            f"{name:18} p50 {speed.p50_ms:6.2f} ms ({base.p50_ms / speed.p50_ms:4.1f} times as "
            f"fast), {speed.throughput_per_s:7.0f} texts/s at best "
            f"({speed.throughput_per_s / base.throughput_per_s:4.1f}), {models[name].bytes:,} bytes"
        )
    return {name: speed.p50_ms for name, speed in speeds.items()}


def main() -> None:
    """Run what is asked for and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("encoder")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=Path("runs/clinc150"))
    parser.add_argument("--only", nargs="*")
    arguments = parser.parse_args()
    for name, recipe in recipes(arguments.encoder, arguments.data.resolve()).items():
        if arguments.only and name not in arguments.only:
            continue
        run = distill(recipe, arguments.out / name)
        table(run)
        if name == "layers":
            events = (run.folder / "log.jsonl").read_text().splitlines()
            steps = {json.loads(line).get("step", "") for line in events}
            (key,) = {step[8:] for step in steps if step.startswith("teacher-")}
            (home,) = teachers().glob(f"{key}*")
            same_runtime(run, home, arguments.out / "teacher-onnx", arguments.data)


def teachers() -> Path:
    """Where trained teachers are kept."""
    from understudy.files import cache_folder

    return cache_folder() / "teachers"


if __name__ == "__main__":
    main()
