"""What no training can be is refused when it is written down."""

from __future__ import annotations

import pytest

from understudy.errors import RequestError
from understudy.training.settings import Training


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"epochs": 0}, "training.epochs is 0; it must be 1 or more"),
        ({"batch_size": -1}, "training.batch_size is -1; it must be 1 or more"),
        ({"accumulate": 0}, "training.accumulate is 0; it must be 1 or more"),
        ({"learning_rate": 0.0}, "training.learning_rate is 0.0; it must be above 0"),
        ({"learning_rate": float("nan")}, "training.learning_rate is nan; it must be above 0"),
        ({"clip": -1.0}, "training.clip is -1.0; it must be above 0"),
        ({"checkpoint_seconds": 0}, "training.checkpoint_seconds is 0; it must be above 0"),
        ({"weight_decay": -0.1}, "training.weight_decay is -0.1; it must be 0 or more"),
        ({"weight_decay": float("nan")}, "training.weight_decay is nan; it must be 0 or more"),
        ({"warmup": 1.0}, "training.warmup is 1.0; it must lie in [0, 1)"),
        ({"accumulate": 3}, "training.accumulate is 3; it must divide batch_size, 128"),
        ({"patience": 0}, "training.patience is 0; it must be 1 or more, or null"),
    ],
)
def test_what_no_training_can_be_is_told(given: dict[str, float], told: str):
    with pytest.raises(RequestError) as caught:
        Training(**given)
    assert str(caught.value) == told


def test_no_clip_and_no_patience_are_allowed():
    assert Training(clip=None, patience=None, warmup=0.0, weight_decay=0.0).clip is None
