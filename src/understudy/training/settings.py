"""What a recipe says of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from understudy.errors import RequestError


@dataclass(frozen=True)
class Training:
    """How a model is trained; the control is always trained as the student is."""

    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = 0.05
    """Share of the steps over which the learning rate rises from 0."""
    clip: float | None = 1.0
    """Largest length of the gradient; null for no bound."""
    accumulate: int = 1
    """Micro-batches that make one batch; the result does not depend on it."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    patience: int | None = None
    """Stop after this many epochs without a better validation figure; null to go to the end."""
    keep: Literal["best", "last"] = "best"
    """Which weights become the student: those of the best validation epoch, or the last."""
    checkpoint_seconds: float = 30.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate"):
            if getattr(self, name) < 1:
                raise RequestError(
                    f"training.{name} is {getattr(self, name)}; it must be 1 or more"
                )
        for name in ("learning_rate", "clip", "checkpoint_seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise RequestError(f"training.{name} is {value}; it must be above 0")
        if not self.weight_decay >= 0:
            raise RequestError(
                f"training.weight_decay is {self.weight_decay}; it must be 0 or more"
            )
        if not 0 <= self.warmup < 1:
            raise RequestError(f"training.warmup is {self.warmup}; it must lie in [0, 1)")
        if self.batch_size % self.accumulate:
            raise RequestError(
                f"training.accumulate is {self.accumulate}; it must divide batch_size, "
                f"{self.batch_size}"
            )
        if self.patience is not None and self.patience < 1:
            raise RequestError(
                f"training.patience is {self.patience}; it must be 1 or more, or null"
            )
