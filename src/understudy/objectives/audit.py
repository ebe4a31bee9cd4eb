"""Whether a loss is what it is taken for: any callable of two tables of logits, put to the laws.

`audit(loss)` gives a verdict of one line: right, or what is wrong with it. Half of the field's
libraries compute another soft-label loss than they name, by their defaults.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]
"""(logits of the student [B, C], of the teacher [B, C]) -> one number."""
Masked = Callable[[Tensor, Tensor, Tensor], Tensor]
"""The same with a third table [B] of booleans that says which rows count."""
Claim = Literal["kl", "zero", "nothing"]
"""What a loss says of itself: that it is T**2 * KL(teacher || student) as a mean over the rows;
that a student equal to its teacher has none of it; or neither."""

CLASSES = (10, 1000)
TEMPERATURES = (1.0, 4.0, 20.0)
BATCH, LENGTH = 8, 8
ROWS = BATCH * LENGTH


@dataclass(frozen=True)
class Cell:
    """The gradient beside that of T**2 * KL, mean over rows: its length over the other's, and the
    cosine of the angle between them. Both are 1 for a loss that is what it claims."""

    classes: int
    temperature: float
    length: float
    cosine: float


@dataclass(frozen=True)
class Verdict:
    """What was found of one loss."""

    name: str
    claims: Claim
    cells: tuple[Cell, ...] = ()
    """Empty for a loss that does not claim to be KL."""
    left: float = math.nan
    """The worst gradient of a student equal to its teacher, over the usual one."""
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_right(self) -> bool:
        return not self.faults

    @property
    def line(self) -> str:
        """One line: right, or what is wrong."""
        found = f"wrong: {'; '.join(self.faults)}" if self.faults else "right"
        notes = f" ({'; '.join(self.notes)})" if self.notes else ""
        return f"{self.name}: {found}{notes}"


@dataclass(frozen=True)
class Remark:
    """Something that a law found; a note tells, and does not condemn."""

    text: str
    is_fault: bool = True


@dataclass(frozen=True)
class Trial:
    """A loss at its temperature, with the logits that it is tried on."""

    loss: Loss
    temperature: float
    claims: Claim
    masked: Masked | None = None
    student: Tensor = field(default_factory=lambda: logits(CLASSES[0], seed=1))
    teacher: Tensor = field(default_factory=lambda: logits(CLASSES[0], seed=2))

    def value(self, student: Tensor, teacher: Tensor) -> float:
        """The loss as a number."""
        with torch.no_grad():
            return self.loss(student, teacher).item()


Law = Callable[[Trial], Iterator[Remark]]
"""What must hold of a loss: a remark for each way in which it does not."""


def logits(classes: int, *, seed: int) -> Tensor:
    """The same random table [ROWS, classes] each time."""
    return 2 * torch.randn(ROWS, classes, generator=torch.Generator().manual_seed(seed))


def audit(
    loss: Loss | Mapping[float, Loss],
    *,
    name: str = "loss",
    claims: Claim = "kl",
    masked: Masked | None = None,
    laws: Iterable[Law] | None = None,
) -> Verdict:
    """Put a loss to the laws that hold for what it claims to be.

    A loss with a temperature is given as {temperature: loss}, one entry or several; a callable
    alone is taken for one at temperature 1. `masked` is the loss with a mask of rows, if it has
    one. `laws` are all of `LAWS` unless some are named: two tables that are not logits obey fewer.
    Nothing is raised for a loss that fails: the verdict says so.
    """
    losses = loss if isinstance(loss, Mapping) else {1.0: loss}
    trials = [Trial(one, temperature, claims, masked) for temperature, one in losses.items()]
    cells: tuple[Cell, ...] = ()
    left = math.nan
    remarks: list[Remark] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if claims == "kl":
                cells = tuple(
                    measure(one, classes, temperature)
                    for classes in CLASSES
                    for temperature, one in losses.items()
                )
                remarks += scale_and_direction(losses, cells)
            left = max(left_at_teacher(trial) for trial in trials)
            for law in LAWS if laws is None else laws:
                remarks += [remark for trial in trials for remark in law(trial)][:1]
    except Exception as error:  # the callable is anyone's, and may do anything
        remarks.append(Remark(f"it fails on logits [B, C]: {type(error).__name__}: {error}"))
    return Verdict(
        name,
        claims,
        cells,
        left,
        tuple(remark.text for remark in remarks if remark.is_fault),
        tuple(remark.text for remark in remarks if not remark.is_fault),
    )


def reference(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T**2 * KL(teacher || student), mean over rows, by the shortest way, for float64.

    Shapes: student [..., C], teacher [..., C] -> [].
    Zero:   when, and only when, all rows give the same probabilities.
    Source: Hinton, Vinyals, Dean 2015, arXiv:1503.02531, section 2, written without our formulas.
    """
    said = functional.softmax(teacher / temperature, dim=-1)
    shown = functional.log_softmax(student / temperature, dim=-1)
    return temperature**2 * (said * (said.log() - shown)).sum(dim=-1).mean()


