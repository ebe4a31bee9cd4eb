"""Models that give vectors, scored side by side on pairs and on a search."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet
from scipy.stats import spearmanr

from understudy.evaluation.gold import Pairs, Search
from understudy.evaluation.scorecard import Facts
from understudy.pipeline.scoring import Contender
from understudy.pipeline.scoring_vectors import score_vectors
from understudy.pipeline.scoring_vectors import test_of as gold_of
from understudy.recipe.schema import Evaluation
from understudy.tasks import Prepared
from understudy.tasks.text_embedding import TextEmbedding

SETTINGS = Evaluation(resamples=20, seconds=0.01)
TEST = np.array([3, 10, 20, 31, 40, 77])


class Letters:
    """A vector of how often each of some letters stands in a text; a real if poor encoder."""

    def __init__(self, name: str, letters: str) -> None:
        self.name = name
        self.letters = letters

    def predict(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        counts = [[text.count(letter) for letter in self.letters] for text in inputs["text"]]
        return np.array(counts, dtype=np.float32) + 0.1


def contenders() -> dict[str, Contender]:
    return {
        name: Contender(Letters(name, letters), Facts(10, 40))
        for name, letters in (("teacher", "aeiourstln"), ("student", "aeiou"))
    }


def rows_with(texts: Prepared, **relations: np.ndarray) -> Prepared:
    facts = replace(texts.facts, task="text-embedding", classes=())
    splits = {**texts.splits, "test": TEST}
    return replace(texts, facts=facts, splits=splits, relations=relations)


@pytest.fixture(scope="module")
def pairs(texts: Prepared) -> Prepared:
    return rows_with(
        texts,
        first=np.array([0, 1, 2, 3]),
        second=np.array([1, 2, 4, 5]),
        gold=np.array([1.0, 4.0, 2.0, 3.0]),
    )


@pytest.fixture(scope="module")
def search(texts: Prepared) -> Prepared:
    return rows_with(
        texts,
        queries=np.array([0, 1]),
        documents=np.array([2, 3, 4, 5]),
        query=np.array([0, 1]),
        document=np.array([2, 0]),
        grade=np.array([1.0, 2.0]),
    )


def scored(prepared: Prepared, folder: Path, rivals: bool = True) -> tuple:
    return score_vectors(
        contenders(),
        TextEmbedding(),
        prepared.exam(("text",)),
        SETTINGS,
        folder=folder,
        data={"rows": 180},
        knowledge={"reused": True},
        rivals=rivals,
    )


def test_relations_are_pairs_or_a_search(pairs: Prepared, search: Prepared):
    given = gold_of(pairs.relations)
    assert isinstance(given, Pairs)
    assert given.second.tolist() == [1, 2, 4, 5]
    other = gold_of(search.relations)
    assert isinstance(other, Search)
    assert other.documents.tolist() == [2, 3, 4, 5]
    assert other.judgements.relevant(2).tolist() == [1, 1]


def test_pairs_are_scored_by_their_cosines(pairs: Prepared, tmp_path: Path):
    card, found = scored(pairs, tmp_path)
    assert (card["task"], card["metric"]) == ("text-embedding", "spearman")
    assert (card["data"], card["knowledge"]) == ({"rows": 180}, {"reused": True})
    table = parquet.read_table(tmp_path / "predictions.parquet").to_pydict()
    texts = pairs.raw.inputs(TEST, ("text",))
    for name, model in contenders().items():
        vectors = model.predictor.predict(texts).astype(np.float64)
        first, second = (vectors[pairs.relations[side]] for side in ("first", "second"))
        lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        cosines = (first * second).sum(1) / lengths
        np.testing.assert_allclose(table[name], cosines, atol=1e-6)
        value = card["models"][name]["quality"]["spearman"]["value"]
        assert value == pytest.approx(spearmanr(cosines, pairs.relations["gold"]).statistic)
        assert card["models"][name]["latency_ms"]["p50"] > 0
    rivals = set(card["models"]) - {"teacher", "student"}
    assert len(rivals) == 1
    assert set(found) == set(card["models"])
    assert "verdict" not in card


def test_a_search_is_scored_with_bm25_beside_it(search: Prepared, tmp_path: Path):
    card, _ = scored(search, tmp_path)
    assert "rival-bm25" in card["models"]
    table = parquet.read_table(tmp_path / "predictions.parquet").to_pydict()
    assert table["row"] == [0, 1]
    assert len(table["student"]) == 2
    near = parquet.read_table(tmp_path / "neighbours.parquet").to_pydict()
    assert len(near["row"]) == len(TEST)


def test_rivals_can_be_left_out(pairs: Prepared, tmp_path: Path):
    card, _ = scored(pairs, tmp_path, rivals=False)
    assert set(card["models"]) == {"teacher", "student"}
