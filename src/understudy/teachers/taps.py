"""Hidden features of any network, read at module paths."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from understudy.errors import RequestError
from understudy.objectives.adapters import tap
from understudy.objectives.places import at_size
from understudy.teachers.teacher import NetworkTeacher

BODY = "body."
"""What stands before a path inside our networks, whose preprocessing is around the body."""


@contextmanager
def captured(network: nn.Module, paths: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """The features at module paths, as `tap/PATH`, once the network has been called.

    The hooks are gone afterwards. Of a module that is called more than once, the last call counts.
    Shapes: [B, D], [B, T, D] or [B, C, H, W]; of several outputs the first.
    Raises: RequestError for a path that leads nowhere.
    """
    found: dict[str, Tensor] = {}

    def keep(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, given: Any, output: Any) -> None:
            # A copy, for a ReLU in place that follows would change it.
            found[tap(path)] = features_of(output, path).clone()

        return hook

    with ExitStack() as hooks:
        for path in paths:
            handle = module_at(network, path).register_forward_hook(keep(path))
            hooks.callback(handle.remove)
        yield found


def module_at(network: nn.Module, path: str, whose: str = "the network") -> nn.Module:
    """The module at a path, which may leave out the `body.` that is around ours.

    Raises: RequestError with the nearest paths.
    """
    modules: dict[str, nn.Module] = dict(network.named_modules())
    found = modules.get(f"{BODY}{path}", modules.get(path)) if path else None
    if found is None:
        known = [name.removeprefix(BODY) for name in modules if name]
        near = difflib.get_close_matches(path, known, n=3, cutoff=0.3) or known[:3]
        told = ", ".join(f"'{name}'" for name in near)
        raise RequestError(f"hidden_features: {whose} has no module '{path}'; nearest are: {told}")
    return found


def features_of(output: Any, path: str) -> Tensor:
    """The features that a module gave. Raises: RequestError where it gave none."""
    first = output if isinstance(output, Tensor) else next(iter(_listed(output)), None)
    if not isinstance(first, Tensor) or first.ndim not in (2, 3, 4):
        shape = tuple(first.shape) if isinstance(first, Tensor) else type(output).__name__
        raise RequestError(
            f"hidden_features: '{path}' gives {shape}; name a module that gives a tensor [B, D], "
            "[B, T, D] or [B, C, H, W]"
        )
    return first


def _listed(output: Any) -> Any:
    """The parts of an output: a tuple, or the mapping that Transformers answer."""
    return output.values() if isinstance(output, dict) else output if output else ()


def in_places(features: Mapping[str, Tensor], inputs: Sequence[Any]) -> dict[str, Tensor]:
    """Features of tokens as their mean over each text; all others as they are.

    Shapes: [B, T, D] beside inputs (ids [B, T], mask [B, T]) -> [B, D].
    """
    mask = inputs[1] if len(inputs) == 2 else None
    return {
        name: value
        if mask is None or value.shape[:-1] != mask.shape
        else (value * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        for name, value in features.items()
    }


class Tapped:
    """A teacher network that also gives its features at some module paths.

    Maps are averaged down to `pool` places a side, which bounds what is stored; None keeps them.
    Raises: RequestError for a path that leads nowhere.
    """

    def __init__(
        self, teacher: NetworkTeacher, paths: Sequence[str], pool: int | None = None
    ) -> None:
        for path in paths:
            module_at(teacher.network, path, "the teacher")
        self.teacher = teacher
        self.paths = tuple(paths)
        self.pool = pool
        self.classes = teacher.classes
        self.reading = teacher.reading
        self.fingerprint = teacher.fingerprint

    def answer(self, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
        """Shapes: inputs [B, ...] -> its answer, and features by the name of their tap.

        Those of tokens are averaged over a text, for texts differ in length: [B, T, D] -> [B, D].
        """
        with captured(self.teacher.network, self.paths) as found:
            said = self.teacher.plainly(inputs)
        features = in_places(found, tuple(inputs.values()))
        return said | {name: self._pooled(value) for name, value in features.items()}

    def _pooled(self, features: Tensor) -> Tensor:
        if self.pool is None or features.ndim != 4:
            return features.float()
        height, width = features.shape[2:]
        return at_size(features, (min(self.pool, height), min(self.pool, width)))
