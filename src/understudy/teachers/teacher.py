"""What a teacher is: something that answers, and that can be told from every other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from understudy.errors import RequestError


class Teacher(Protocol):
    """Whatever is imitated. Wrap one to change it: an ensemble holds teachers."""

    fingerprint: str
    """SHA-256 of what decides its answers: weights, architecture, preprocessing. Never a path."""
    classes: tuple[str, ...] | None
    """The names of its outputs, in order, where it knows them."""

    def answer(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Its answers for stored inputs [B, ...], by name: "logits" [B, C] in float32."""
        ...


class NetworkTeacher:
    """A network that reads stored inputs, held in eval mode and without gradients."""

    def __init__(self, network: nn.Module, classes: tuple[str, ...] | None = None) -> None:
        self.network = network.eval().requires_grad_(False)
        self.classes = classes
        self.fingerprint = fingerprint(network)

    def answer(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Shapes: inputs [B, ...] -> logits [B, C]."""
        self.network.eval()
        # Not inference_mode: a live answer may take part in the student's gradient.
        with torch.no_grad():
            return {"logits": self.network(*inputs.values()).float()}


class Ensemble:
    """Several teachers as one: the log of the weighted mean of their probabilities.

    Averages probabilities, not logits (Hinton, Vinyals, Dean 2015, section 5, either will do there;
    probabilities do not let one loud member outvote the rest).
    Raises: RequestError where their classes, or the numbers of them, differ.
    """

    def __init__(
        self, teachers: tuple[Teacher, ...], weights: tuple[float, ...] | None = None
    ) -> None:
        self.teachers = teachers
        given = weights or (1.0,) * len(teachers)
        self.weights = tuple(weight / sum(given) for weight in given)
        self.classes = _agreed([teacher.classes for teacher in teachers])
        parts = [
            f"{teacher.fingerprint}*{weight!r}"
            for teacher, weight in zip(teachers, self.weights, strict=True)
        ]
        self.fingerprint = hashlib.sha256(" + ".join(parts).encode()).hexdigest()

    def answer(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Shapes: inputs [B, ...] -> logits [B, C], which are log-probabilities here."""
        said = [
            torch.log_softmax(teacher.answer(inputs)["logits"], -1) for teacher in self.teachers
        ]
        if len({logits.shape[-1] for logits in said}) > 1:
            widths = ", ".join(str(logits.shape[-1]) for logits in said)
            raise RequestError(
                f"the teachers of the ensemble answer {widths} classes; they must agree"
            )
        logs = torch.tensor(self.weights).log().to(said[0].device)
        return {"logits": torch.logsumexp(torch.stack(said, -1) + logs, dim=-1)}


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
