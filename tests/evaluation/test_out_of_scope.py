"""Figures of scope against scikit-learn's, and intervals against a plain loop."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from understudy.errors import RequestError
from understudy.evaluation import out_of_scope as scope
from understudy.evaluation.out_of_scope import (
    auroc,
    average_precision,
    false_positive_rate,
    out_of_scope,
    resampled,
    threshold_balancing,
    threshold_keeping,
)

sure = st.lists(st.sampled_from(np.linspace(0, 1, 9)), min_size=1, max_size=40)


def references(inside, outside):
    """AUROC, AUPR and FPR at 95% recall as scikit-learn has them."""
    truth = np.r_[np.ones(len(inside)), np.zeros(len(outside))]
    shown = np.r_[inside, outside]
    passed, kept, _ = roc_curve(truth, shown, drop_intermediate=False)
    return {
        "auroc": roc_auc_score(truth, shown),
        "aupr": average_precision_score(1 - truth, -shown),
        "fpr_at_95": passed[kept >= 0.95 - 1e-12].min(),
    }


def confidences(inside=300, outside=100):
    generator = np.random.default_rng(0)
    return tuple(
        generator.beta(*shape, size).astype(np.float32)
        for shape, size in (((6, 2), inside), ((2, 3), outside), ((6, 2), inside // 2))
    )


@settings(max_examples=40)
@given(sure, sure)
def test_figures_are_those_of_scikit_learn(inside, outside):
    inside, outside = np.float32(inside), np.float32(outside)
    found = {name: one.value for name, one in resampled(inside, outside, resamples=1).items()}
    assert found == pytest.approx(references(inside, outside), abs=1e-9)


def test_figures_at_their_limits():
    apart, together = np.array([[0.0, 0.0, 9.0], [0.0, 5.0, 0.0]]), np.array([3.0, 3.0, 3.0])
    assert auroc(apart[0], apart[1]) == 1
    assert auroc(apart[1], apart[0]) == 0
    assert average_precision(apart[0], apart[1]) == 1
    assert false_positive_rate(apart[0], apart[1]) == 0
    assert auroc(together, together) == 0.5
    assert average_precision(together, together) == pytest.approx(0.5)
    assert false_positive_rate(together, together) == 1
    assert auroc(apart, apart[::-1]).tolist() == [1, 0]


def test_draws_are_those_of_resampled_rows():
    inside, outside, _ = confidences(40, 30)
    inside = np.round(inside, 1)
    found = resampled(inside, outside, resamples=20, seed=3)
    chosen_in = np.random.default_rng(3).integers(0, 40, size=(20, 40), dtype=np.int32)
    chosen_out = np.random.default_rng(4).integers(0, 30, size=(20, 30), dtype=np.int32)
    for draw in range(20):
        expected = references(inside[chosen_in[draw]], outside[chosen_out[draw]])
        drawn = {name: one.draws[draw] for name, one in found.items()}
        assert drawn == pytest.approx(expected, abs=1e-9)


def test_coarse_levels_give_nearly_the_same_interval(monkeypatch):
    inside, outside, _ = confidences(3000, 1000)
    exact = resampled(inside, outside, 200)["auroc"].interval()
    monkeypatch.setattr(scope, "LEVELS", 400)
    coarse = resampled(inside, outside, 200)["auroc"].interval()
    assert coarse.value == exact.value
    assert coarse.low == pytest.approx(exact.low, abs=2e-4)
    assert coarse.high == pytest.approx(exact.high, abs=2e-4)


@given(sure)
def test_a_threshold_is_the_highest_that_keeps_enough(rows):
    rows = np.float32(rows)
    threshold = threshold_keeping(rows)
    assert (rows >= threshold).mean() >= 0.95 - 1e-12
    higher = rows[rows > threshold]
    assert not len(higher) or (rows >= higher.min()).mean() < 0.95


@given(sure, sure)
def test_no_threshold_balances_better(inside, outside):
    inside, outside = np.float32(inside), np.float32(outside)

    def balance(threshold):
        return (inside >= threshold).mean() + (outside < threshold).mean()

    best = balance(threshold_balancing(inside, outside))
    assert best >= max(map(balance, np.r_[inside, outside])) - 1e-12


def test_the_scorecards_part_is_plain_and_true():
    inside, outside, validation = confidences()
    card = out_of_scope(inside, outside, validation, resamples=200)
    assert json.loads(json.dumps(card)) == card
    assert (card["rows"], card["validation_rows"]) == (100, 150)
    assert list(card["thresholds"]) == ["keeps_95", "best"]
    for figure in ("auroc", "aupr", "fpr_at_95"):
        assert card[figure]["low"] < card[figure]["value"] < card[figure]["high"]
    for part in card["thresholds"].values():
        kept, found = (inside >= part["threshold"]).mean(), (outside < part["threshold"]).mean()
        assert part["kept"]["value"] == pytest.approx(kept)
        assert part["recall"]["value"] == pytest.approx(found)
        balanced = part["balanced_accuracy"]
        assert balanced["value"] == pytest.approx((kept + found) / 2)
        assert balanced["low"] < balanced["value"] < balanced["high"]
    assert (validation >= card["thresholds"]["keeps_95"]["threshold"]).mean() >= 0.95


@pytest.mark.parametrize(
    ("inside", "outside", "validation", "what"),
    [([], [0.5], [0.5], "test"), ([0.5], [], [0.5], "out-of-scope"), ([1], [1], [np.nan], "valid")],
)
def test_rows_that_say_nothing_are_refused(inside, outside, validation, what):
    with pytest.raises(RequestError, match=f"{what}.* rows need confidences that are finite"):
        out_of_scope(np.float32(inside), np.float32(outside), np.float32(validation))
