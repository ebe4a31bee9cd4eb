"""Learning from what is inside a teacher: features at module paths, compared in one of many ways.

- hidden_features: {pairs: {layer.3: layer.11}, method: attention_transfer, weight: 1000}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from understudy.errors import RequestError, did_you_mean
from understudy.objectives import activations, relations
from understudy.objectives.adapters import Pair, Projections, Variational
from understudy.objectives.knobs import refusal
from understudy.objectives.places import at_size, common_size, width
from understudy.objectives.term import Answers, Composable, Shapes

Name = Literal[
    "hint",
    "attention_transfer",
    "neuron_selectivity",
    "cosine",
    "variational_information",
    "similarity_preserving",
    "distance_relations",
    "angle_relations",
    "probabilistic_transfer",
    "correlation_congruence",
    "linear_cka",
    "contrast_in_batch",
]


@dataclass(frozen=True)
class Method:
    """A way to compare features, and what it asks of them."""

    formula: Callable[..., Tensor]
    weight: float
    """The authors' own, beside 1 of the labels."""
    joint: bool = False
    zero_at_teacher: bool = True
    compares: Literal["features", "places", "width", "rows"] = "features"
    """What both sides must have in common beside their rows: places and width, one, or none."""
    learns: type[Projections] | None = None
    """What is learnt beside the student, where anything is."""


METHODS: Mapping[str, Method] = {
    "hint": Method(activations.hint_error, 100, learns=Projections),
    "attention_transfer": Method(activations.attention_transfer, 1000, compares="places"),
    "neuron_selectivity": Method(activations.neuron_selectivity, 50, compares="places"),
    "cosine": Method(activations.cosine_distance, 1, learns=Projections),
    "variational_information": Method(
        activations.variational_information, 1, zero_at_teacher=False, learns=Variational
    ),
    "similarity_preserving": Method(
        relations.similarity_preserving, 3000, joint=True, compares="rows"
    ),
    "distance_relations": Method(relations.distance_relations, 25, joint=True, compares="rows"),
    "angle_relations": Method(relations.angle_relations, 50, joint=True, compares="rows"),
    "probabilistic_transfer": Method(
        relations.probabilistic_transfer, 30000, joint=True, compares="rows"
    ),
    "correlation_congruence": Method(
        relations.correlation_congruence, 0.02, joint=True, compares="rows"
    ),
    "linear_cka": Method(relations.linear_cka, 1, joint=True, compares="rows"),
    "contrast_in_batch": Method(
        relations.contrast_in_batch,
        0.8,
        joint=True,
        zero_at_teacher=False,
        compares="width",
        learns=Projections,
    ),
}


@dataclass(frozen=True)
class HiddenFeatures(Composable):
    """Match the teacher's features at some places of the network, by one of the methods below.

    `pairs` maps module paths of the student to those of the teacher, such as {stages.2: stages.4};
    `auto` spreads pairs evenly over both. What the pairs cost is added up. Where heights and widths
    differ, the larger map is averaged down; where a method compares feature with feature, a linear
    map from the student's to the teacher's is learnt beside the student and dropped after training.
    Source: Romero et al. 2015 (FitNets), arXiv:1412.6550, and those of the methods.
    """

    pairs: Mapping[str, str] | Literal["auto"] = "auto"
    method: Name = "hint"

    needs_labels: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise refusal(self, "method", did_you_mean(self.method, METHODS))
        if not self.pairs:
            raise refusal(self, "pairs", "name at least one, or say 'auto'")

    @property
    def chosen(self) -> tuple[Pair, ...]:
        """The pairs, once they are chosen. Raises: RequestError while they are 'auto'."""
        if self.pairs == "auto":
            raise RequestError(
                "hidden_features still holds 'auto'; give pairs, or let `distill` choose them"
            )
        return tuple(Pair(student, teacher) for student, teacher in self.pairs.items())

    @property
    def reads(self) -> tuple[str, ...]:
        """The teacher's taps; just "taps" while the pairs are 'auto'."""
        if self.pairs == "auto":
            return ("taps",)
        return tuple(dict.fromkeys(pair.said for pair in self.chosen))

    @property
    def shows(self) -> tuple[str, ...]:
        """The module paths at which it reads the student."""
        return () if self.pairs == "auto" else tuple(pair.student for pair in self.chosen)

    @property
    def joint(self) -> bool:  # type: ignore[override]
        """Whether the method is over pairs of rows."""
        return METHODS[self.method].joint

    @property
    def zero_at_teacher(self) -> bool:  # type: ignore[override]
        """Whether the method rests at the teacher, where no map is learnt between the two."""
        return METHODS[self.method].zero_at_teacher

    def adapter(self, shown: Shapes, said: Shapes) -> nn.Module | None:
        """What is to be learnt beside the student, if anything: a module from answers to answers.

        Raises: RequestError where features of these shapes cannot be compared by the method.
        """
        method = METHODS[self.method]
        pairs = {pair: (shown[pair.shown], said[pair.said]) for pair in self.chosen}
        for pair, shapes in pairs.items():
            self._refuse_misfits(pair, *shapes)
        if self.method == "cosine" and all(width(a) == width(b) for a, b in pairs.values()):
            return None
        return method.learns(pairs) if method.learns else None

    def mirrored(self, said: Answers) -> Answers:
        """The taps of a student that equals its teacher."""
        return {**said, **{pair.shown: said[pair.said] for pair in self.chosen}}

    def per_row(self, shown: Answers, said: Answers, labels: Tensor) -> Tensor:
        """The sum over the pairs; of what an adapter made of a tap, where it made anything.

        Shapes: taps [B, D], [B, T, D] or [B, C, H, W] of both sides, labels [B] (not read) -> [B].
        """
        found = [self._of(pair, shown, said) for pair in self.chosen]
        return torch.stack(found).sum(dim=0)

    def _of(self, pair: Pair, shown: Answers, said: Answers) -> Tensor:
        method = METHODS[self.method]
        projected, variance = pair.learnt("projected"), pair.learnt("variance")
        student, teacher = shown[projected if projected in shown else pair.shown], said[pair.said]
        if method.compares != "rows":
            size = common_size(tuple(student.shape), tuple(teacher.shape))
            student, teacher = at_size(student, size), at_size(teacher, size)
        extra = (shown[variance],) if variance in shown else ()
        return method.formula(student, teacher, *extra)

    def _refuse_misfits(
        self, pair: Pair, student: tuple[int, ...], teacher: tuple[int, ...]
    ) -> None:
        compares = METHODS[self.method].compares
        shapes = (student, teacher)
        told = " and ".join(" x ".join(map(str, shape[1:])) for shape in shapes)
        where = f"hidden_features: {self.method} of {pair.student} and {pair.teacher}, {told} a row"
        if any(len(shape) not in (2, 3, 4) for shape in shapes):
            raise RequestError(f"{where}: features must be D, T x D or C x H x W a row")
        if compares == "places" and 2 in map(len, shapes):
            raise RequestError(f"{where}: it compares places, which a vector a row does not have")
        if compares in ("width", "rows"):
            return
        if {*map(len, shapes)} == {3, 4}:
            raise RequestError(f"{where}: tokens and maps have no places in common")
        if len(student) == len(teacher) == 3 and student[1] != teacher[1]:
            raise RequestError(f"{where}: both must have as many tokens")
