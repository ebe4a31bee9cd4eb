"""Several classes a row: what models name, how good that is, and the scorecard of it.

A class is named where its probability, the sigmoid of its logit, is a half or more. A row is right
where the whole set is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.errors import RequestError
from understudy.evaluation import calibration
from understudy.evaluation.bootstrap import Resampled, intervals, resampled_means
from understudy.evaluation.comparison import compare_sets
from understudy.evaluation.predictions import LEADING, in_order, write_columns
from understudy.evaluation.predictor import Inputs, Predictor, logits_of
from understudy.evaluation.quality import Margins, macro_f1
from understudy.evaluation.scorecard import Facts, Measured, assembled, costs, standing
from understudy.evaluation.slices import entry, grouped

THRESHOLD = 0.5
"""The probability from which a class is named."""
LEAST = 1e-7
"""The least probability of yes or of no that a divergence reckons with."""

Marks = NDArray[np.bool_]
"""Which classes a row has, [N, C]."""
Probabilities = NDArray[np.float32]
"""Of each class, [N, C]."""


@dataclass(frozen=True)
class SetAnswers:
    """What a model said about N rows of C classes. Shapes: probabilities [N, C] float32."""

    probabilities: Probabilities

    @property
    def named(self) -> Marks:
        """The classes that it names."""
        return np.asarray(self.probabilities >= THRESHOLD)


def ask_sets(
    predictor: Predictor, inputs: Inputs, batch: int = 256, classes: int | None = None
) -> SetAnswers:
    """What a model says about all rows. Raises: RequestError as `predictor.ask` does."""
    return SetAnswers(probabilities_of(logits_of(predictor, inputs, batch, classes)))


def probabilities_of(logits: NDArray[np.floating[Any]]) -> Probabilities:
    """The sigmoid of each logit. Shapes: [N, C] -> [N, C]."""
    from scipy.special import expit

    return np.asarray(expit(logits.astype(np.float64)), dtype=np.float32)


def micro_f1(margins: Margins) -> NDArray[np.float64]:
    """F1 over all decisions at once, 2 right / (named + labelled), in [0, 1].

    Limits: 1 where no class is named and none is labelled.

    Shapes: [..., 3, C] -> [...].
    """
    right, named, labelled = np.moveaxis(margins, -2, 0)
    sizes = (named + labelled).sum(axis=-1)
    return np.asarray(np.where(sizes > 0, 2.0 * right.sum(axis=-1) / np.maximum(sizes, 1e-12), 1.0))


OF_MARGINS: Mapping[str, Callable[[Margins], NDArray[np.float64]]] = {
    "micro_f1": micro_f1,
    "macro_f1": macro_f1,
}


def exact_match(named: Marks, labels: Marks) -> NDArray[np.bool_]:
    """Whether a row's whole set is right (subset accuracy). Shapes: [N, C] twice -> [N]."""
    return np.asarray((named == labels).all(axis=1))


def ranking_precision(scores: NDArray[np.floating[Any]], labels: Marks) -> NDArray[np.float64]:
    """Of each class that a row has, the share of its classes among those ranked as high; the mean.

    1 where they are ahead of all others, and where a row has none or all. It needs no threshold.
    Shapes: scores [N, C], labels [N, C] -> [N].
    Source: Schapire and Singer 2000, BoosTexter, Machine Learning 39; label ranking average
            precision. Equal scores share the worst rank, as in scikit-learn.
    """
    found = np.ones(len(scores))
    for row, (values, mine) in enumerate(zip(scores, labels, strict=True)):
        count = int(mine.sum())
        if count in (0, len(mine)):
            continue
        all_in_order, own = np.sort(values), np.sort(values[mine])
        rank = len(values) - np.searchsorted(all_in_order, own, side="left")
        among_own = count - np.searchsorted(own, own, side="left")
        found[row] = (among_own / rank).mean()
    return found


def binary_kl(teacher: Probabilities, model: Probabilities) -> NDArray[np.float64]:
    """KL(teacher || model) between yes and no of each class, in nats, mean over the classes.

    Shapes: [N, C] twice -> [N]. Zero: when, and only when, all probabilities are equal.
    """
    said, shown = (
        np.clip(table.astype(np.float64), LEAST, 1.0 - LEAST) for table in (teacher, model)
    )
    yes = said * np.log(said / shown)
    no = (1.0 - said) * np.log((1.0 - said) / (1.0 - shown))
    return np.asarray(np.maximum((yes + no).mean(axis=1), 0.0))


@dataclass(frozen=True)
class SetEvidence(Measured):
    """All that was measured on one test set, by model name. There is always a teacher.

    Shapes: labels [N, C] of 0 and 1.
    """

    task: str
    classes: tuple[str, ...]
    labels: NDArray[np.integer[Any]]
    answers: Mapping[str, SetAnswers]
    facts: Mapping[str, Facts]
    metric: str = "micro_f1"
    slices: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        odd = np.flatnonzero(~np.isin(self.labels, (0, 1)).all(axis=1))
        if len(odd):
            raise RequestError(f"test row {odd[0]} has no set of labels; test rows need one")
        for name, said in self.answers.items():
            if said.probabilities.shape != self.labels.shape:
                raise RequestError(
                    f"{name} answered {list(said.probabilities.shape)}, the test has "
                    f"{list(self.labels.shape)}"
                )