def measure(loss: Loss, classes: int, temperature: float) -> Cell:
    """The gradient of a loss beside the reference's, on the same logits."""
    student, teacher = logits(classes, seed=1), logits(classes, seed=2)
    found, wanted = slope(loss, student, teacher), _wanted(student, teacher, temperature)
    length = float(found.norm() / wanted.norm())
    return Cell(classes, temperature, length, float(_cosine(found, wanted)))


def slope(loss: Loss, student: Tensor, teacher: Tensor) -> Tensor:
    """The gradient for the student's logits, in float64."""
    shown = student.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(shown, teacher), shown)
    return gradient.double()


def scale_and_direction(losses: Mapping[float, Loss], cells: tuple[Cell, ...]) -> Iterator[Remark]:
    """Whether the gradient has the length and the direction of T**2 * KL, and else, whose."""
    worst = min(cell.cosine for cell in cells)
    if not worst > 0.999:
        guess = next((words for words, loss in SUSPECTS.items() if _is_like(losses, loss)), "")
        yield Remark(f"its gradient points elsewhere (cosine {worst:.2g}){guess}")
        return
    lengths = [cell.length for cell in cells]
    if all(abs(length - 1) < 2e-3 for length in lengths):
        return
    for words, expected in SCALES.items():
        if all(abs(cell.length / expected(cell) - 1) < 0.01 for cell in cells):
            yield Remark(f"its gradient is {words}")
            return
    least, most = min(lengths), max(lengths)
    if most / least < 1.01:
        yield Remark(f"its gradient is {most:.3g} times as long as it must be")
    else:
        yield Remark(f"its gradient is {least:.2g} to {most:.2g} times as long as it must be")


SCALES: Mapping[str, Callable[[Cell], float]] = {
    "1/C of what it must be: a mean over the classes too (reduction='mean')": (
        lambda cell: 1 / cell.classes
    ),
    "1/T**2 of what it must be: the factor T**2 is missing": lambda cell: cell.temperature**-2,
    "1/(C T**2) of what it must be: a mean over the classes too, and no factor T**2": (
        lambda cell: 1 / (cell.classes * cell.temperature**2)
    ),
    "the sum over the rows, not their mean": lambda cell: ROWS,
}


