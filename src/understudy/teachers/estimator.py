"""scikit-learn estimators as teachers: a text pipeline, or any classifier that is fitted."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from understudy.data.texts import SEPARATOR
from understudy.errors import RequestError
from understudy.teachers.fitted import fitted_digest
from understudy.teachers.odds import FLOOR, log_odds, logarithms

PARTS = (
    "scipy.sparse._csr.csr_matrix",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.utils._bunch.Bunch",
)
"""Parts of estimators that hold numbers alone, and that skops does not trust by itself. Trees are
not among them: their indices are followed without a check, wherever a file makes them point."""


class Estimator:
    """A fitted classifier with `predict_proba`, or else `decision_function`.

    Probabilities become logits as their logarithm, clipped at FLOOR. Decision values are distances
    to a plane and no log-odds; they become logits times `scale`, `usual_scale` unless given.
    Where it gives `several` labels a row, each class is a question of its own: probabilities become
    log-odds, and the numbers of its classes name none.
    Raises: RequestError where it is not fitted, or is no classifier.
    """

    def __init__(self, estimator: Any, scale: float | None = None, several: bool = False) -> None:
        self.estimator = estimator
        name = type(estimator).__name__
        named = getattr(estimator, "classes_", None)
        if named is None or (np.ndim(named) != 1 and not several):
            raise RequestError(
                f"the teacher {name} is not fitted, or gives several labels a row; give a fitted "
                "classifier with one label a row"
            )
        self.classes: tuple[str, ...] | None = None
        if not several:
            self.classes = tuple(str(label) for label in named)
        classes = 2 if several else len(named)
        factor = usual_scale(classes) if scale is None else scale
        self._width = len(named)
        self._say = _voice(estimator, factor, several)
        text = f"{fitted_digest(estimator)} {FLOOR} {factor}{' several' if several else ''}"
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()

    def answer(self, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
        """Shapes: "text" [B] of str, or one column of numbers [B, ...], flat -> logits [B, C].

        Raises: RequestError where it cannot read the rows, or answers no table of its classes.
        """
        try:
            logits = np.asarray(self._say(_rows(inputs)), dtype=np.float32)
        except (ValueError, TypeError, AttributeError) as error:
            raise RequestError(
                f"the teacher {type(self.estimator).__name__} cannot read these rows: "
                f"{str(error).splitlines()[0]}"
            ) from error
        wanted = (len(next(iter(inputs.values()))), self._width)
        if logits.shape != wanted:
            raise RequestError(
                f"the teacher {type(self.estimator).__name__} answers {list(logits.shape)} where "
                f"{wanted[0]} rows of {wanted[1]} classes are {list(wanted)}; give one that "
                "decides one class against the rest"
            )
        return {"logits": torch.from_numpy(logits)}


def usual_scale(classes: int) -> float:
    """What turns the decision values of a linear SVM or ridge classifier into logits: 1 + 1.4 ln C.

    Fitted by us to the least log-loss on rows held out, of linear SVMs, ridge and hinge classifiers
    over TF-IDF: 1.5 to 2 for SST-2 (2 classes), 2 to 3 for AG News (4), 6 to 8 for CLINC150 (150).
    """
    return 1 + 1.4 * math.log(classes)


def read_estimator(path: Path, scale: float | None = None, several: bool = False) -> Estimator:
    """The estimator in a `.skops` file, which is opened only if it holds nothing that runs code.

    Raises: RequestError where skops is missing, the file is none, or holds a type that is neither
        trusted by skops nor one of PARTS.
    """
    try:
        import skops.io
    except ImportError as error:
        raise RequestError(f"teacher: '{path}' needs skops: pip install skops") from error
    try:
        untrusted = sorted(skops.io.get_untrusted_types(file=path))
        foreign = [name for name in untrusted if name not in PARTS]
        fitted = None if foreign else skops.io.load(path, trusted=untrusted)
    except Exception as error:  # a crafted or damaged archive may fail in any way
        raise RequestError(
            f"teacher: '{path}' cannot be read as a skops file ({type(error).__name__}: "
            f"{str(error).splitlines()[0] if str(error) else 'no more is known'})"
        ) from error
    if foreign:
        raise RequestError(
            f"teacher: '{path}' holds {', '.join(foreign)}, which is not known to be safe to load; "
            "if you trust the file, load it yourself and give the estimator in Python, or export "
            "it to ONNX"
        )
    return Estimator(fitted, scale, several)


def _voice(estimator: Any, scale: float, several: bool) -> Callable[[Any], Any]:
    """From rows to logits, by what the estimator offers."""
    probabilities = getattr(estimator, "predict_proba", None)
    if probabilities is not None and several:
        return lambda rows: log_odds(_table(probabilities(rows)))
    if probabilities is not None:
        return lambda rows: _logarithms(np.asarray(probabilities(rows)))
    decide = getattr(estimator, "decision_function", None)
    if decide is None:
        raise RequestError(
            f"the teacher {type(estimator).__name__} has neither predict_proba nor "
            "decision_function; a teacher must say how sure it is, so wrap it in "
            "CalibratedClassifierCV or choose another"
        )
    if several:
        return lambda rows: scale * np.asarray(decide(rows))
    return lambda rows: scale * _both_sides(np.asarray(decide(rows)))


def _table(given: Any) -> np.ndarray[Any, Any]:
    """Probabilities [B, C]; some estimators give [B, 2] for each class, of no and of yes."""
    if isinstance(given, list):
        return np.stack([np.asarray(each)[:, -1] for each in given], axis=1)
    return np.asarray(given)


def _logarithms(probabilities: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if not np.allclose(probabilities.sum(axis=-1), 1, atol=1e-3):
        raise RequestError(
            "the teacher's probabilities of a row do not sum to 1, so it gives several labels a "
            "row; give a classifier with one label a row"
        )
    return logarithms(probabilities)


def _both_sides(decisions: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Two classes have one plane between them: [B] -> [B, 2]."""
    return np.stack([-decisions, decisions], axis=1) if decisions.ndim == 1 else decisions


def _rows(inputs: Mapping[str, Any]) -> Any:
    """What an estimator reads: a list of str, the parts of a text parted by a space; or a table."""
    if "text" in inputs:
        return [str(text).replace(SEPARATOR, " ") for text in inputs["text"]]
    if len(inputs) != 1:
        raise RequestError(
            f"an estimator reads one column, and these rows have {', '.join(inputs)}"
        )
    values = np.asarray(next(iter(inputs.values())))
    return values.reshape(len(values), -1)
