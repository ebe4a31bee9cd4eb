"""The scorecard of vectors: its form, and every figure again from the written rows alone."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from pyarrow import parquet
from scipy.stats import spearmanr

from understudy.errors import RequestError
from understudy.evaluation import embeddings
from understudy.evaluation.embeddings import EmbeddingEvidence, build, measure, worst_matches
from understudy.evaluation.gold import Pairs, Search
from understudy.evaluation.retrieval import Judgements, nearest, unit
from understudy.evaluation.scorecard import Facts, conclude
from understudy.evaluation.speed import Speed
from understudy.requirements import judge, parse

QUERIES, DOCUMENTS, WIDTH = 60, 200, 16
NOISE = {"teacher": 0.9, "control": 1.8, "student": 1.2, "onnx": 1.2}
SIZES = {"teacher": 40_000, "control": 4_000, "student": 4_000, "onnx": 1_000, "rival-bm25": 900}
FACTS = {name: Facts(size // 4, size) for name, size in SIZES.items()}


def _meant(rows: int, noise: float, seed: int, meaning: np.ndarray) -> np.ndarray:
    generator = np.random.default_rng(seed)
    found = meaning[:rows] + noise * generator.normal(size=meaning.shape) / math.sqrt(WIDTH)
    return unit(found)


@pytest.fixture(scope="module")
def search() -> EmbeddingEvidence:
    """Queries that mean what their documents do, and models that blur it more or less."""
    generator = np.random.default_rng(0)
    documents = unit(generator.normal(size=(DOCUMENTS, WIDTH)))
    relevant = generator.integers(0, DOCUMENTS, (QUERIES, 2))
    queries = unit(documents[relevant].mean(axis=1))
    meaning = np.vstack([queries, documents])
    grade = np.tile([2.0, 1.0], QUERIES)
    judged = Judgements(np.repeat(np.arange(QUERIES), 2), relevant.ravel(), grade)
    teacher = _meant(len(meaning), NOISE["teacher"], 1, meaning)
    vectors = {"teacher": teacher}
    for seed, name in enumerate(("control", "student"), start=2):
        vectors[name] = _meant(len(meaning), NOISE[name], seed, teacher)
    vectors["onnx"] = vectors["student"][:, :8]
    blurred = unit(meaning[:, :6])
    return EmbeddingEvidence(
        task="text-embedding",
        test=Search(np.arange(QUERIES), QUERIES + np.arange(DOCUMENTS), judged),
        vectors=vectors,
        facts=FACTS,
        rankings={"rival-bm25": nearest(blurred[:QUERIES], blurred[QUERIES:], 100)},
        speeds={
            "teacher": Speed(8.0, 9.0, 200.0, 32, 1, 50),
            "student": Speed(2.0, 3.0, 1000.0, 128, 1, 50),
        },
        memories={"student": 12.5},
        data={"rows": 9},
        resamples=200,
    )


@pytest.fixture(scope="module")
def pairs() -> EmbeddingEvidence:
    generator = np.random.default_rng(1)
    meaning = unit(generator.normal(size=(90, WIDTH)))
    first, second = generator.integers(0, 90, (2, 150))
    gold = np.round(2.5 + 2.5 * (meaning[first] * meaning[second]).sum(axis=1), 1)
    first[:90] = np.arange(90)
    teacher = _meant(90, NOISE["teacher"], 2, meaning)
    return EmbeddingEvidence(
        task="text-embedding",
        test=Pairs(first, second, gold),
        vectors={"teacher": teacher, "student": _meant(90, NOISE["student"], 3, teacher)},
        facts=FACTS,
        scores={"rival-tfidf": gold + generator.normal(size=150)},
        resamples=200,
    )


def test_the_card_of_a_search_has_the_contracts_keys(search):
    card = build(search)
    assert (card["schema"], card["task"], card["metric"]) == (1, "text-embedding", "ndcg_at_10")
    assert (card["direction"], card["rows"], card["row_is"]) == ("higher", QUERIES, "query")
    assert list(card["models"]) == ["teacher", "control", "student", "rival-bm25", "onnx"]
    for model in card["models"].values():
        assert list(model["quality"]) == [*embeddings.FIGURES]
        for figure in model["quality"].values():
            assert figure["low"] <= figure["value"] <= figure["high"]
        assert "calibration" not in model
    for comparison in card["comparison"].values():
        assert {
            *("quality_retained", "quality_retained_interval", "recovered_gap", "agreement"),
            *("drop_in_overlap", "cosine", "harmful_flips", "helpful_flips", "p_value"),
            *("difference", "size_ratio", "speedup"),
        } <= set(comparison)
    assert {"control", "student"} <= set(card["comparison"]["rival-bm25"])
    assert card["slices"] == []
    student = card["models"]["student"]
    assert (student["parameters"], student["bytes"]) == (1000, 4000)
    assert (student["latency_ms"]["p50"], student["peak_memory_mb"]) == (2.0, 12.5)
    assert card["comparison"]["student"]["speedup"] == 4.0
    json.dumps(card, allow_nan=False)


def test_every_figure_of_a_search_follows_from_the_rows(search, tmp_path):
    found = measure(search)
    card = build(search, found)
    embeddings.write(tmp_path, np.arange(QUERIES) + 100, search, found)
    table = parquet.read_table(tmp_path / "predictions.parquet").to_pydict()
    near = parquet.read_table(tmp_path / "neighbours.parquet").to_pandas()
    assert list(table)[:4] == ["row", "label", "teacher", "teacher.confidence"]
    assert table["row"] == list(range(100, 100 + QUERIES))
    assert set(table["label"]) <= {1, 2}
    had = np.mean(table["teacher"])
    for name, model in card["models"].items():
        quality = {key: figure["value"] for key, figure in model["quality"].items()}
        assert quality.pop("ndcg_at_10") == pytest.approx(np.mean(table[name]))
        for metric, value in quality.items():
            assert value == pytest.approx(np.mean(table[f"{name}.{metric}"]))
        if name == "teacher":
            continue
        versus = card["comparison"][name]
        assert versus["quality_retained"] == pytest.approx(np.mean(table[name]) / had)
        taught = np.array(table["teacher.recall_at_10"]) > 0
        found_too = np.array(table[f"{name}.recall_at_10"]) > 0
        assert versus["harmful_flips"] == pytest.approx((taught & ~found_too).mean())
        assert versus["helpful_flips"] == pytest.approx((~taught & found_too).mean())
        assert versus["agreement"] == pytest.approx(near[f"{name}.overlap"].mean())
        assert near[f"{name}.overlap"].notna().sum() == QUERIES
        if f"{name}.cosine" in near:
            assert versus["cosine"]["mean"] == pytest.approx(near[f"{name}.cosine"].mean())
            assert versus["cosine"]["p5"] == pytest.approx(near[f"{name}.cosine"].quantile(0.05))
            assert versus["drop_in_overlap"] == pytest.approx(near[f"{name}.drop_in"].mean())


def test_overlaps_and_cosine_are_those_of_plain_sorting(search):
    versus = build(search)["comparison"]["student"]
    student, teacher = (search.vectors[name].astype(float) for name in ("student", "teacher"))

    def near(queries, documents):
        scores = queries[:QUERIES] @ documents[QUERIES:].T
        return [set(row[:10]) for row in np.argsort(-scores, axis=1)]

    wanted = near(teacher, teacher)
    for key, other in (("agreement", near(student, student)), ("drop_in_overlap", None)):
        others = near(student, teacher) if other is None else other
        shares = [len(a & b) / 10 for a, b in zip(others, wanted, strict=True)]
        assert versus[key] == pytest.approx(np.mean(shares))
    assert versus["cosine"]["mean"] == pytest.approx((student * teacher).sum(axis=1).mean())


def test_what_has_other_dimensions_or_no_vectors_cannot_drop_in(search):
    card = build(search)
    for name in ("onnx", "rival-bm25"):
        versus = card["comparison"][name]
        assert versus["agreement"] > 0.1
        assert versus["drop_in_overlap"] is None
        reason = "it has no vectors of the teacher's dimension"
        assert versus["cosine"] == {"mean": None, "p5": None, "reason": reason}
    results = judge([parse("cosine_p5 >= 0.5"), parse("drop_in_overlap > 0")], card, ["onnx"])
    assert [result.passed for result in results] == [False, False]
    assert results[0].reason == "it has no vectors of the teacher's dimension"


def test_every_figure_of_pairs_follows_from_the_rows(pairs, tmp_path):
    found = measure(pairs)
    card = build(pairs, found)
    embeddings.write(tmp_path, np.arange(150), pairs, found)
    table = parquet.read_table(tmp_path / "predictions.parquet").to_pydict()
    assert list(table) == ["row", "label", "teacher", "student", "rival-tfidf"]
    assert (card["metric"], card["rows"], card["row_is"]) == ("spearman", 150, "pair")
    for name in ("teacher", "student", "rival-tfidf"):
        quality = card["models"][name]["quality"]
        for metric, other in (("spearman", "label"), ("spearman_to_teacher", "teacher")):
            expected = spearmanr(table[name], table[other]).statistic
            assert quality[metric]["value"] == pytest.approx(expected)
            assert quality[metric]["low"] - 1e-9 <= expected <= quality[metric]["high"] + 1e-9
    near = parquet.read_table(tmp_path / "neighbours.parquet").to_pandas()
    versus = card["comparison"]["student"]
    assert len(near) == 90
    assert versus["agreement"] == pytest.approx(near["student.overlap"].mean())
    assert versus["drop_in_overlap"] == pytest.approx(near["student.drop_in"].mean())
    assert (versus["harmful_flips"], versus["helpful_flips"]) == (None, None)
    assert versus["recovered_gap"]["reason"] == "no control was trained"
    assert card["comparison"]["rival-tfidf"]["agreement"] is None
    json.dumps(card, allow_nan=False)


def test_intervals_of_pairs_are_those_of_resampled_pairs(pairs):
    """The same spread as resampling pairs one by one with scipy; other draws, so nearly."""
    test, teacher = pairs.test, pairs.vectors["teacher"]
    scores = (teacher[test.first] * teacher[test.second]).sum(axis=1)
    generator = np.random.default_rng(5)
    draws = [
        spearmanr(scores[rows], test.gold[rows]).statistic
        for rows in generator.integers(0, 150, (300, 150))
    ]
    found = build(pairs)["models"]["teacher"]["quality"]["spearman"]
    low, high = np.quantile(draws, [0.025, 0.975])
    assert found["low"] == pytest.approx(low, abs=0.03)
    assert found["high"] == pytest.approx(high, abs=0.03)


def test_a_copy_of_the_teacher_is_no_different(search):
    vectors = {"teacher": search.vectors["teacher"], "student": search.vectors["teacher"]}
    versus = build(replace(search, vectors=vectors, rankings={}))["comparison"]["student"]
    assert (versus["agreement"], versus["drop_in_overlap"]) == (1.0, 1.0)
    assert versus["cosine"]["p5"] == pytest.approx(1.0)
    assert versus["difference"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert (versus["p_value"], versus["quality_retained"]) == (1.0, 1.0)
    assert (versus["harmful_flips"], versus["helpful_flips"]) == (0.0, 0.0)


def test_models_are_paired_by_query(search):
    card = build(search)
    difference = card["comparison"]["student"]["difference"]
    student, teacher = (
        card["models"][name]["quality"]["ndcg_at_10"] for name in ("student", "teacher")
    )
    assert difference["value"] == pytest.approx(student["value"] - teacher["value"])
    assert difference["low"] > student["low"] - teacher["high"]
    assert difference["high"] < student["high"] - teacher["low"]


def test_a_random_index_shows_as_a_loss(search):
    """A student whose vectors are another space's keeps its own ranking, and cannot drop in."""
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(WIDTH, WIDTH)))[0]
    turned = (search.vectors["teacher"] @ turn).astype(np.float32)
    vectors = {"teacher": search.vectors["teacher"], "student": turned}
    versus = build(replace(search, vectors=vectors))["comparison"]["student"]
    assert versus["agreement"] == pytest.approx(1.0, abs=0.01)
    assert versus["drop_in_overlap"] < 0.3
    assert versus["cosine"]["mean"] < 0.5


