"""The rival that draws straight lines: logistic regression on standardised pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

PENALTY = 0.01
"""Weight of the squared coefficients beside the mean log-loss of a row."""
STEPS = 30
"""L-BFGS steps; on 10,000 MNIST digits 100 steps gain 0.1 points and cost three times as much."""
UNSEEN_LOGIT = -30.0
"""For classes that the training rows lack."""


def train_linear(
    features: NDArray[np.float32], labels: NDArray[np.int64], classes: int, seed: int
) -> Mapping[str, NDArray[Any]]:
    """Multinomial logistic regression on standardised features. Shapes: [N, F], [N] -> arrays."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale == 0] = 1.0
    model = LogisticRegression(C=1.0 / (PENALTY * len(labels)), max_iter=STEPS, random_state=seed)
    lines = fitted(model, (features - mean) / scale, labels, classes)
    return {"mean": mean, "scale": scale, **lines}


def fitted(
    model: Any, features: Any, labels: NDArray[np.int64], classes: int
) -> dict[str, NDArray[np.float32]]:
    """The lines of a linear classifier of scikit-learn, with every class at its number.

    Shapes: features [N, F], dense or sparse, labels [N] -> weight [F, C] and bias [C].
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopped early on purpose
        model.fit(features, labels)
    binary = len(model.classes_) == 2  # scikit-learn then keeps the second class's logit alone
    known = model.classes_[1:] if binary else model.classes_
    weight = np.zeros((features.shape[1], classes), dtype=np.float32)
    bias = np.full(classes, UNSEEN_LOGIT, dtype=np.float32)
    bias[model.classes_] = 0.0
    weight[:, known], bias[known] = model.coef_.T, model.intercept_
    return {"weight": weight, "bias": bias}


def fitted_each(
    make: Callable[[], Any], features: Any, marks: NDArray[np.integer[Any]], classes: int
) -> dict[str, NDArray[np.float32]]:
    """A line for each class by itself, where a row may have several.

    Shapes: features [N, F], dense or sparse, marks [N, C] of 0 and 1 -> weight [F, C], bias [C].
    Limits: a class that no row has, or every row, gets a constant.
    """
    weight = np.zeros((features.shape[1], classes), dtype=np.float32)
    bias = np.where(marks.any(axis=0), -UNSEEN_LOGIT, UNSEEN_LOGIT).astype(np.float32)
    for number in np.flatnonzero(marks.any(axis=0) & ~marks.all(axis=0)):
        line = fitted(make(), features, marks[:, number].astype(np.int64), 2)
        weight[:, number], bias[number] = line["weight"][:, 1], line["bias"][1]
    return {"weight": weight, "bias": bias}


def answer_linear(
    arrays: Mapping[str, NDArray[Any]], features: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Shapes: features [B, F] -> logits [B, C]."""
    standard = (features - arrays["mean"]) / arrays["scale"]
    return np.asarray(standard @ arrays["weight"] + arrays["bias"], dtype=np.float32)
