"""The scorecard of models that give vectors, not classes: `scorecard.py`'s counterpart.

Vectors are scored by what they find (nDCG, MRR, recall) or by how alike they call two texts
(Spearman), and held against the teacher's: are the same texts near, and could the student's
queries search an index that the teacher made?
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.errors import RequestError
from understudy.evaluation import predictions, retrieval
from understudy.evaluation.bootstrap import Resampled, intervals, resampled_means
from understudy.evaluation.comparison import beside, paired_bootstrap
from understudy.evaluation.gold import Pairs, Search
from understudy.evaluation.predictions import in_order
from understudy.evaluation.retrieval import Floats, Judgements, Numbers, Ranking, Vectors
from understudy.evaluation.scorecard import Facts, Measured, assembled, costs

NEAR = 10
"""Neighbours that are compared."""
DEEP = 100
"""Documents that a query is answered with, at most."""
DRAWS_AT_ONCE = 50

FIGURES: Mapping[str, tuple[Callable[[Ranking, Judgements, int], Floats], int]] = {
    "ndcg_at_10": (retrieval.ndcg, 10),
    "mrr_at_10": (retrieval.reciprocal_rank, 10),
    "recall_at_10": (retrieval.recall, 10),
    "recall_at_100": (retrieval.recall, DEEP),
}
"""Every figure of a search by name, with the places that it looks at; the main one comes first."""


@dataclass(frozen=True)
class EmbeddingEvidence(Measured):
    """All that was measured on one test of embeddings, by model name. There is always a teacher.

    A model has vectors of all texts of the test [T, D], or, where it makes none, a ranking of
    documents for each query (a search) or a score for each pair [P] (scored pairs).
    """

    task: str
    test: Pairs | Search
    vectors: Mapping[str, Vectors]
    facts: Mapping[str, Facts]
    projected: Vectors | None = None
    """The teacher's vectors in its students' space [T, K], where that is not its own."""
    rankings: Mapping[str, Ranking] = field(default_factory=dict)
    scores: Mapping[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, vectors in self.vectors.items():
            if vectors.ndim != 2 or len(vectors) != self.test.texts:
                raise RequestError(
                    f"{name} gave vectors of the shape {list(vectors.shape)}; the test has "
                    f"{self.test.texts} texts, and each needs one vector"
                )
            odd = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
            if len(odd):
                raise RequestError(
                    f"{name} gave text {odd[0]} a vector that is not finite ({len(odd)} of "
                    f"{len(vectors)}); every number must be finite"
                )
        searching = isinstance(self.test, Search)
        others = self.rankings if searching else self.scores
        for name, rows in (
            *((name, len(ranking.documents)) for name, ranking in self.rankings.items()),
            *((name, len(scores)) for name, scores in self.scores.items()),
        ):
            if name not in others or rows != len(self.test):
                wanted = "a ranking for each query" if searching else "a score for each pair"
                raise RequestError(f"{name} must give vectors, or {wanted}: {len(self.test)} rows")

    @property
    def metric(self) -> str:
        """The main metric, which the kind of test decides."""
        return self.test.metric

    @property
    def target(self) -> Vectors | None:
        """What students learn to answer for each text [T, K]; None where it is no vector."""
        return self.vectors.get("teacher") if self.projected is None else self.projected

    @property
    def names(self) -> list[str]:
        """Every model, in the order of the scorecard."""
        return in_order([*self.vectors, *self.rankings, *self.scores])


@dataclass(frozen=True)
class Found:
    """What one model made of the test, row by row; None where it cannot be said.

    Shapes: figures and scores [P] or [Q]; overlaps one a text asked; cosine [T].
    """

    figures: Mapping[str, Floats]
    """Of a search, by name."""
    scores: Floats
    """Of each pair its cosine, of each query the score of its first document."""
    overlap: Floats | None = None
    """The share of the nearest ten that are the teacher's too, each in its own space."""
    drop_in: Floats | None = None
    """The same for the model's queries among the teacher's vectors, in the students' space."""
    cosine: Floats | None = None
    """Of each text, between the model's vector and the teacher's, in the students' space."""

    @property
    def hits(self) -> NDArray[np.bool_]:
        """Whether a query finds something relevant among its first ten documents."""
        return np.asarray(self.figures["mrr_at_10"] > 0.0)


