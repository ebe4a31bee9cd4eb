"""The rival that keeps rows instead of weights: five nearest neighbours among compressed pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 5
DIRECTIONS = 50
"""Principal components that are kept of the features."""
DOUBT = 1.0
"""Votes shared by all classes, so that a class without a neighbour keeps a finite logit."""


def train_neighbours(
    features: NDArray[np.float32], labels: NDArray[np.int64], classes: int, seed: int
) -> Mapping[str, NDArray[Any]]:
    """Keep every row along its main directions. Shapes: [N, F], [N] -> arrays."""
    from sklearn.decomposition import PCA

    directions = min(DIRECTIONS, *features.shape)
    model = PCA(directions, svd_solver="randomized", random_state=seed).fit(features)
    return {
        "mean": model.mean_.astype(np.float32),
        "directions": model.components_.T.astype(np.float32),
        "rows": model.transform(features).astype(np.float32),
        "labels": labels.astype(np.int64),
        "classes": np.array([classes]),
    }


def answer_neighbours(
    arrays: Mapping[str, NDArray[Any]], features: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The log of each class's share of the votes. Shapes: features [B, F] -> [B, C].

    Limits: the nearest neighbour's vote counts a little more, which settles ties.
    """
    rows, labels, classes = arrays["rows"], arrays["labels"], int(arrays["classes"][0])
    places = (features - arrays["mean"]) @ arrays["directions"]
    distances = (rows**2).sum(axis=1) - 2.0 * places @ rows.T  # squared, up to a row's own length
    count = min(NEIGHBOURS, len(rows))
    nearest = np.argpartition(distances, count - 1, axis=1)[:, :count]
    by_distance = np.take_along_axis(distances, nearest, axis=1).argsort(axis=1, kind="stable")
    nearest = np.take_along_axis(nearest, by_distance, axis=1)
    votes = np.full((len(features), classes), DOUBT / classes)
    weight = np.ones(count)
    weight[0] += 1e-3
    np.add.at(votes, (np.arange(len(features))[:, None], labels[nearest]), weight)
    return np.asarray(np.log(votes / votes.sum(axis=1, keepdims=True)), dtype=np.float32)