def build_sets(evidence: SetEvidence) -> dict[str, Any]:
    """The scorecard without requirements and verdict."""
    truth = evidence.labels > 0
    numbers = _numbered({"": truth} | {name: s.named for name, s in evidence.answers.items()})
    scored = {
        name: standing(
            name, evidence, _figures(evidence.answers[name], evidence), numbers[name], numbers[""]
        )
        for name in in_order(evidence.answers)
    }
    said = evidence.answers["teacher"].probabilities
    comparison = {
        name: {
            "kl": float(binary_kl(said, evidence.answers[name].probabilities).mean()),
            **compare_sets(name, scored),
        }
        for name in scored
        if name != "teacher"
    }
    return assembled(
        evidence,
        rows=len(truth),
        models={
            name: {
                "quality": intervals(model.figures),
                **costs(name, evidence),
                "calibration": calibration.summary(*sure_of_named(evidence.answers[name], truth)),
            }
            for name, model in scored.items()
        },
        comparison=comparison,
        slices=[*_by_column(evidence, truth), *_by_class(evidence, truth)],
    )


def write_sets(
    path: Path,
    rows: NDArray[np.int64],
    labels: NDArray[np.integer[Any]],
    classes: Sequence[str],
    answers: Mapping[str, SetAnswers],
) -> None:
    """Write `predictions.parquet`, whole or not at all: every figure follows from it.

    Columns: row, label (a list of classes), then for each model "NAME" (the classes that it names)
    and "NAME.probabilities" (of all classes in order); for all but the teacher also "NAME.kl".
    """
    names = np.asarray(classes, dtype=object)
    columns: dict[str, Any] = {"row": rows, "label": _listed(labels > 0, names)}
    said = answers["teacher"].probabilities
    for name in in_order(answers):
        columns[name] = _listed(answers[name].named, names)
        columns[f"{name}.probabilities"] = list(answers[name].probabilities)
        if name != "teacher":
            columns[f"{name}.kl"] = binary_kl(said, answers[name].probabilities)
    write_columns(path, columns)


def sure_of_named(answers: SetAnswers, truth: Marks) -> tuple[Any, Any]:
    """(probability, whether it is right) of every class that a model names, row by row."""
    named = answers.named
    return answers.probabilities[named], truth[named]


def _listed(marks: Marks, names: NDArray[np.object_]) -> list[list[str]]:
    return [names[row].tolist() for row in marks]


def _numbered(tables: Mapping[str, Marks]) -> dict[str, NDArray[np.int64]]:
    """A number for each different set, the same in all tables. Shapes: [N, C] -> [N]."""
    packed = np.packbits(np.concatenate(list(tables.values())), axis=1)
    numbers = np.unique(packed, axis=0, return_inverse=True)[1].reshape(-1)
    return dict(zip(tables, np.split(numbers, len(tables)), strict=True))


def _figures(answers: SetAnswers, evidence: SetEvidence) -> dict[str, Resampled]:
    """Every metric of one model, with its draws; models are paired draw by draw."""
    from scipy import sparse

    truth, named = evidence.labels > 0, answers.named
    by_row = {
        "exact_match": exact_match(named, truth).astype(np.float64),
        "ranking_precision": ranking_precision(answers.probabilities, truth),
    }
    marks = [sparse.csr_array(part.astype(np.float32)) for part in (named & truth, named, truth)]
    others = sparse.csr_array(np.column_stack(list(by_row.values())).astype(np.float32))
    table = sparse.hstack([*marks, others], format="csr")
    draws = resampled_means(table, evidence.resamples, evidence.seed)
    margins = draws[:, : -len(by_row)].reshape(len(draws), 3, -1)
    whole = _margins(named, truth)
    found = {metric: Resampled(float(of(whole)), of(margins)) for metric, of in OF_MARGINS.items()}
    for place, (metric, values) in enumerate(by_row.items()):
        column = draws[:, place - len(by_row)]
        found[metric] = Resampled(float(values.mean()), column)
    return found


def _margins(named: Marks, truth: Marks) -> Margins:
    """Right, named and labelled rows of each class, [3, C]."""
    return np.stack([part.sum(axis=0) for part in (named & truth, named, truth)]).astype(float)


def _by_column(evidence: SetEvidence, truth: Marks) -> list[dict[str, Any]]:
    def figure(name: str, rows: NDArray[np.int64]) -> float:
        margins = _margins(evidence.answers[name].named[rows], truth[rows])
        return float(OF_MARGINS.get(evidence.metric, micro_f1)(margins))

    return grouped(evidence.slices, evidence.answers.keys(), figure)


def _by_class(evidence: SetEvidence, truth: Marks) -> Iterator[dict[str, Any]]:
    """F1 of every class, the most frequent first."""
    margins = {name: _margins(said.named, truth) for name, said in evidence.answers.items()}
    rows = truth.sum(axis=0)
    for number in np.argsort(-rows, kind="stable"):
        figures = {
            name: float(micro_f1(margins[name][:, number, None]))
            for name in LEADING
            if name in margins
        }
        yield entry("class", evidence.classes[number], int(rows[number]), figures)
