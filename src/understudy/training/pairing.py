"""Which places of a student learn from which places of its teacher, where that is `auto`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from understudy.errors import RequestError
from understudy.objectives import HiddenFeatures, Objective
from understudy.teachers.taps import BODY, module_at

PAIRS = 3
"""How many pairs `auto` makes at most."""


def paired(
    objective: Objective, student: nn.Module, teacher: nn.Module, inputs: Mapping[str, Tensor]
) -> Objective:
    """The objective with pairs for 'auto'; `inputs` are a row or two that both can read.

    `auto` spreads up to three pairs evenly over the blocks of both networks, last with last.
    Raises: RequestError where a path leads nowhere, or a network has no place to choose.
    """

    def settle(term: Any) -> Any:
        if not isinstance(term, HiddenFeatures):
            return term
        if term.pairs == "auto":
            mine, theirs = blocks(student, inputs), blocks(teacher, inputs)
            count = min(PAIRS, len(mine), len(theirs))
            spread = zip(_spread(mine, count), _spread(theirs, count), strict=True)
            return replace(term, pairs=dict(spread))
        for pair in term.chosen:
            module_at(student, pair.student, "the student")
            module_at(teacher, pair.teacher, "the teacher")
        return term

    return Objective(tuple(replace(part, term=settle(part.term)) for part in objective.terms))


def blocks(network: nn.Module, inputs: Mapping[str, Tensor]) -> list[str]:
    """The paths of the blocks of a network, in the order in which they are computed.

    A block holds other modules, gives features with places, a map or tokens, and stands in a list
    of such (`Sequential`, `ModuleList`), not inside another block. Where there is none, one that
    stands alone; else a layer with weights that gives such features; else one that gives a vector a
    row, all but the last. Raises: RequestError where there is nothing of the kind.
    """
    given = _computed(network, inputs)
    modules = {path: module_at(network, path) for path in given}
    lists = {name.removeprefix(BODY): each for name, each in network.named_modules()}
    lists[""] = module_at(network, "body") if "body" in lists else network
    outer = [path for path in given if given[path] > 2 and list(modules[path].children())]
    listed = [
        path
        for path in outer
        if isinstance(lists[path.rpartition(".")[0]], nn.Sequential | nn.ModuleList)
    ]
    layers = [path for path, each in modules.items() if list(each.parameters(recurse=False))]
    choices = (
        _outermost(listed),
        _outermost(outer),
        [path for path in layers if given[path] > 2],
        [path for path in layers if given[path] == 2][:-1],
    )
    found = next((paths for paths in choices if paths), None)
    if found is None:
        raise RequestError(
            f"hidden_features: 'auto' finds no hidden features in {type(network).__name__}; "
            "give pairs, as {student.path: teacher.path}"
        )
    return found


def _outermost(paths: list[str]) -> list[str]:
    return [path for path in paths if not any(path.startswith(f"{other}.") for other in paths)]


def _computed(network: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, int]:
    """The dimensions of the features that modules give, by path, in the order in which they end."""
    found: dict[str, int] = {}

    def watch(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, given: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) and output else output
            if isinstance(first, Tensor) and first.ndim in (2, 3, 4):
                found.setdefault(path, first.ndim)

        return hook

    mode = network.training
    with ExitStack() as hooks, torch.no_grad():
        for name, module in network.named_modules():
            path = name.removeprefix(BODY)
            if path not in ("", "body", "pixels"):
                hooks.callback(module.register_forward_hook(watch(path)).remove)
        network.eval()(*inputs.values())
    network.train(mode)
    return found


def _spread(paths: list[str], count: int) -> list[str]:
    """So many of the paths, evenly, with the last among them."""
    return [paths[round((at + 1) * len(paths) / count) - 1] for at in range(count)]
