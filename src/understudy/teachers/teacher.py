"""What a teacher is: something that answers, and that can be told from every other."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.errors import RequestError
from understudy.students.packed import in_bf16, packed
from understudy.tasks.reading import AsStored, Reading


class Teacher(Protocol):
    """Whatever is imitated. Wrap one to change it: an ensemble holds teachers."""

    fingerprint: str
    """SHA-256 of what decides its answers: weights, architecture, preprocessing. Never a path."""
    classes: tuple[str, ...] | None
    """The names of its outputs, in order, where it knows them."""

    def answer(self, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
        """Its answers, by name: what its task wants ("logits" [B, C], "embedding" [B, D]), float32.

        A teacher with an attribute `reading` gets what that makes of the rows, any other the raw
        columns: images as tensors [B, H, W, C], texts as arrays [B] of str.
        """
        ...


def reading_of(teacher: Teacher, raw: tuple[str, ...]) -> Reading:
    """How a teacher reads rows: one that does not say takes the raw columns as they are."""
    reading: Reading = getattr(teacher, "reading", None) or AsStored(raw)
    return reading


def is_repeatable(teacher: Teacher) -> bool:
    """Whether asking again costs nothing and gives the same; a service says that it does not."""
    return bool(getattr(teacher, "repeatable", True))


def is_shareable(teacher: Teacher) -> bool:
    """Whether several threads may ask it at once; one that does not say is asked by one alone."""
    return bool(getattr(teacher, "shareable", False))


def is_packed(teacher: Teacher) -> bool:
    """Whether it computes nothing for padding."""
    return getattr(teacher, "packed", None) is not None


def as_tensors(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays as tensors that share their memory; texts stay arrays of str."""
    return {
        # torch wants arrays in plain order that may be written, and copies none that are.
        name: torch.from_numpy(np.require(values, requirements=("C", "W")))
        if isinstance(values, np.ndarray) and values.dtype != object
        else values
        for name, values in arrays.items()
    }


class NetworkTeacher:
    """A network with its way of reading, held in eval mode and without gradients."""

    def __init__(
        self,
        network: nn.Module,
        classes: tuple[str, ...] | None = None,
        reading: Reading | None = None,
        gives: str = "logits",
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self.classes = classes
        self.reading = reading
        self.gives = gives
        self.packed = packed(network)
        """The network without padding, where it can be asked so."""
        plain = fingerprint(network)
        reads = reading.fingerprint if reading else ""
        # Rows taken as they are add nothing, so that such a network keeps its fingerprint.
        self.fingerprint = digest_of({}, f"{plain} {reads}") if reads else plain

    @property
    def shareable(self) -> bool:
        """Whether several threads may ask it at once: where it is packed, on a processor.

        What then runs is ours and keeps nothing between calls; of other networks, a user's own
        among them, nobody knows what they keep.
        """
        devices = {weight.device.type for weight in self.network.parameters()}
        return self.packed is not None and devices == {"cpu"}

    def answer(self, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
        """Shapes: what its reading gives, [B, ...] -> logits [B, C], or embedding [B, D].

        Texts are packed where its network can, which is faster and gives the same to 1e-6.
        """
        if self.packed is None:
            return self.plainly(inputs)
        with torch.no_grad():
            return {self.gives: self.packed(*inputs.values()).float()}

    def rounded(self) -> NetworkTeacher:
        """A copy that computes in bfloat16 where it is packed; only for one that is shareable."""
        made = copy.copy(self)
        made.network = in_bf16(self.network)
        made.packed = packed(made.network)
        return made

    def plainly(self, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
        """The same, with every row in its place inside the network."""
        self.network.eval()
        # Not inference_mode: a live answer may take part in the student's gradient.
        with torch.no_grad():
            return {self.gives: self.network(*inputs.values()).float()}


class Ensemble:
    """Several teachers as one: the log of the weighted mean of their probabilities.

    Where a row may have `several` classes, the log-odds of the mean for each class by itself.
    Averages probabilities, not logits (Hinton, Vinyals, Dean 2015, section 5, either will do there;
    probabilities do not let one loud member outvote the rest).
    Raises: RequestError where their classes, or the numbers of them, differ.
    """

    def __init__(
        self,
        teachers: tuple[Teacher, ...],
        weights: tuple[float, ...] | None = None,
        several: bool = False,
    ) -> None:
        self.teachers = teachers
        self.several = several
        given = weights or (1.0,) * len(teachers)
        self.weights = tuple(weight / sum(given) for weight in given)
        self.classes = _agreed([teacher.classes for teacher in teachers])
        parts = [
            f"{teacher.fingerprint}*{weight!r}"
            for teacher, weight in zip(teachers, self.weights, strict=True)
        ]
        parts += ["several"] if several else []
        self.fingerprint = hashlib.sha256(" + ".join(parts).encode()).hexdigest()

    def answer(self, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
        """Shapes: raw rows [B, ...] -> logits [B, C]: log-probabilities, or log-odds."""
        heard = [_hear(teacher, inputs) for teacher in self.teachers]
        said = [
            functional.logsigmoid(each) if self.several else torch.log_softmax(each, -1)
            for each in heard
        ]
        if len({logits.shape[-1] for logits in said}) > 1:
            widths = ", ".join(str(logits.shape[-1]) for logits in said)
            raise RequestError(
                f"the teachers of the ensemble answer {widths} classes; they must agree"
            )
        logs = torch.tensor(self.weights).log().to(said[0].device)
        yes = torch.logsumexp(torch.stack(said, -1) + logs, dim=-1)
        if not self.several:
            return {"logits": yes}
        nays = torch.stack([functional.logsigmoid(-each) for each in heard], -1)
        return {"logits": yes - torch.logsumexp(nays + logs, dim=-1)}


def _hear(teacher: Teacher, raw: Mapping[str, Any]) -> Tensor:
    """What one member says of raw rows, each read in its own way."""
    arrays = reading_of(teacher, tuple(raw)).arrays(raw)
    return teacher.answer(as_tensors(arrays))["logits"]


def _agreed(named: list[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    """The classes that all members name, of those that name any."""
    known = list(dict.fromkeys(classes for classes in named if classes))
    if len(known) > 1:
        told = " and ".join(f"[{', '.join(classes)}]" for classes in known[:2])
        raise RequestError(
            f"the teachers of the ensemble answer {told}; they must agree, in the order too"
        )
    return known[0] if known else None


def fingerprint(network: nn.Module) -> str:
    """SHA-256 over the architecture as printed and every weight and buffer."""
    return digest_of(network.state_dict(), repr(network))


def digest_of(tensors: Mapping[str, Tensor], text: str) -> str:
    """SHA-256 over a text and the name, type, shape and bytes of every tensor, by name."""
    digest = hashlib.sha256(text.encode())
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        plain = value.detach().cpu().contiguous().view(-1)
        digest.update(plain.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
