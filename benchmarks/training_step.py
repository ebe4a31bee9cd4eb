"""What learning from stored knowledge costs over a bare PyTorch loop, interleaved in one process.

    python benchmarks/training_step.py [--rounds 5] [--threads 2]

For an MLP 784-800-800-10, a small CNN and a tiny student, batch 128, on MNIST-sized images:
- a step: ours with stored logits, soft and hard labels, over a bare step on labels alone, taken in
  turn, one and one (goal: at most 1.05 for the first two);
- a whole training: ours, with checkpoints and all, over a bare loop that computes the very same
  loss, in turn (goal: at most 1.10).
The bare loops hold everything in memory as tensors, normalise in the same way, clip gradients and
use the same fused AdamW. These machines are shared: the ratio of the quickest is what the code
costs, the ratio of the medians also holds what the machine did meanwhile.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from understudy.objectives import HardLabels, SoftLabels
from understudy.store import Column, Index, create, rows_per_shard_for
from understudy.students import Blueprint, build
from understudy.tasks.pixels import ImageNetwork, Pixels
from understudy.tasks.prepared import Facts, Prepared
from understudy.training.knowledge import Stored
from understudy.training.loop import train
from understudy.training.settings import Training
from understudy.training.step import Lesson, Worker

ROWS, VALIDATION, BATCH, EPOCHS, STEPS = 12_800, 256, 128, 3, 300
SHAPE = (28, 28, 1)
TRAINING = Training(epochs=EPOCHS, batch_size=BATCH, warmup=0.0, schedule="constant")
OBJECTIVE = 0.9 * SoftLabels(temperature=4) + 0.1 * HardLabels()


def network(preset: str) -> nn.Module:
    torch.manual_seed(0)
    return ImageNetwork(Pixels([33.0], [79.0]), build(Blueprint("preset", preset, SHAPE, 10)))


def lesson(folder: Path) -> tuple[Lesson, dict[str, torch.Tensor]]:
    """Random images, labels and logits, in stores and in memory."""
    random = np.random.default_rng(0)
    total = ROWS + VALIDATION
    images = random.integers(0, 256, (total, *SHAPE), dtype=np.uint8)
    labels = random.integers(0, 10, total)
    logits = random.normal(size=(total, 10)).astype(np.float32)

    def stored(name: str, column: Column, values: np.ndarray):
        per_shard = rows_per_shard_for((column,), total)
        store = create(folder / name, Index((column,), total, per_shard, {"what": name}))
        for shard in store.missing():
            span = store.span(shard)
            store.write(shard, {column.name: values[span.start : span.stop]})
        return store

    rows = stored("rows", Column("image", "uint8", SHAPE), images)
    said = stored("knowledge", Column("logits", "float32", (10,)), logits)
    splits = {"train": np.arange(ROWS), "validation": np.arange(ROWS, total), "test": np.arange(1)}
    facts = Facts("image-classification", tuple("0123456789"), {}, {"train": total})
    prepared = Prepared("bench", rows, labels, splits, facts)
    made = Lesson(prepared, ("image",), Stored(said, frozenset({"logits"})), OBJECTIVE)
    held = {"image": images, "labels": labels, "logits": logits}
    return made, {name: torch.from_numpy(value) for name, value in held.items()}


class Bare:
    """The loop that everybody writes."""

    def __init__(self, preset: str, held: dict[str, torch.Tensor], *, with_teacher: bool) -> None:
        self.net = network(preset)
        self.held = held
        self.with_teacher = with_teacher
        self.optimizer = torch.optim.AdamW(
            self.net.parameters(), lr=TRAINING.learning_rate, fused=True
        )

    def step(self, batch: torch.Tensor) -> None:
        logits, labels = self.net(self.held["image"][batch]), self.held["labels"][batch]
        loss = functional.cross_entropy(logits, labels)
        if self.with_teacher:
            shown = functional.log_softmax(logits / 4, dim=1)
            said = functional.softmax(self.held["logits"][batch] / 4, dim=1)
            soft = 16 * functional.kl_div(shown, said, reduction="batchmean")
            loss = 0.9 * soft + 0.1 * loss
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), TRAINING.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def train(self) -> None:
        for _ in range(EPOCHS):
            self.net.train()
            for batch in torch.randperm(ROWS).split(BATCH):
                self.step(batch)
            self.net.eval()
            with torch.inference_mode():
                self.net(self.held["image"][ROWS:])


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def steps(preset: str, taught: Lesson, held: dict[str, torch.Tensor]) -> list[tuple[float, float]]:
    """Seconds of our step from stored knowledge, and of a bare one on labels, in turn."""
    ours, bare = Worker.of(network(preset), TRAINING), Bare(preset, held, with_teacher=False)
    ours.network.train()
    random, found = np.random.default_rng(0), []
    for _ in range(STEPS + 10):
        batch = np.sort(random.choice(ROWS, BATCH, replace=False))
        rows = torch.from_numpy(batch)
        mine = seconds(lambda batch=batch: ours.step(taught, batch))
        found.append((mine, seconds(lambda rows=rows: bare.step(rows))))
    return found[10:]


def trainings(
    preset: str, taught: Lesson, held: dict[str, torch.Tensor], rounds: int
) -> list[tuple[float, float]]:
    """Seconds of our whole loop, and of a bare one with the same loss, in turn."""
    net, bare = network(preset), Bare(preset, held, with_teacher=True)

    def ours() -> None:
        with tempfile.TemporaryDirectory() as name:
            train(net, taught, TRAINING, key="bench", path=Path(name) / "checkpoint")

    found = [(seconds(ours), seconds(bare.train)) for _ in range(rounds + 1)]
    return found[1:]


def ratio(pairs: list[tuple[float, float]]) -> str:
    ours, bare = zip(*pairs, strict=True)
    medians = statistics.median(ours) / statistics.median(bare)
    return f"{min(ours) / min(bare):.3f} ({medians:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    print(f"batch {BATCH}, {STEPS} steps and {arguments.rounds} trainings of {EPOCHS} epochs;")
    print("ratios of the quickest (of the medians)\n")
    print("| student | bare step, ms | step from knowledge / labels | training / same loss |")
    print("|---|---|---|---|")
    for preset in ("mlp-800-800", "cnn-small", "mlp-32"):
        # Our loop holds small networks to one thread; the bare ones get the same.
        torch.set_num_threads(1 if preset == "mlp-32" else arguments.threads)
        with tempfile.TemporaryDirectory() as name:
            taught, held = lesson(Path(name))
            stepped = steps(preset, taught, held)
            trained = trainings(preset, taught, held, arguments.rounds)
        quickest = 1000 * min(bare for _, bare in stepped)
        print(f"| {preset} | {quickest:.2f} | {ratio(stepped)} | {ratio(trained)} |", flush=True)


if __name__ == "__main__":
    main()
