"""Flips, inherited errors, McNemar and the recovered gap, by hand and by law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import rel_entr, softmax

from understudy.evaluation import trust
from understudy.evaluation.bootstrap import Resampled
from understudy.evaluation.predictor import answers_from
from understudy.evaluation.quality import resampled

LABELS_ = np.array([0, 0, 0, 1, 1, 1, 2, 2])
TEACHER = np.array([0, 0, 1, 1, 1, 2, 2, 0])
STUDENT = np.array([0, 1, 1, 1, 0, 1, 2, 1])


def test_a_table_counted_by_hand():
    assert trust.agreement(STUDENT, TEACHER).sum() == 4
    assert np.flatnonzero(trust.harmful_flips(STUDENT, TEACHER, LABELS_)).tolist() == [1, 4]
    assert np.flatnonzero(trust.helpful_flips(STUDENT, TEACHER, LABELS_)).tolist() == [5]
    assert np.flatnonzero(trust.inherited_errors(STUDENT, TEACHER, LABELS_)).tolist() == [2]
    assert trust.inherited_share(STUDENT, TEACHER, LABELS_) == pytest.approx(1 / 3)


def test_a_teacher_that_is_never_wrong_has_no_share_to_inherit():
    assert trust.inherited_share(STUDENT, LABELS_, LABELS_) is None


rows = st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=60)


@given(rows)
def test_accuracy_differs_by_the_flips(cases):
    labels, teacher, model = np.array(cases).T
    harmful = trust.harmful_flips(model, teacher, labels)
    helpful = trust.helpful_flips(model, teacher, labels)
    inherited = trust.inherited_errors(model, teacher, labels)
    assert (model == labels).sum() - (teacher == labels).sum() == helpful.sum() - harmful.sum()
    assert not (harmful & helpful).any()
    assert not (inherited & (harmful | helpful)).any()
    assert harmful.mean() <= (teacher == labels).mean()
    assert (helpful | inherited).mean() <= (teacher != labels).mean()


@given(rows)
def test_a_copy_of_the_teacher_flips_nothing_and_inherits_everything(cases):
    labels, teacher, _ = np.array(cases).T
    assert not trust.harmful_flips(teacher, teacher, labels).any()
    assert not trust.helpful_flips(teacher, teacher, labels).any()
    assert np.array_equal(trust.inherited_errors(teacher, teacher, labels), teacher != labels)


def test_kl_is_that_of_scipy_and_zero_at_the_teacher():
    generator = np.random.default_rng(0)
    teacher, model = generator.normal(scale=3, size=(2, 20, 5))
    said, shown = answers_from(teacher).log_probabilities, answers_from(model).log_probabilities
    expected = rel_entr(softmax(teacher, axis=1), softmax(model, axis=1)).sum(axis=1)
    np.testing.assert_allclose(trust.kl(said, shown), expected, rtol=1e-4)
    assert not trust.kl(said, said).any()
    assert trust.kl(said, shown).dtype == np.float32


def _discordant(first: int, second: int) -> tuple[np.ndarray, np.ndarray]:
    agreed = np.array([True] * 10 + [False] * 5)
    return (
        np.concatenate([agreed, np.ones(first, bool), np.zeros(second, bool)]),
        np.concatenate([agreed, np.zeros(first, bool), np.ones(second, bool)]),
    )


@pytest.mark.parametrize("first, second", [(0, 0), (1, 0), (5, 2), (12, 12), (20, 4), (0, 24)])
def test_few_discordant_rows_are_tested_exactly(first, second):
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert trust.mcnemar(*_discordant(first, second)) == pytest.approx(expected)


@pytest.mark.parametrize("first, second", [(20, 5), (0, 25), (60, 40), (30, 30), (31, 30)])
def test_many_discordant_rows_are_tested_by_chi_square(first, second):
    chi_square = max(0, abs(first - second) - 1) ** 2 / (first + second)
    expected = stats.chi2.sf(chi_square, df=1)
    assert trust.mcnemar(*_discordant(first, second)) == pytest.approx(expected)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_symmetric_and_a_probability(first, second):
    p_value = trust.mcnemar(*_discordant(first, second))
    assert p_value == trust.mcnemar(*_discordant(second, first))
    assert 0.0 <= p_value <= 1.0


def _figures(answering, shares: dict[str, float], rows: int = 3000) -> dict[str, Resampled]:
    labels = np.random.default_rng(0).integers(0, 3, rows)
    return {
        name: resampled(answering(labels, share, seed=place), labels, 3, resamples=300)["accuracy"]
        for place, (name, share) in enumerate(shares.items())
    }


def test_the_gap_is_the_ratio_of_two_paired_differences(answering):
    found = _figures(answering, {"teacher": 0.95, "control": 0.85, "student": 0.92})
    teacher, control, student = found["teacher"], found["control"], found["student"]
    gap = trust.recovered_gap(student, control, teacher).interval
    assert gap.value == pytest.approx(
        (student.value - control.value) / (teacher.value - control.value)
    )
    ratios = (student.draws - control.draws) / (teacher.draws - control.draws)
    assert (gap.low, gap.high) == pytest.approx(tuple(np.quantile(ratios, [0.025, 0.975])))
    assert trust.recovered_gap(control, control, teacher).interval.value == 0.0
    whole = trust.recovered_gap(teacher, control, teacher).interval
    assert (whole.value, whole.low, whole.high) == (1.0, 1.0, 1.0)


def test_a_gap_that_may_be_none_is_not_defined(answering):
    found = _figures(answering, {"teacher": 0.902, "control": 0.9, "student": 0.9}, rows=500)
    gap = trust.recovered_gap(found["student"], found["control"], found["teacher"])
    assert gap.interval is None
    assert "the teacher is not measurably better than the control (" in gap.reason


def test_a_teacher_below_its_control_leaves_no_gap(answering):
    found = _figures(answering, {"teacher": 0.8, "control": 0.9, "student": 0.9})
    gap = trust.recovered_gap(found["student"], found["control"], found["teacher"])
    assert gap.interval is None
    assert "the teacher is worse than the control (-0." in gap.reason


def test_without_a_control_there_is_no_gap(answering):
    found = _figures(answering, {"teacher": 0.9}, rows=50)
    gap = trust.recovered_gap(found["teacher"], None, found["teacher"])
    assert (gap.interval, gap.reason) == (None, "no control was trained")
