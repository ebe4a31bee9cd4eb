"""What a user asks for. A recipe file and these objects are the same thing.

Every default stands here, once. `None` where a value depends on the data or the task: `settle`
fills it in, and the run's `recipe.yaml` shows what it became.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from understudy.data.settings import Data
from understudy.errors import RequestError
from understudy.recipe.students import FromTeacher, Preset
from understudy.training.settings import Training

Teacher: TypeAlias = "Trained | Given | Ensembled | Any"
"""A folder or id, `package.module:function`, {train: ...}, {ensemble: [...]}; or an object."""


@dataclass(frozen=True)
class Trained:
    """A teacher that the run trains itself, on the labels, and keeps for every later run."""

    train: Any
    """A preset, a model folder or `package.module:function`, as for a student; or a module."""
    dropout: float = 0.0
    """Share of hidden units left out at each step; for presets."""
    frozen: bool = False
    """Whether the encoder stays as it is, and its head alone learns; for encoders of texts."""
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise RequestError(f"teacher.dropout is {self.dropout}; it must lie in [0, 1)")


@dataclass(frozen=True)
class Given:
    """A teacher that exists, with what it needs to know of its inputs and outputs.

    `mean` and `std` are per channel in the unit of the stored pixels (0 to 255 for bytes); where
    they are missing, a Transformers folder brings its own, and any other model gets the data's.
    """

    model: Any
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    size: tuple[int, int] | None = None
    """Height and width that it reads, where they differ from the data's."""
    classes: tuple[str, ...] | None = None
    """The names of its outputs, in order."""

    def __post_init__(self) -> None:
        if (self.mean is None) != (self.std is None):
            raise RequestError("teacher.mean and teacher.std go together; give both or neither")
        if self.mean is not None and self.std is not None and len(self.mean) != len(self.std):
            raise RequestError(
                f"teacher.std has {len(self.std)} numbers and teacher.mean {len(self.mean)}; "
                "give one a channel in both"
            )
        if self.std is not None and not min(self.std, default=0) > 0:
            raise RequestError(f"teacher.std is {list(self.std)}; each must be above 0")


@dataclass(frozen=True)
class Ensembled:
    """A teacher made of several: the mean of their probabilities."""

    ensemble: tuple[Teacher, ...]
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.ensemble) < 2:
            raise RequestError("teacher.ensemble needs at least two teachers")
        if self.weights is not None and len(self.weights) != len(self.ensemble):
            raise RequestError(
                f"teacher.weights has {len(self.weights)} numbers "
                f"for {len(self.ensemble)} teachers; give one each"
            )
        if self.weights is not None and not min(self.weights) > 0:
            raise RequestError(f"teacher.weights is {list(self.weights)}; each must be above 0")


@dataclass(frozen=True)
class Knowledge:
    """How what the teacher says is kept."""

    mode: Literal["auto", "stored", "live"] = "auto"
    codec: Literal["fp32", "fp16", "int8"] = "fp32"
    store: str | None = None
    """A folder or an fsspec URL for the knowledge; the cache of this machine where missing."""
    budget_bytes: int = 50_000_000_000
    """`auto` asks the teacher live where its answers would take more than this."""
    pool: int | None = 4
    """Places a side to which the teacher's hidden maps are averaged; None keeps all of them."""

    def __post_init__(self) -> None:
        if self.pool is not None and self.pool < 1:
            raise RequestError(f"knowledge.pool is {self.pool}; it must be 1 or more, or null")
        if self.budget_bytes < 0:
            raise RequestError(
                f"knowledge.budget_bytes is {self.budget_bytes}; it must be 0 or more"
            )


@dataclass(frozen=True)
class Evaluation:
    """How models are scored and timed."""

    resamples: int = 1000
    """Bootstrap resamples behind each 95% interval."""
    seconds: float = 1.0
    """Time for measuring the speed of each model."""
    threads: int = 1
    price_per_hour: float = 0.10
    """What an hour of this machine costs, in your currency; for cost_per_million."""

    def __post_init__(self) -> None:
        for name in ("resamples", "threads"):
            if getattr(self, name) < 1:
                raise RequestError(
                    f"evaluation.{name} is {getattr(self, name)}; it must be 1 or more"
                )
        if not self.seconds > 0:
            raise RequestError(f"evaluation.seconds is {self.seconds}; it must be above 0")
        if not self.price_per_hour >= 0:
            raise RequestError(
                f"evaluation.price_per_hour is {self.price_per_hour}; it must be 0 or more"
            )


@dataclass(frozen=True)
class Recipe:
    """One whole request: from data and teacher to a shipped student."""

    data: Data
    teacher: Teacher
    student: Preset | FromTeacher | Any
    """A preset, a model folder or config, `package.module:function`, {preset: ...}, or
    {from_teacher: ...}; in Python a module."""
    task: str | None = None
    objective: Any = None
    """A list of weighted terms; in Python `0.9 * SoftLabels(4) + 0.1 * HardLabels()`."""
    training: Training = field(default_factory=Training)
    knowledge: Knowledge = field(default_factory=Knowledge)
    control: bool = True
    rivals: Literal["auto", "none"] | tuple[str, ...] = "auto"
    export: tuple[str, ...] = ("onnx",)
    require: tuple[str, ...] = ()
    evaluation: Evaluation = field(default_factory=Evaluation)