def measure(evidence: EmbeddingEvidence) -> dict[str, Found]:
    """What every model made of the test, in the order of the scorecard."""
    own = {name: _own_ranking(name, evidence) for name in evidence.names}
    return {name: _found(name, evidence, own) for name in own}


def build(evidence: EmbeddingEvidence, found: Mapping[str, Found] | None = None) -> dict[str, Any]:
    """The scorecard without requirements and verdict; `found` is what `measure` gave, if it did."""
    found = measure(evidence) if found is None else found
    figures = resampled_figures(evidence, found)
    models = {
        name: Standing(
            found=found[name],
            main=figures[name][evidence.metric],
            bytes=evidence.facts[name].bytes if name in evidence.facts else None,
            latency_ms=evidence.speeds[name].p50_ms if name in evidence.speeds else None,
        )
        for name in found
    }
    card = assembled(
        evidence,
        rows=len(evidence.test),
        models={
            name: {
                "quality": intervals(figures[name]),
                **costs(name, evidence),
            }
            for name in found
        },
        comparison={
            name: beside(name, models, _trusted, paired_bootstrap)
            for name in models
            if name != "teacher"
        },
    )
    return {**card, "row_is": evidence.test.row_is}


@dataclass(frozen=True)
class Standing:
    """What a comparison needs of a model that gives vectors, rankings or scores."""

    found: Found
    main: Resampled
    bytes: int | None
    latency_ms: float | None


def write(
    folder: Path, rows: Numbers, evidence: EmbeddingEvidence, found: Mapping[str, Found]
) -> None:
    """Write the rows that every figure follows from, each file whole or not at all.

    `predictions.parquet` has a line for each pair or query: row, label (the pair's score; how many
    documents are relevant), and NAME (the cosine; nDCG@10); of a search also NAME.confidence (the
    score of the first document) and NAME.FIGURE for the other figures. `neighbours.parquet` has a
    line for each text: row (among the test's texts), and NAME.overlap, NAME.drop_in and
    NAME.cosine, empty where there is none. `rows` [P] or [Q] numbers the test in its source.
    """
    columns: dict[str, NDArray[Any]] = {"row": rows, "label": evidence.test.labels}
    near: dict[str, NDArray[Any]] = {"row": np.arange(evidence.test.texts)}
    for name, model in found.items():
        columns[name] = model.figures.get(evidence.metric, model.scores)
        if model.figures:
            columns[f"{name}.confidence"] = model.scores
        for figure, values in model.figures.items():
            if figure != evidence.metric:
                columns[f"{name}.{figure}"] = values
        for what, shares in (("overlap", model.overlap), ("drop_in", model.drop_in)):
            if shares is not None:
                near[f"{name}.{what}"] = np.full(evidence.test.texts, np.nan)
                near[f"{name}.{what}"][evidence.test.asked] = shares
        if model.cosine is not None:
            near[f"{name}.cosine"] = model.cosine
    predictions.write_columns(folder / "predictions.parquet", columns)
    predictions.write_columns(folder / "neighbours.parquet", near)


def worst_matches(model: Found, count: int = 12) -> list[tuple[int, float]]:
    """The texts whose vectors are farthest from the teacher's: (row, cosine), the worst first."""
    if model.cosine is None:
        return []
    rows = np.argsort(model.cosine, kind="stable")[:count]
    return [(int(row), float(model.cosine[row])) for row in rows]


def _own_ranking(name: str, evidence: EmbeddingEvidence) -> Ranking | None:
    """The nearest of every text asked, in the model's own space; None where it has only scores."""
    if name not in evidence.vectors:
        return evidence.rankings.get(name)
    deep = DEEP if isinstance(evidence.test, Search) else NEAR
    vectors = evidence.vectors[name]
    return _nearest(evidence.test, vectors, vectors, deep)


def _nearest(test: Pairs | Search, asked: Vectors, pool: Vectors, k: int) -> Ranking:
    """The test's texts by `asked`'s vectors among its pool by `pool`'s. Shapes: [T, D] twice."""
    among = retrieval.unit(pool[test.pool])
    return retrieval.nearest(retrieval.unit(asked[test.asked]), among, k, test.excluded)


