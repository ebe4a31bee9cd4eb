"""What soft-label losses compute, ours beside the field's: one table, and a verdict on each.

    python benchmarks/loss_audit.py

Each cell is the length of the gradient over that of T**2 * KL(teacher || student), mean over rows,
on the same random logits: 1 where a loss is what it is called. Then come the worst cosine between
the two gradients, the gradient that is left for a student equal to its teacher (over the usual
one), and what `understudy.objectives.audit` says. Three parts: our objectives that claim KL, and
fail the run if they are not; well-known mistakes, written here; and what neighbours ship, each
with its defaults, where it is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.objectives.audit import CLASSES, TEMPERATURES, Loss, Verdict, audit
from understudy.objectives.audited import audit_all

Make = Callable[[float], Loss]


def soften(logits: Tensor, temperature: float) -> Tensor:
    return functional.softmax(logits / temperature, dim=-1)


def mean_over_classes(temperature: float) -> Loss:
    """nn.KLDivLoss() as it comes: its 'mean' divides by the classes too."""
    criterion = nn.KLDivLoss()
    return lambda student, teacher: (
        criterion(functional.log_softmax(student / temperature, -1), soften(teacher, temperature))
        * temperature**2
    )


def without_square(temperature: float) -> Loss:
    criterion = nn.KLDivLoss(reduction="batchmean")
    return lambda student, teacher: criterion(
        functional.log_softmax(student / temperature, -1), soften(teacher, temperature)
    )


def batch_mean(temperature: float) -> Loss:
    """The documented way: right on [B, C], and the sum over the positions of [B, L, C]."""
    plain = without_square(temperature)
    return lambda student, teacher: plain(student, teacher) * temperature**2


def summed(temperature: float) -> Loss:
    criterion = nn.KLDivLoss(reduction="sum")
    return lambda student, teacher: (
        criterion(functional.log_softmax(student / temperature, -1), soften(teacher, temperature))
        * temperature**2
    )


def swapped(temperature: float) -> Loss:
    right = batch_mean(temperature)
    return lambda student, teacher: right(teacher, student)


def softmax_twice(temperature: float) -> Loss:
    """A model that ends in a softmax, given to a loss that takes logits."""
    right = batch_mean(1.0)
    return lambda student, teacher: (
        right(soften(student, temperature), soften(teacher, temperature)) * temperature**2
    )


def student_softmax_twice(temperature: float) -> Loss:
    right = batch_mean(temperature)
    return lambda student, teacher: right(soften(student, 1.0), teacher)


def no_logarithm(temperature: float) -> Loss:
    """nn.KLDivLoss fed with probabilities on both sides."""
    criterion = nn.KLDivLoss(reduction="batchmean")
    return lambda student, teacher: (
        criterion(soften(student, temperature), soften(teacher, temperature)) * temperature**2
    )


MISTAKES: Mapping[str, Make] = {
    "KLDivLoss() * T**2": mean_over_classes,
    "KLDivLoss(batchmean), no T**2": without_square,
    "KLDivLoss(batchmean) * T**2": batch_mean,
    "KLDivLoss(sum) * T**2": summed,
    "arguments swapped": swapped,
    "softmax twice": softmax_twice,
    "softmax twice, student only": student_softmax_twice,
    "no logarithm": no_logarithm,
}


def text_brewer(temperature: float) -> Loss:
    from textbrewer.losses import kd_ce_loss

    return lambda student, teacher: kd_ce_loss(student, teacher, temperature)


def torchdistill(temperature: float) -> Loss:
    from torchdistill.losses.mid_level import KDLoss

    loss = KDLoss("m", "output", "m", "output", temperature=temperature, alpha=0)
    return lambda student, teacher: loss({"m": {"output": student}}, {"m": {"output": teacher}})


def model_optimizer(temperature: float) -> Loss:
    from modelopt.torch.distill import LogitsDistillationLoss

    return LogitsDistillationLoss(temperature=temperature)


def keras(temperature: float) -> Loss:
    from keras.distillation import LogitsDistillation

    loss = LogitsDistillation(temperature=temperature)
    return lambda student, teacher: loss.compute_loss(teacher, student).mean()


NEIGHBOURS: Mapping[str, Make] = {
    "TextBrewer kd_ce_loss": text_brewer,
    "torchdistill KDLoss, alpha 0": torchdistill,
    "ModelOpt LogitsDistillationLoss": model_optimizer,
    "Keras LogitsDistillation": keras,
}


def judged(makers: Mapping[str, Make]) -> Iterator[Verdict | str]:
    """A verdict on each, or why there is none."""
    for name, make in makers.items():
        try:
            losses = {each: make(each) for each in TEMPERATURES}
        except (ImportError, OSError, AttributeError) as error:
            yield f"{name}: skipped, {type(error).__name__}: {error}"
            continue
        yield audit(losses, name=name)


def row(verdict: Verdict) -> str:
    found = {(cell.classes, cell.temperature): f"{cell.length:.3g}" for cell in verdict.cells}
    lengths = [found.get((c, t), "-") for c in CLASSES for t in TEMPERATURES]
    cosine = min((cell.cosine for cell in verdict.cells), default=float("nan"))
    words = verdict.line.removeprefix(f"{verdict.name}: ")
    cells = [*lengths, f"{cosine:.3f}", f"{verdict.left:.1g}", words.replace("|", r"\|")]
    return f"| {verdict.name} | " + " | ".join(cells) + " |"


def main() -> int:
    torch.set_num_threads(1)
    columns = [f"C {c}, T {t:g}" for c in CLASSES for t in TEMPERATURES]
    print("| loss | " + " | ".join([*columns, "cosine", "left at teacher", "verdict"]) + " |")
    print("|---" * (len(columns) + 4) + "|")
    ours = [verdict for verdict in audit_all() if verdict.claims == "kl"]
    for verdict in ours:
        print(row(verdict))
    for makers in (MISTAKES, NEIGHBOURS):
        for each in judged(makers):
            print(each if isinstance(each, str) else row(each), flush=True)
    wrong = [verdict.line for verdict in ours if not verdict.is_right]
    print("\nours: " + ("; ".join(wrong) if wrong else "1 in every cell"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
