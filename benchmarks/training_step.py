"""What a step from stored knowledge costs over a bare PyTorch loop, interleaved in one process.

    python benchmarks/training_step.py [--rounds 7] [--threads 2]

Two questions, for an MLP 784-800-800-10 and a small CNN, batch 128, on MNIST-sized images:
- stored knowledge: our whole loop with soft and hard labels, over a bare loop on labels alone
  (goal: at most 1.05);
- our loop: the same, over a bare loop that computes the very same loss (goal: at most 1.10).
The bare loops hold everything in memory as tensors, normalise in the same way, clip gradients and
use the same fused AdamW. Each round times every loop once, in turn; ratios are per round.
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
from understudy.training.step import Lesson

ROWS, VALIDATION, BATCH, EPOCHS = 12_800, 256, 128, 3
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


def bare(net: nn.Module, held: dict[str, torch.Tensor], *, with_teacher: bool) -> None:
    """The loop that everybody writes."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=TRAINING.learning_rate, fused=True)
    for _ in range(EPOCHS):
        epoch(net, held, optimizer, with_teacher)


def epoch(
    net: nn.Module,
    held: dict[str, torch.Tensor],
    optimizer: torch.optim.Optimizer,
    with_teacher: bool,
) -> None:
    net.train()
    for batch in torch.randperm(ROWS).split(BATCH):
        logits, labels = net(held["image"][batch]), held["labels"][batch]
        loss = functional.cross_entropy(logits, labels)
        if with_teacher:
            shown = functional.log_softmax(logits / 4, dim=1)
            said = functional.softmax(held["logits"][batch] / 4, dim=1)
            soft = 16 * functional.kl_div(shown, said, reduction="batchmean")
            loss = 0.9 * soft + 0.1 * loss
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), TRAINING.clip)
        optimizer.step()
        optimizer.zero_grad()
    net.eval()
    with torch.inference_mode():
        net(held["image"][ROWS:])


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def compare(preset: str, rounds: int) -> dict[str, list[float]]:
    """Seconds of each loop, round by round; the first round is not counted."""
    found: dict[str, list[float]] = {"ours": [], "labels": [], "same": []}
    with tempfile.TemporaryDirectory() as name:
        taught, held = lesson(Path(name))
        nets = {loop: network(preset) for loop in found}

        def ours() -> None:
            path = Path(name) / "checkpoint"
            path.unlink(missing_ok=True)
            train(nets["ours"], taught, TRAINING, key="bench", path=path)

        loops = {
            "ours": ours,
            "labels": lambda: bare(nets["labels"], held, with_teacher=False),
            "same": lambda: bare(nets["same"], held, with_teacher=True),
        }
        for _ in range(rounds + 1):
            for loop, run in loops.items():
                found[loop].append(seconds(run))
    return {loop: times[1:] for loop, times in found.items()}


def ratio(above: list[float], below: list[float]) -> str:
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    return f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    steps = EPOCHS * ROWS // BATCH
    print(f"{steps} steps of {BATCH} rows a round, {arguments.threads} threads, medians\n")
    print("| student | bare step, ms | stored knowledge / labels alone | our loop / same loss |")
    print("|---|---|---|---|")
    for preset in ("mlp-800-800", "cnn-small", "mlp-32"):
        times = compare(preset, arguments.rounds)
        step = 1000 * statistics.median(times["labels"]) / steps
        knowledge = ratio(times["ours"], times["labels"])
        print(f"| {preset} | {step:.2f} | {knowledge} | {ratio(times['ours'], times['same'])} |")


if __name__ == "__main__":
    main()