def test_the_worst_matches_come_worst_first(search):
    model = measure(search)["student"]
    worst = worst_matches(model, 3)
    assert [cosine for _, cosine in worst] == sorted(model.cosine)[:3]
    assert model.cosine[worst[0][0]] == worst[0][1]
    assert worst_matches(measure(search)["onnx"]) == []


def test_the_verdict_is_drawn_from_it(search):
    card = conclude(build(search), [])
    assert "of the teacher's nDCG@10" in card["why"]


def test_vectors_that_do_not_fit_the_test_are_refused(search, pairs):
    short = search.vectors["student"][:7]
    with pytest.raises(
        RequestError, match=r"student gave vectors of the shape \[7, 16\]; the test"
    ):
        replace(search, vectors={**search.vectors, "student": short})
    broken = search.vectors["student"].copy()
    broken[5, 0] = np.nan
    with pytest.raises(RequestError, match="student gave text 5 a vector that is not finite"):
        replace(search, vectors={**search.vectors, "student": broken})
    with pytest.raises(RequestError, match="onnx must give vectors, or a score for each pair: 150"):
        replace(pairs, scores={"onnx": np.zeros(3)})
    with pytest.raises(RequestError, match="bm25 must give vectors, or a score for each pair"):
        replace(pairs, rankings={"bm25": search.rankings["rival-bm25"]})
    with pytest.raises(RequestError, match="tfidf must give vectors, or a ranking for each query"):
        replace(search, scores={"tfidf": np.zeros(QUERIES)})
