"""The rivals that read texts: a linear support vector machine and a logistic regression on TF-IDF.

What a text holds are its terms: single words and pairs of them, and for the machine also pieces of
2 to 5 characters within a word. An unusual term weighs more, a repeated one only by its logarithm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.data.several import strata
from understudy.errors import RequestError
from understudy.evaluation.linear import fitted, fitted_each

Arrays = Mapping[str, NDArray[Any]]
Texts = NDArray[np.object_]
"""Of str, shape [B]."""

WORD = r"(?u)\b\w+\b"
"""Words of one letter count: on CLINC150 "i" and "a" are worth 0.1 points."""
PARTS = ("words", "characters")
"""What terms are made of; the rows of `weight` follow this order."""

CHARACTERS_CAP = 10_000_000
"""Of all texts that are learnt from: some 30 million terms, which fit into memory."""
MOST_TERMS = 200_000
"""Of words, and of characters; the rarest are left out."""
MOST_WEIGHTS = 40_000_000
"""One for each term and class; with many classes this leaves fewer terms."""

STRENGTH = 30.0
"""C of the logistic regression; on CLINC150 with 10 confidence is 15 points too low, with 30 9."""
STEPS = 30
"""L-BFGS steps; 100 gain 0.15 points there and cost half as much again."""

HELD_EVERY = 5
"""One row in so many of each class is held out to find the scale of the machine's margins."""
SCALES = (0.05, 50.0)
"""Between which it is looked for."""


def train_svm(texts: Texts, labels: NDArray[np.int64], classes: int, seed: int) -> Arrays:
    """One line between each class and all others, as far from both as it can be.

    Its margins become logits by one factor for all classes: the one that makes the labels of
    held-out rows most likely. It is found on a machine trained without them (a fifth of the rows of
    each class), and used for the one trained on all.
    Shapes: texts [N], labels [N], or [N, C] where a row may have several classes -> arrays.
    Source: Joachims 1998, for texts; for the factor see `likeliest_scale`.
    """
    from sklearn.svm import LinearSVC

    def machine() -> Any:
        return LinearSVC(random_state=seed)

    features, terms = _terms(texts, PARTS, classes)
    held = held_out(strata(labels), seed)
    scale = 1.0
    if held.any():
        part = _lines(machine, features[~held], labels[~held], classes)
        scale = likeliest_scale(features[held] @ part["weight"] + part["bias"], labels[held])
    lines = _lines(machine, features, labels, classes)
    known = labels.any(axis=0) if labels.ndim == 2 else np.isin(np.arange(classes), labels)
    lines["weight"] *= np.float32(scale)
    lines["bias"][known] *= np.float32(scale)
    return {**terms, **lines}


def train_logistic(texts: Texts, labels: NDArray[np.int64], classes: int, seed: int) -> Arrays:
    """Multinomial logistic regression on words and pairs of words; its logits are its own.

    Where a row may have several classes, one for each of them.
    Shapes: texts [N], labels [N] or [N, C] -> arrays.
    """
    from sklearn.linear_model import LogisticRegression

    def model() -> Any:
        return LogisticRegression(C=STRENGTH, max_iter=STEPS, random_state=seed)

    features, terms = _terms(texts, PARTS[:1], classes)
    return {**terms, **_lines(model, features, labels, classes)}


def _lines(
    make: Callable[[], Any], features: Any, labels: NDArray[np.int64], classes: int
) -> dict[str, NDArray[np.float32]]:
    """The lines between classes, or around each by itself where a row may have several."""
    if labels.ndim == 2:
        return fitted_each(make, features, labels, classes)
    return fitted(make(), features, labels, classes)


def answering(arrays: Arrays) -> Callable[[Texts], NDArray[np.float32]]:
    """The function that answers from trained arrays. Shapes: texts [B] -> logits [B, C].

    Raises: ValueError where the arrays do not belong together.
    """
    readers, first = [], 0
    for part in PARTS:
        if part in arrays:
            reader = _vectorizer(part, vocabulary=arrays[part])
            reader.idf_ = arrays[f"{part}.idf"]
            last = first + len(arrays[part])
            readers.append((reader, arrays["weight"][first:last]))
            first = last
    if first != len(arrays["weight"]):
        raise ValueError(f"{first} terms, and weights for {len(arrays['weight'])}")

    def answer(texts: Texts) -> NDArray[np.float32]:
        logits = sum(reader.transform(texts) @ weight for reader, weight in readers)
        return np.asarray(logits + arrays["bias"], dtype=np.float32)

    return answer


def rows_within_reach(texts: NDArray[Any]) -> int:
    """How many such texts hold, on average, as many characters as can be learnt from."""
    characters = sum(len(text) for text in texts.tolist())
    return len(texts) if characters <= CHARACTERS_CAP else CHARACTERS_CAP * len(texts) // characters


def held_out(labels: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Which rows to hold out: the second, seventh, twelfth... of each class, in a random order.

    Shapes: labels [N] -> [N].
    Limits: every class keeps its first row, so one of a single row is never held out.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    _, starts, counts = np.unique(labels[order], return_index=True, return_counts=True)
    place = np.arange(len(labels)) - np.repeat(starts, counts)
    held = np.zeros(len(labels), dtype=np.bool_)
    held[order] = place % HELD_EVERY == 1
    return held


def likeliest_scale(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The factor under which the softmax of logits makes their labels most likely: 1/temperature.

    Where a row may have several classes, the sigmoids of its logits.
    Shapes: logits [N, C], labels [N] or [N, C] -> one number within SCALES.
    Limits: the answers stay as they are; where all are right the factor is the largest.
    Source: Guo et al. 2017, arXiv:1706.04599, section 4.2.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_expit, log_softmax

    def surprise(logarithm: float) -> float:
        if labels.ndim == 2:
            sides = np.where(labels > 0, logits, -logits).astype(np.float64)
            return -float(log_expit(np.exp(logarithm) * sides).mean())
        likelihood = log_softmax(np.exp(logarithm) * logits.astype(np.float64), axis=1)
        return -float(np.take_along_axis(likelihood, labels[:, None], axis=1).mean())

    found = minimize_scalar(surprise, bounds=np.log(SCALES), method="bounded")
    return float(np.exp(found.x))


def _terms(texts: Texts, parts: Sequence[str], classes: int) -> tuple[Any, dict[str, NDArray[Any]]]:
    """The TF-IDF of all terms, sparse [N, F] float32, and what reads them again."""
    from scipy import sparse

    most = max(1, min(MOST_TERMS, MOST_WEIGHTS // classes // len(parts)))
    tables, arrays = [], {}
    for part in parts:
        reader = _vectorizer(part, most=most)
        try:
            tables.append(reader.fit_transform(texts))
        except ValueError as error:
            raise RequestError(
                f"rivals: no training text holds any {part} to learn from; use `rivals: none`"
            ) from error
        arrays[part] = reader.get_feature_names_out()
        arrays[f"{part}.idf"] = reader.idf_.astype(np.float32)
    return sparse.hstack(tables, format="csr"), arrays


def _vectorizer(part: str, vocabulary: Any = None, most: int | None = None) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    shape = (
        {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": WORD}
        if part == "words"
        else {"analyzer": "char_wb", "ngram_range": (2, 5)}
    )
    return TfidfVectorizer(
        **shape, sublinear_tf=True, vocabulary=vocabulary, max_features=most, dtype=np.float32
    )
