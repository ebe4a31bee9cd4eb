"""Several classes a row: every figure against scikit-learn or a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from scipy.special import expit
from sklearn import metrics

from understudy.errors import RequestError
from understudy.evaluation.label_sets import (
    SetAnswers,
    SetEvidence,
    ask_sets,
    binary_kl,
    build_sets,
    exact_match,
    micro_f1,
    probabilities_of,
    ranking_precision,
    sure_of_named,
    write_sets,
)
from understudy.evaluation.scorecard import Facts

CLASSES = ("a", "b", "c", "d")
ROWS = 60


def truth_and(seed: int, noise: float) -> tuple[np.ndarray, SetAnswers]:
    """Labels [N, C], and answers that are right but for noise."""
    random = np.random.default_rng(seed)
    truth = (np.random.default_rng(0).random((ROWS, 4)) < [0.5, 0.3, 0.2, 0.05]).astype(np.int8)
    logits = 4.0 * truth - 2 + noise * random.normal(size=truth.shape)
    return truth, SetAnswers(expit(logits).astype(np.float32))


@pytest.fixture
def evidence() -> SetEvidence:
    truth, teacher = truth_and(1, 1.0)
    answers = {"student": truth_and(2, 2.0)[1], "teacher": teacher, "control": truth_and(3, 3.0)[1]}
    return SetEvidence(
        task="text-multilabel",
        classes=CLASSES,
        labels=truth,
        answers=answers,
        facts={name: Facts(10, 100) for name in answers},
        slices={"kind": ["x", "y"] * (ROWS // 2)},
        resamples=40,
    )


def test_figures_are_those_of_scikit_learn(evidence: SetEvidence):
    card = build_sets(evidence)
    for name, said in evidence.answers.items():
        quality = {key: of["value"] for key, of in card["models"][name]["quality"].items()}
        named = said.named.astype(int)
        for average in ("micro", "macro"):
            wanted = metrics.f1_score(evidence.labels, named, average=average, zero_division=0)
            assert quality[f"{average}_f1"] == pytest.approx(wanted)
        assert quality["exact_match"] == pytest.approx(
            metrics.accuracy_score(evidence.labels, named)
        )
        assert quality["ranking_precision"] == pytest.approx(
            metrics.label_ranking_average_precision_score(evidence.labels, said.probabilities)
        )


def test_draws_are_the_metric_on_resampled_rows(evidence: SetEvidence):
    figure = build_sets(evidence)["models"]["student"]["quality"]["micro_f1"]
    drawn = np.random.default_rng(0).integers(0, ROWS, size=(40, ROWS), dtype=np.int32)
    named = evidence.answers["student"].named
    scores = [
        metrics.f1_score(evidence.labels[rows], named[rows], average="micro") for rows in drawn
    ]
    low, high = np.quantile(scores, [0.025, 0.975])
    assert (figure["low"], figure["high"]) == (pytest.approx(low), pytest.approx(high))


def test_a_row_is_right_where_its_whole_set_is(evidence: SetEvidence):
    card = build_sets(evidence)
    versus = card["comparison"]["student"]
    truth = evidence.labels > 0
    teacher, student = (evidence.answers[name].named for name in ("teacher", "student"))
    taught, learnt = ((said == truth).all(1) for said in (teacher, student))
    alike = (teacher == student).all(1)
    assert versus["agreement"] == pytest.approx(alike.mean())
    assert versus["harmful_flips"] == pytest.approx((taught & ~learnt).mean())
    assert versus["helpful_flips"] == pytest.approx((~taught & learnt).mean())
    assert versus["inherited_errors"] == pytest.approx((~taught & alike).mean())
    assert 0 < versus["p_value"] <= 1


def test_every_class_and_every_group_has_its_f1(evidence: SetEvidence):
    groups = build_sets(evidence)["slices"]
    assert [group["value"] for group in groups if group["column"] == "kind"] == ["x", "y"]
    classes = {group["value"]: group for group in groups if group["column"] == "class"}
    assert [*classes] == ["a", "b", "c", "d"]  # the most frequent first
    wanted = metrics.f1_score(
        evidence.labels, evidence.answers["student"].named, average=None, zero_division=0
    )
    assert [group["student"] for group in classes.values()] == pytest.approx(wanted)
    assert [group["rows"] for group in classes.values()] == evidence.labels.sum(0).tolist()


@given(st.integers(0, 10_000))
def test_ranking_precision_shares_the_worst_rank_of_equal_scores(seed: int):
    random = np.random.default_rng(seed)
    truth, scores = random.random((5, 4)) < 0.4, random.integers(0, 3, (5, 4)).astype(float)
    wanted = metrics.label_ranking_average_precision_score(truth, scores)
    assert ranking_precision(scores, truth).mean() == pytest.approx(wanted)


def test_the_divergence_is_that_of_coins():
    random = np.random.default_rng(5)
    said, shown = (random.uniform(0.01, 0.99, (6, 3)) for _ in range(2))
    wanted = [
        np.mean(
            [
                p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
                for p, q in zip(*row, strict=True)
            ]
        )
        for row in zip(said, shown, strict=True)
    ]
    np.testing.assert_allclose(binary_kl(said, shown), wanted, rtol=1e-9)
    assert binary_kl(said, said).tolist() == [0.0] * 6


def test_nothing_named_where_nothing_is_labelled_is_perfect():
    assert micro_f1(np.zeros((3, 4))) == 1.0
    assert exact_match(np.zeros((1, 4), bool), np.zeros((1, 4), bool)).all()


def test_confidence_is_that_of_the_classes_that_are_named(evidence: SetEvidence):
    said, truth = evidence.answers["student"], evidence.labels > 0
    confidence, right = sure_of_named(said, truth)
    pairs = [
        (said.probabilities[row, each], truth[row, each])
        for row in range(ROWS)
        for each in range(4)
        if said.probabilities[row, each] >= 0.5
    ]
    assert list(zip(confidence, right, strict=True)) == pairs


def test_a_model_that_names_nothing_has_no_calibration(evidence: SetEvidence):
    silent = SetAnswers(np.zeros((ROWS, 4), np.float32))
    answers = {"teacher": evidence.answers["teacher"], "student": silent}
    card = build_sets(
        SetEvidence("text-multilabel", CLASSES, evidence.labels, answers, {}, resamples=5)
    )
    assert card["models"]["student"]["calibration"] == {"ece": None, "brier": None, "bins": []}
    assert card["models"]["student"]["quality"]["micro_f1"]["value"] == 0.0


def test_predictions_hold_what_every_figure_follows_from(evidence: SetEvidence, tmp_path):
    path = tmp_path / "predictions.parquet"
    write_sets(path, np.arange(ROWS), evidence.labels, CLASSES, evidence.answers)
    found = parquet.read_table(path).to_pydict()
    assert found["label"][0] == [CLASSES[each] for each in np.flatnonzero(evidence.labels[0])]
    said = evidence.answers["student"]
    assert found["student"] == [
        [CLASSES[each] for each in np.flatnonzero(row)] for row in said.named
    ]
    np.testing.assert_array_equal(np.array(found["student.probabilities"]), said.probabilities)
    assert "teacher.kl" not in found
    assert found["student.kl"] == pytest.approx(
        binary_kl(evidence.answers["teacher"].probabilities, said.probabilities).tolist()
    )


def test_sigmoids_of_any_logits_are_finite():
    assert probabilities_of(np.array([[-1e9, 0.0, 1e9]])).tolist() == [[0.0, 0.5, 1.0]]


def test_a_model_is_asked_in_batches():
    class Says:
        name = "says"

        def predict(self, inputs):
            return np.asarray(inputs["x"], dtype=np.float32)

    logits = np.random.default_rng(0).normal(size=(7, 3))
    said = ask_sets(Says(), {"x": logits}, batch=3, classes=3)
    np.testing.assert_allclose(said.probabilities, expit(logits), rtol=1e-5)
    with pytest.raises(RequestError, match="says answered with the shape"):
        ask_sets(Says(), {"x": logits}, classes=4)


def test_what_does_not_fit_the_labels_is_refused(evidence: SetEvidence):
    few = SetAnswers(np.zeros((ROWS, 3), np.float32))
    with pytest.raises(RequestError, match="teacher answered"):
        SetEvidence("t", CLASSES, evidence.labels, {"teacher": few}, {})
    labels = evidence.labels.copy()
    labels[4] = -1
    with pytest.raises(RequestError, match="test row 4 has no set of labels"):
        SetEvidence("t", CLASSES, labels, evidence.answers, {})
