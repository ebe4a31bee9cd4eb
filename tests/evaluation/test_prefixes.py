"""Figures of vectors that are cut short, against plain sorting."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from understudy.evaluation.embeddings import EmbeddingEvidence
from understudy.evaluation.gold import Pairs
from understudy.evaluation.prefixes import CUT, at_prefixes
from understudy.evaluation.retrieval import unit

TEXTS, WIDE, NARROW = 80, 12, 6


@pytest.fixture(scope="module")
def evidence() -> EmbeddingEvidence:
    generator = np.random.default_rng(3)
    teacher = unit(generator.normal(size=(TEXTS, WIDE)) * np.linspace(2.0, 0.3, WIDE))
    projected = unit(teacher[:, :NARROW])
    student = unit(projected + 0.2 * generator.normal(size=projected.shape))
    first, second = generator.integers(0, TEXTS, (2, 60))
    gold = (teacher[first] * teacher[second]).sum(1) + 0.1 * generator.normal(size=60)
    return EmbeddingEvidence(
        task="text-embedding",
        test=Pairs(first, second, gold),
        vectors={"teacher": teacher, "student": student},
        facts={},
        projected=projected,
        resamples=20,
    )


def test_every_length_is_scored_against_the_full_teacher(evidence: EmbeddingEvidence):
    found = at_prefixes(evidence, (2, 4), ["student"])
    assert [(entry["model"], entry["dimensions"]) for entry in found] == [
        (name, length) for length in (2, 4, NARROW) for name in ("student", CUT)
    ]
    test, teacher = evidence.test, evidence.vectors["teacher"]
    asked, pool = test.asked, test.pool
    tables = {"student": evidence.vectors["student"], CUT: evidence.projected}
    for entry in found:
        length = entry["dimensions"]
        cut, target = tables[entry["model"]][:, :length], evidence.projected[:, :length]
        assert entry["bytes_per_vector"] == 4 * length
        one, two = unit(cut[test.first]), unit(cut[test.second])
        wanted = spearmanr((one * two).sum(1), test.gold).statistic
        value = entry["quality"]["spearman"]
        assert value["value"] == pytest.approx(wanted, abs=1e-3)  # near ties, in float32
        assert value["low"] <= value["value"] <= value["high"]
        near = _nearest(teacher[asked], teacher[pool], asked, pool)
        own = _nearest(cut[asked], cut[pool], asked, pool)
        dropped = _nearest(cut[asked], target[pool], asked, pool)
        assert entry["agreement"] == pytest.approx(_shared(own, near), abs=1e-6)
        assert entry["drop_in_overlap"] == pytest.approx(_shared(dropped, near), abs=1e-6)
    kept = [entry["agreement"] for entry in found if entry["model"] == CUT]
    assert kept == sorted(kept)  # these vectors' first numbers are their largest
    assert kept[-1] < 1.0  # held against the full teacher, not against itself


def test_no_lengths_no_table(evidence: EmbeddingEvidence):
    assert at_prefixes(evidence, (), ["student"]) == []


def _nearest(asked: np.ndarray, among: np.ndarray, rows: np.ndarray, pool: np.ndarray) -> list:
    """Ten nearest of each, but for itself."""
    likeness = unit(asked) @ unit(among).T
    likeness[rows[:, None] == pool[None, :]] = -np.inf
    return [set(np.argsort(-row, kind="stable")[:10]) for row in likeness]


def _shared(found: list, wanted: list) -> float:
    return float(np.mean([len(one & two) / 10 for one, two in zip(found, wanted, strict=True)]))
