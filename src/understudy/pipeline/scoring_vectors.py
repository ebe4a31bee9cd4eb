"""Embed the test texts with every model, time all side by side, and write down what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.evaluation import embeddings
from understudy.evaluation.bm25 import Bm25, indexed
from understudy.evaluation.embeddings import EmbeddingEvidence, Found
from understudy.evaluation.gold import Pairs, Search
from understudy.evaluation.likeness import Likeness, counted
from understudy.evaluation.predictor import Predictor, rows_between, tables_of
from understudy.evaluation.prefixes import at_prefixes
from understudy.evaluation.retrieval import Judgements, Ranking
from understudy.evaluation.scorecard import Facts
from understudy.evaluation.speed import measure
from understudy.pipeline.scoring import TIMED_ROWS, conditions, memories

if TYPE_CHECKING:
    from understudy.pipeline.scoring import Contender
    from understudy.recipe.schema import Evaluation
    from understudy.students.projection import Projection
    from understudy.tasks import Task
    from understudy.tasks.prepared import Exam


def score_vectors(
    models: Mapping[str, Contender],
    task: Task,
    exam: Exam,
    settings: Evaluation,
    *,
    folder: Path,
    data: Mapping[str, Any],
    knowledge: Mapping[str, Any],
    rivals: bool,
    projection: Projection | None = None,
    prefixes: Sequence[int] = (),
) -> tuple[dict[str, Any], Mapping[str, Found]]:
    """Ask and time all models; writes `predictions.parquet` and `neighbours.parquet`.

    `projection` brings the teacher's vectors into the students' space; `prefixes` are the lengths
    at which vectors that are cut short are scored too.
    Returns the scorecard, still without a verdict, and what every model made of the test.
    """
    inputs, test = exam.inputs, test_of(exam.relations)
    rival = _rival(test, inputs["text"].tolist()) if rivals else None
    predictors: dict[str, Predictor] = {name: model.predictor for name, model in models.items()}
    facts = {name: model.facts for name, model in models.items()}
    if rival is not None:
        predictors[rival.model.name] = rival.model
        facts[rival.model.name] = Facts(rival.model.parameters, rival.model.bytes)
    vectors = {name: tables_of(model.predictor, inputs) for name, model in models.items()}
    timed = rows_between(inputs, 0, TIMED_ROWS)
    evidence = EmbeddingEvidence(
        task=task.name,
        test=test,
        vectors=vectors,
        projected=projection.of_array(vectors["teacher"]) if projection else None,
        rankings=rival.rankings if rival else {},
        scores=rival.scores if rival else {},
        facts=facts,
        speeds=measure(predictors, timed, settings.seconds, settings.threads),
        memories=memories(models, inputs, folder),
        data=data,
        knowledge=knowledge,
        price_per_hour=settings.price_per_hour,
        resamples=settings.resamples,
    )
    found = embeddings.measure(evidence)
    card = embeddings.build(evidence, found)
    shipped = [name for name in models if name not in ("teacher", "control")]
    card["prefixes"] = at_prefixes(evidence, prefixes, shipped)
    card["conditions"] = conditions(settings, len(inputs["text"]))
    embeddings.write(folder, np.arange(len(test)), evidence, found)
    return card, found


@dataclass(frozen=True)
class Rival:
    """What a user would otherwise take, and what it made of the test."""

    model: Bm25 | Likeness
    rankings: Mapping[str, Ranking] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)


def _rival(test: Pairs | Search, texts: list[str]) -> Rival:
    """BM25 for a search, shared letters for scored pairs; neither has a teacher."""
    if isinstance(test, Search):
        index = indexed([texts[row] for row in test.documents])
        ranking = index.rank([texts[row] for row in test.queries])
        return Rival(index, rankings={index.name: ranking})
    likeness = counted(texts)
    first, second = ([texts[row] for row in side] for side in (test.first, test.second))
    return Rival(likeness, scores={likeness.name: likeness.scores(first, second)})


def test_of(given: Mapping[str, Any]) -> Pairs | Search:
    """What test texts are held against, from the relations of prepared rows or of an exam."""
    if "gold" in given:
        return Pairs(given["first"], given["second"], given["gold"])
    judged = Judgements(given["query"], given["document"], given["grade"])
    return Search(given["queries"], given["documents"], judged)
