"""SST-2: a BiLSTM that learns from augmented texts, as Tang et al. (2019), beside labels alone.

    python benchmarks/sst2.py ENCODER [--student bilstm] [--copies 3] [--data DIR] [--out DIR]

ENCODER is a folder of all-MiniLM-L6-v2, trained on the 6,920 sentences first. The student sees
them and copies of them with words masked, replaced, swapped or cut to a few in a row, all answered
by the teacher once; the control is the same network on the labels. Claim of the paper (arXiv:
1903.12136, table 1, in kind): the distilled one is better. Prints both, with McNemar's p.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from understudy.data.augmenting import Augmentation
from understudy.data.settings import Data
from understudy.pipeline.running import distill
from understudy.recipe.schema import Evaluation, Recipe, Trained
from understudy.recipe.students import Preset
from understudy.training.settings import Training

SHARED = Path(__file__).parent / "../../shared/data"


def main() -> None:
    """Distil and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("encoder")
    parser.add_argument("--student", default="bilstm")
    parser.add_argument("--copies", type=int, default=3)
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--out", type=Path, default=Path("runs/sst2"))
    arguments = parser.parse_args()
    folder = arguments.data.resolve() / "sst2"
    recipe = Recipe(
        task="text-classification",
        data=Data(
            train=str(folder / "train.tsv"),
            validation=str(folder / "dev.tsv"),
            test=str(folder / "test.tsv"),
            augment=Augmentation(copies=arguments.copies),
            most_tokens=64,
        ),
        teacher=Trained(
            train=arguments.encoder, training=Training(epochs=2, batch_size=32, learning_rate=1e-4)
        ),
        student=Preset(arguments.student, dropout=0.3),
        training=Training(epochs=8, batch_size=64, learning_rate=1e-3),
        export=("onnx",),
        evaluation=Evaluation(seconds=1.0),
    )
    run = distill(recipe, arguments.out)
    card = run.scorecard
    print(run.verdict)
    for name, model in card["models"].items():
        accuracy = model["quality"]["accuracy"]
        low, high = accuracy["low"], accuracy["high"]
        print(
            f"{name:20} {accuracy['value']:.4f} ({low:.4f} to {high:.4f}) {model['bytes'] or 0:,}"
        )
    beside = card["comparison"]["student"]["control"]
    print(f"student over control: {beside['difference']} p = {beside['p_value']:.2g}")


if __name__ == "__main__":
    main()
