"""Answers with known errors, for tests of what is made of answers."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from understudy.evaluation.predictor import Answers, answers_from
from understudy.evaluation.scorecard import Evidence, Facts

CLASSES = ("ant", "bee", "cat")


@pytest.fixture
def answering() -> Callable[..., Answers]:
    """Answers that are right on a given share of rows, and otherwise off by one class."""

    def make(labels: np.ndarray, share: float, seed: int, classes: int = 3) -> Answers:
        generator = np.random.default_rng(seed)
        wrong = generator.random(len(labels)) >= share
        top = (labels + wrong) % classes
        logits = generator.normal(size=(len(labels), classes))
        logits[np.arange(len(labels)), top] = logits.max(axis=1) + generator.random(len(labels)) * 3
        return answers_from(logits.astype(np.float32))

    return make


@pytest.fixture
def evidence(answering: Callable[..., Answers]) -> Callable[..., Evidence]:
    """Evidence of models, each given by how often it is right and its size in bytes."""

    def make(models: Mapping[str, tuple[float, int]], rows: int = 2000, **rest: object) -> Evidence:
        labels = np.random.default_rng(0).integers(0, len(CLASSES), rows)
        return Evidence(
            task="image-classification",
            classes=CLASSES,
            labels=labels,
            answers={
                name: answering(labels, share, seed)
                for seed, (name, (share, _)) in enumerate(models.items())
            },
            facts={name: Facts(size // 4, size) for name, (_, size) in models.items()},
            **{"resamples": 200, **rest},
        )

    return make
