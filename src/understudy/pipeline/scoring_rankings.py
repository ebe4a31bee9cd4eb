"""Rerank the test queries' candidates with every model, time all, and write what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import RequestError
from understudy.evaluation import embeddings
from understudy.evaluation.embeddings import EmbeddingEvidence, Found
from understudy.evaluation.gold import Search
from understudy.evaluation.predictor import LISTS_AT_ONCE, rows_between, tables_of
from understudy.evaluation.retrieval import NONE, Judgements, Ranking, ranked
from understudy.evaluation.scorecard import Facts
from understudy.evaluation.speed import measure
from understudy.pipeline.scoring import conditions, memories

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from understudy.pipeline.scoring import Contender
    from understudy.recipe.schema import Evaluation
    from understudy.tasks import Task
    from understudy.tasks.prepared import Exam

TIMED_ROWS = 32
"""Lists that speed is measured on, at most; each holds several documents."""
MEMORY_ROWS = 8
RIVAL = "rival-bm25"
"""The order in which the candidates came."""


def score_rankings(
    models: Mapping[str, Contender],
    task: Task,
    exam: Exam,
    settings: Evaluation,
    *,
    folder: Path,
    data: Mapping[str, Any],
    knowledge: Mapping[str, Any],
    rivals: bool,
) -> tuple[dict[str, Any], Mapping[str, Found]]:
    """Ask and time all models; writes `predictions.parquet` and `neighbours.parquet`.

    Returns the scorecard, still without a verdict, and what every model made of the test.
    """
    inputs, given = exam.inputs, exam.relations
    lists = (given["asked"], given["found"])
    timed = rows_between(inputs, 0, TIMED_ROWS)
    rankings = {
        name: ranking_of(_scores(model, inputs, given["found"].shape), *lists)
        for name, model in models.items()
    }
    facts = {name: model.facts for name, model in models.items()}
    if rivals:
        rankings[RIVAL] = ranking_of(given["bm25"], *lists)
        facts[RIVAL] = Facts(0, 0)  # over the search that found the candidates, it costs nothing
    evidence = EmbeddingEvidence(
        task=task.name,
        test=search_of(given),
        vectors={},
        rankings=rankings,
        facts=facts,
        speeds=measure(
            {name: model.predictor for name, model in models.items()},
            timed,
            settings.seconds,
            settings.threads,
        ),
        memories=memories(models, rows_between(inputs, 0, MEMORY_ROWS), folder),
        data=data,
        knowledge=knowledge,
        price_per_hour=settings.price_per_hour,
        resamples=settings.resamples,
    )
    found = embeddings.measure(evidence)
    card = embeddings.build(evidence, found)
    rows = len(inputs["text"])
    card["conditions"] = {
        **conditions(settings, rows),
        "timed_rows": min(rows, TIMED_ROWS),
        "memory_batch": min(rows, MEMORY_ROWS),
        "candidates": given["found"].shape[1],
    }
    embeddings.write(folder, np.arange(len(evidence.test)), evidence, found)
    return card, found


def search_of(given: Mapping[str, Any]) -> Search:
    """The test's queries, all the documents that are named, and what is relevant."""
    queries = 1 + int(given["asked"].max())
    documents = 1 + int(max(given["found"].max(), given["document"].max()))
    judged = Judgements(given["query"], given["document"], given["grade"])
    return Search(np.arange(queries), queries + np.arange(documents), judged)


def ranking_of(
    scores: NDArray[np.floating[Any]], asked: NDArray[np.int64], found: NDArray[np.int64]
) -> Ranking:
    """The candidates of each query by their scores, equal ones in the order that they came in.

    A query's rows stand together, queries in their order.
    Shapes: scores [R, K], asked [R], found [R, K], NONE where there is none -> [Q, most].
    """
    rows = np.bincount(asked)
    place = np.arange(len(asked)) - (np.cumsum(rows) - rows)[asked]
    shape = (len(rows), int(rows.max()), found.shape[1])
    documents, values = np.full(shape, NONE), np.full(shape, -np.inf, np.float32)
    documents[asked, place] = found
    values[asked, place] = np.where(found == NONE, -np.inf, scores)
    best = ranked(values.reshape(len(rows), -1), shape[1] * shape[2])
    there = np.take_along_axis(documents.reshape(len(rows), -1), best.documents, axis=1)
    return Ranking(np.where(best.documents == NONE, NONE, there), best.scores)


def _scores(
    model: Contender, inputs: Mapping[str, Any], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """A model's scores of every candidate. Raises: RequestError for any other or odd answers."""
    scores = tables_of(model.answering or model.predictor, inputs, LISTS_AT_ONCE)
    if scores.shape != shape:
        raise RequestError(
            f"{model.predictor.name} gave scores of the shape {list(scores.shape)}; the test has "
            f"{shape[0]} lists of {shape[1]} candidates"
        )
    if not np.isfinite(scores).all():
        raise RequestError(f"{model.predictor.name} gave scores that are not finite")
    return scores