def _swapped(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    return reference(teacher, student, temperature)


def _twice(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    shown, said = (functional.softmax(each / temperature, dim=-1) for each in (student, teacher))
    return reference(shown, said, 1.0)


def _unlogged(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    shown, said = (functional.softmax(each / temperature, dim=-1) for each in (student, teacher))
    return -(said * shown).sum(dim=-1).mean()


SUSPECTS: Mapping[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    ": it is KL(student || teacher), the arguments are swapped": _swapped,
    ": softmax is applied twice": _twice,
    ": it takes the student's probabilities for their logarithms": _unlogged,
}


def _is_like(
    losses: Mapping[float, Loss], suspect: Callable[[Tensor, Tensor, float], Tensor]
) -> bool:
    student, teacher = logits(CLASSES[0], seed=1), logits(CLASSES[0], seed=2)

    def same(loss: Loss, temperature: float) -> bool:
        wide = slope(lambda s, t: suspect(s, t, temperature), student.double(), teacher.double())
        return bool(_cosine(slope(loss, student, teacher), wide) > 0.999)

    return all(same(loss, temperature) for temperature, loss in losses.items())


def left_at_teacher(trial: Trial) -> float:
    """The gradient of a student equal to its teacher, over that of an untrained one under KL."""
    usual = _wanted(trial.student, trial.teacher, trial.temperature).norm()
    return float(slope(trial.loss, trial.teacher, trial.teacher).norm() / usual)


def at_the_teacher(trial: Trial) -> Iterator[Remark]:
    """A student equal to its teacher has no gradient, and a loss of 0."""
    if trial.claims == "nothing":
        return
    left = left_at_teacher(trial)
    value = trial.value(trial.teacher, trial.teacher)
    if not left < 1e-3:
        yield Remark(f"a student equal to its teacher gets a gradient, {left:.2g} of the usual")
    elif not abs(value) < 1e-4:
        text = f"{value:.3g}, not 0, for a student equal to its teacher"
        entropy = f"it is {text}: the teacher's entropy is left in, and the gradient is right"
        yield Remark(entropy, is_fault=False) if trial.claims == "kl" else Remark(f"it is {text}")


def shift(trial: Trial) -> Iterator[Remark]:
    """A constant added to a row of logits changes nothing."""
    plain = trial.value(trial.student, trial.teacher)
    moved = trial.value(trial.student + 5, trial.teacher - 3)
    if not _same(plain, moved):
        yield Remark(f"a constant added to the logits moves it from {plain:.3g} to {moved:.3g}")


def order_of_classes(trial: Trial) -> Iterator[Remark]:
    """Renaming the classes of both sides changes nothing."""
    plain = trial.value(trial.student, trial.teacher)
    other = trial.value(trial.student.flip(-1), trial.teacher.flip(-1))
    if not _same(plain, other):
        yield Remark(f"classes in another order move it from {plain:.3g} to {other:.3g}")


def twice_the_batch(trial: Trial) -> Iterator[Remark]:
    """Every row given twice changes nothing."""
    plain = trial.value(trial.student, trial.teacher)
    both = trial.value(trial.student.repeat(2, 1), trial.teacher.repeat(2, 1))
    if not _same(plain, both):
        yield Remark(f"every row given twice makes it {both / plain:.3g} times as large")


def positions(trial: Trial) -> Iterator[Remark]:
    """[B, L, C] gives what its B * L rows give."""
    flat = trial.value(trial.student, trial.teacher)
    shape = (BATCH, LENGTH, CLASSES[0])
    try:
        deep = trial.value(trial.student.reshape(shape), trial.teacher.reshape(shape))
    except Exception:
        yield Remark("it refuses [B, L, C]: flatten first", is_fault=False)
        return
    if not _same(flat, deep):
        times = f"{deep / flat:.3g} times what it is on the same rows, flattened"
        yield Remark(f"on [B, L, C] (L = {LENGTH}) it is {times}")


def padding(trial: Trial) -> Iterator[Remark]:
    """Rows that are masked out change nothing, whatever stands in them."""
    if trial.masked is None:
        return
    mask = torch.arange(ROWS) % 3 > 0
    student = torch.where(mask.unsqueeze(-1), trial.student, 50 * trial.student)
    with torch.no_grad():
        found = trial.masked(student, trial.teacher, mask).item()
    wanted = trial.value(trial.student[mask], trial.teacher[mask])
    if not _same(found, wanted):
        yield Remark(f"rows that are masked out move it from {wanted:.3g} to {found:.3g}")


def half_precision(trial: Trial) -> Iterator[Remark]:
    """Logits in half precision give what the same numbers give in float32."""
    for dtype in (torch.bfloat16, torch.float16):
        name = str(dtype).removeprefix("torch.")
        student, teacher = trial.student.to(dtype), trial.teacher.to(dtype)
        wanted = trial.value(student.float(), teacher.float())
        try:
            found = trial.value(student, teacher)
        except Exception:
            yield Remark(f"it refuses {name}", is_fault=False)
            continue
        error = abs(found - wanted) / max(abs(wanted), 1e-6)
        if not math.isfinite(found):
            yield Remark(f"on {name} logits it is {found}")
        elif error > 0.02:
            text = f"on {name} logits, without autocast, it is off by {error:.0%}"
            yield Remark(text, is_fault=False)


LAWS: tuple[Law, ...] = (
    at_the_teacher,
    shift,
    order_of_classes,
    twice_the_batch,
    positions,
    padding,
    half_precision,
)


def _wanted(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    wide = student.double(), teacher.double()
    return slope(lambda s, t: reference(s, t, temperature), *wide)


def _cosine(first: Tensor, second: Tensor) -> Tensor:
    return functional.cosine_similarity(first.flatten(), second.flatten(), dim=0)


def _same(first: float, second: float) -> bool:
    return abs(first - second) <= 1e-3 * max(abs(first), abs(second)) + 1e-6
