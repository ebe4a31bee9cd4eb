"""How close an artefact's outputs come to those of the student that it was made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Closeness:
    """What an artefact keeps of its student, over the rows on which both were asked."""

    divergence: float
    """Mean KL(student || artefact) in nats; of embeddings, mean 1 - cosine."""
    agreement: float
    """Share of rows with the same best answer; of embeddings, with the same nearest other row; of
    several classes a row, the share of decisions."""
    lost: float
    """What the changed answers cost on average, in the student's own probabilities (or cosines).

    A change between two answers that the student itself held for equally likely costs nothing:
    few classes make such ties rare, 150 classes and a soft teacher make them common.
    """


SEVERAL = "several logits"
"""What the output of a network is called whose logits are questions of their own."""
MEASURES = {"logits": "kl", "sentence_embedding": "cosine_distance"}
"""What `Closeness.divergence` is called, by the name of the output."""

MOST_DIVERGENCE = {"logits": 0.01, "sentence_embedding": 0.002}
"""The tolerance. Artefacts of an encoder that lost accuracy stood at 0.039 nats and above, those
that lost none at 0.007 and below; embeddings kept their ranking of sentence pairs at 0.001, and
lost a little of it at 0.01."""

MOST_LOST = 0.005
"""The other half of the tolerance: half a point of accuracy, as far as the student can tell."""


def measure_of(output: str) -> str:
    """The name of the divergence that suits an output; what is no embedding is taken for logits."""
    return MEASURES.get(output, MEASURES["logits"])


def closeness(student: Table, artefact: Table, output: str) -> Closeness:
    """Compare two tables of outputs. Shapes: [B, C] logits or [B, D] embeddings, twice.

    Zero:   divergence and lost, where both tables say the same; agreement is 1 then.
    """
    if output == SEVERAL:
        return _of_decisions(student, artefact)
    if output == "sentence_embedding":
        wanted, found = _unit(student), _unit(artefact)
        divergence = 1.0 - (wanted * found).sum(axis=1)
        preferred, answered = _to_others(wanted), _to_others(found)
    else:
        wanted, found = _log_softmax(student), _log_softmax(artefact)
        preferred, answered = np.exp(wanted), found
        divergence = (preferred * (wanted - found)).sum(axis=1)
    best, given = preferred.argmax(axis=1), answered.argmax(axis=1)
    rows = np.arange(len(best))
    cost = preferred[rows, best] - preferred[rows, given]
    return Closeness(
        divergence=max(0.0, float(divergence.mean())),
        agreement=float((best == given).mean()),
        lost=float(cost.mean()),
    )


def _of_decisions(student: Table, artefact: Table) -> Closeness:
    """The same of sigmoids: every class of every row is a decision between yes and no.

    The divergence is the sum over a row's classes, as that of a softmax is over its own.
    """
    from scipy.special import expit, log_expit

    wanted, found = student.astype(np.float64), artefact.astype(np.float64)
    yes, no = expit(wanted), expit(-wanted)
    apart = yes * (log_expit(wanted) - log_expit(found))
    apart += no * (log_expit(-wanted) - log_expit(-found))
    changed = (wanted > 0) != (found > 0)
    return Closeness(
        divergence=max(0.0, float(apart.sum(axis=1).mean())),
        agreement=float(1 - changed.mean()),
        lost=float((np.abs(yes - no) * changed).sum(axis=1).mean()),
    )


def within_tolerance(found: Closeness, output: str) -> bool:
    """Whether an artefact is close enough to ship without a word of warning."""
    most = MOST_DIVERGENCE.get(output, MOST_DIVERGENCE["logits"])
    return found.divergence <= most and found.lost <= MOST_LOST


def _log_softmax(logits: Table) -> Table:
    scores = logits.astype(np.float64)
    scores -= scores.max(axis=1, keepdims=True)
    return np.asarray(scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)))


def _unit(vectors: Table) -> Table:
    wide = vectors.astype(np.float64)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12))


def _to_others(vectors: Table) -> Table:
    """The cosine of every row with every other one; with itself it is below all of them."""
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2.0)
    return np.asarray(cosines)