def _found(name: str, evidence: EmbeddingEvidence, own: Mapping[str, Ranking | None]) -> Found:
    test, ranking = evidence.test, own[name]
    figures: dict[str, Floats] = {}
    if isinstance(test, Search):
        assert ranking is not None  # a search has no models with scores only
        figures = {
            metric: figure(ranking, test.judgements, k) for metric, (figure, k) in FIGURES.items()
        }
        first = ranking.scores[:, 0].astype(np.float64)
        scores = np.where(ranking.documents[:, 0] == retrieval.NONE, np.nan, first)
    elif name in evidence.vectors:
        vectors = evidence.vectors[name]
        scores = retrieval.cosine(vectors[test.first], vectors[test.second])
    else:
        scores = np.asarray(evidence.scores[name], np.float64)
    wanted = own["teacher"]
    if name == "teacher" or ranking is None or wanted is None:
        return Found(figures, scores)
    overlap = retrieval.neighbour_overlap(ranking.documents, wanted.documents, NEAR)
    mine, teacher = evidence.vectors.get(name), evidence.target
    if mine is None or teacher is None or mine.shape[1] != teacher.shape[1]:
        return Found(figures, scores, overlap)
    dropped_in = _nearest(test, mine, teacher, NEAR).documents
    return Found(
        figures,
        scores,
        overlap,
        drop_in=retrieval.neighbour_overlap(dropped_in, wanted.documents, NEAR),
        cosine=retrieval.cosine(mine, teacher),
    )


def resampled_figures(
    evidence: EmbeddingEvidence, found: Mapping[str, Found]
) -> dict[str, dict[str, Resampled]]:
    """Every figure of every model, by name, on the same resamples of pairs or queries."""
    rows, resamples, seed = len(evidence.test), evidence.resamples, evidence.seed
    if isinstance(evidence.test, Search):
        table = np.column_stack([row for model in found.values() for row in model.figures.values()])
        means = np.vstack([table.mean(axis=0), resampled_means(table, resamples, seed)])
        column = iter(means.T)
        return {
            name: {metric: _figure(next(column)) for metric in model.figures}
            for name, model in found.items()
        }
    from scipy import sparse

    # The mean of a column that marks one pair is how often it was drawn, by the number of pairs.
    drawn = resampled_means(sparse.eye_array(rows, dtype=np.float32), resamples, seed)
    counts = np.vstack([np.ones(rows), np.rint(drawn * rows)])
    against = {"spearman": evidence.test.gold, "spearman_to_teacher": found["teacher"].scores}
    return {
        name: {metric: _correlated(model.scores, to, counts) for metric, to in against.items()}
        for name, model in found.items()
    }


def _correlated(scores: Floats, other: Floats, counts: Floats) -> Resampled:
    blocks = np.array_split(counts, -(-len(counts) // DRAWS_AT_ONCE))
    parts = [retrieval.spearman(scores, other, block) for block in blocks]
    return _figure(np.concatenate(parts))


def _figure(whole_and_draws: Floats) -> Resampled:
    return Resampled(float(whole_and_draws[0]), whole_and_draws[1:])


def _trusted(model: Standing, teacher: Standing) -> dict[str, Any]:
    """How far a model can stand in for the teacher; flips are those of a search alone."""
    found, cosine = model.found, model.found.cosine
    flips: dict[str, float | None] = dict.fromkeys(("harmful_flips", "helpful_flips"))
    if found.figures:
        flips["harmful_flips"] = float((teacher.found.hits & ~found.hits).mean())
        flips["helpful_flips"] = float((~teacher.found.hits & found.hits).mean())
    apart = "it has no vectors of the teacher's dimension" if cosine is None else None
    return {
        "agreement": None if found.overlap is None else float(found.overlap.mean()),
        "drop_in_overlap": None if found.drop_in is None else float(found.drop_in.mean()),
        "cosine": {
            "mean": None if cosine is None else float(cosine.mean()),
            "p5": None if cosine is None else float(np.quantile(cosine, 0.05)),
            "reason": apart,
        },
        **flips,
        "inherited_errors": None,
    }
