"""A student that also shows what is inside it, with what is learnt beside it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from understudy.teachers.taps import captured, in_places
from understudy.training.step import Lesson, tensors

PROBED = 2
"""Rows that tell the shapes of hidden features."""


class Learner(nn.Module):
    """A network, read at some module paths, and the adapters that are trained with it.

    Adapters are part of a checkpoint and of no export: what is saved is the network.
    Shapes: inputs [B, ...] -> answers by name: logits [B, C], taps, and what adapters make of them.
    """

    def __init__(
        self,
        network: nn.Module,
        paths: Sequence[str],
        adapters: Sequence[nn.Module],
        gives: str = "logits",
    ) -> None:
        super().__init__()
        self.gives = gives
        self.network = network
        self.paths = tuple(paths)
        self.adapters = nn.ModuleList(adapters)

    def forward(self, *inputs: Tensor) -> dict[str, Tensor]:
        with captured(self.network, self.paths) as found:
            answer = self.network(*inputs)
        shown: dict[str, Tensor] = {self.gives: answer, **in_places(found, inputs)}
        for adapter in self.adapters:
            shown = {**shown, **adapter(shown)}
        return shown


def learner_of(network: nn.Module, lesson: Lesson, seed: int) -> nn.Module:
    """The network itself, or a learner around it where the objective reads what is inside it.

    Adapters begin from the seed alone. Raises: RequestError where features cannot be compared.
    """
    paths = lesson.objective.shows
    if not paths:
        return network
    rows = lesson.rows()[:PROBED]
    inputs = tensors(lesson.prepared.inputs(rows, lesson.inputs), "cpu")
    mode = network.training
    with torch.no_grad():
        shown = Learner(network.eval(), paths, (), lesson.gives)(*inputs.values())
    network.train(mode)
    said = lesson.knowledge.of(rows, inputs)
    mine, theirs = (
        {name: tuple(value.shape) for name, value in side.items()} for side in (shown, said)
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Learner(network, paths, lesson.objective.adapters(mine, theirs), lesson.gives)
