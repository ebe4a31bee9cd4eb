"""The formulas over candidates, against plain float64 numpy, and what missing ones must not do."""

import math
from functools import partial

import numpy as np
import pytest
import torch

from understudy.errors import RequestError
from understudy.objectives.rankings import (
    ListMle,
    ListwiseKl,
    MarginMse,
    RankNet,
    ScoreSquaredError,
    list_mle,
    listwise_kl,
    margin_squared_error,
    rank_net,
    score_squared_error,
)

LENGTHS = (5, 4, 5, 3, 2, 5)
"""How many candidates each query of the tests has; the rest of its list is missing."""
TERMS = [
    ScoreSquaredError(),
    MarginMse(),
    ListwiseKl(),
    ListwiseKl(2.0, 0.5),
    ListwiseKl(0.5, 1.0, "teacher"),
    ListwiseKl(0.5, 0.5, "both"),
    RankNet(),
    RankNet(top_heavy=True),
    ListMle(),
]
every_term = pytest.mark.parametrize("term", TERMS, ids=repr)


def ragged(teacher, nothing=-np.inf):
    cut = teacher.copy()
    for row, length in enumerate(LENGTHS):
        cut[row, length:] = nothing
    return cut


def lists(reference, shown, teacher):
    """A reference of one list, over the queries."""
    pairs = zip(shown, teacher, LENGTHS, strict=True)
    return np.array([reference(s[:length], t[:length]) for s, t, length in pairs])


def value(term, student, teacher):
    return term.per_row({"scores": student}, {"scores": teacher}, torch.zeros(len(student)))


def squares(shown, said):
    return np.mean((shown - said) ** 2)


def margins(shown, said):
    pairs = zip(shown[1:], said[1:], strict=True)
    return np.mean([((shown[0] - s) - (said[0] - t)) ** 2 for s, t in pairs])


def zscores(scores):
    return (scores - np.mean(scores)) / (np.std(scores) if len(scores) > 2 else 1)


def chances(shown, said, mine, theirs, standardised):
    if standardised != "neither":
        said = zscores(said)
    if standardised == "both":
        shown = zscores(shown)
    p, q = np.exp(shown / mine), np.exp(said / theirs)
    p, q = p / p.sum(), q / q.sum()
    return (q * np.log(q / p)).sum()


def logistic(shown, said, top_heavy=False):
    order = list(np.argsort(-said))
    total = weights = 0.0
    for i, first in enumerate(order, start=1):
        for j, second in enumerate(order, start=1):
            if i < j:
                weight = 1 / (i + j) if top_heavy else 1.0
                total += weight * math.log1p(math.exp(shown[second] - shown[first]))
                weights += weight
    return total / weights


def likelihood(shown, said):
    left, chance = list(np.argsort(-said)), 1.0
    while left:
        powers = np.exp(shown[left])
        chance *= powers[0] / powers.sum()
        left = left[1:]
    return -math.log(chance)


FORMULAS = [
    (score_squared_error, squares),
    (margin_squared_error, margins),
    (rank_net, logistic),
    (partial(rank_net, top_heavy=True), partial(logistic, top_heavy=True)),
    (list_mle, likelihood),
    *(
        (
            partial(
                listwise_kl,
                student_temperature=mine,
                teacher_temperature=theirs,
                standardised=standardised,
            ),
            partial(chances, mine=mine, theirs=theirs, standardised=standardised),
        )
        for mine, theirs in ((1.0, 1.0), (0.5, 3.0))
        for standardised in ("neither", "teacher", "both")
    ),
]


@pytest.mark.parametrize("nothing", [-np.inf, np.nan])
@pytest.mark.parametrize(("formula", "reference"), FORMULAS)
def test_value_and_gradient_equal_the_reference(agree, pair, formula, reference, nothing):
    student, teacher = pair()
    said = torch.tensor(ragged(teacher, nothing))
    agree(
        lambda shown: formula(shown, said),
        lambda shown: lists(reference, shown, teacher),
        student,
    )


@every_term
@pytest.mark.parametrize("nothing", [-torch.inf, torch.nan])
def test_missing_candidates_change_nothing_whatever_the_student_shows_there(term, pair, nothing):
    student, teacher = (torch.tensor(each) for each in pair(classes=5))
    plain = value(term, student, teacher)
    more = torch.tensor([torch.nan, torch.inf, 1e9], dtype=torch.float64).expand(6, 3)
    shown = torch.cat([student, more], dim=1).requires_grad_()
    said = torch.cat([teacher, torch.full((6, 3), nothing, dtype=torch.float64)], dim=1)
    found = value(term, shown, said)
    found.sum().backward()
    torch.testing.assert_close(found.detach(), plain)
    assert torch.isfinite(shown.grad).all()
    assert float(shown.grad[:, 5:].abs().max()) == 0


@every_term
@pytest.mark.parametrize("present", [0, 1])
def test_a_query_with_one_candidate_or_none_counts_nothing(term, present):
    shown = torch.randn(2, 4, requires_grad=True)
    said = torch.full((2, 4), -torch.inf)
    said[:, :present] = 3.0
    found = value(term, shown, said)
    found.sum().backward()
    if present and isinstance(term, ScoreSquaredError):
        torch.testing.assert_close(found, (shown[:, 0] - 3).square())
        return
    assert float(found.detach().abs().max()) < 1e-6
    assert float(shown.grad.abs().max()) < 1e-6


def test_without_its_positive_a_query_has_no_margins():
    said = torch.tensor([[-torch.inf, 1.0, 2.0]])
    assert float(value(MarginMse(), torch.randn(1, 3), said)) == 0


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_single_pairs_come_in_either_shape(shape):
    shown, said = torch.randn(6), torch.randn(6)
    found = value(ScoreSquaredError(), shown.reshape(6, 1), said.reshape(shape))
    torch.testing.assert_close(found, (shown - said).square())


def test_ties_of_the_teacher_are_no_pair():
    shown = torch.tensor([[0.0, 5.0, 1.0]])
    tied = value(RankNet(), shown, torch.tensor([[2.0, 2.0, 1.0]]))
    wanted = (math.log1p(math.exp(1.0)) + math.log1p(math.exp(-4.0))) / 2
    assert float(tied) == pytest.approx(wanted)
    assert float(value(RankNet(top_heavy=True), shown, torch.ones(1, 3))) == 0


def test_order_alone_counts_for_what_is_about_order(pair):
    student, teacher = (torch.tensor(each) for each in pair())
    for term in (RankNet(), RankNet(top_heavy=True), ListMle()):
        torch.testing.assert_close(
            value(term, student, teacher), value(term, student, teacher.exp())
        )


def test_an_error_at_the_top_costs_more_where_the_top_is_heavy():
    said = torch.tensor([[4.0, 3.0, 2.0, 1.0]])
    top, end = torch.tensor([[3.0, 4.0, 2.0, 1.0]]), torch.tensor([[4.0, 3.0, 1.0, 2.0]])
    heavy, plain = RankNet(top_heavy=True), RankNet()
    torch.testing.assert_close(value(plain, top, said), value(plain, end, said))
    assert float(value(heavy, top, said)) > 1.1 * float(value(heavy, end, said))


def test_standardised_scores_have_no_scale(pair):
    student, teacher = (torch.tensor(each) for each in pair())
    both, teachers = ListwiseKl(standardised="both"), ListwiseKl(standardised="teacher")
    plain = value(both, student, teacher)
    torch.testing.assert_close(value(both, 9 * student + 1, 0.1 * teacher - 4), plain)
    moved = value(teachers, student, 0.1 * teacher - 4)
    torch.testing.assert_close(moved, value(teachers, student, teacher))
    assert float((value(teachers, 9 * student, teacher) - moved).abs().min()) > 0.01


def test_a_flat_list_has_a_finite_gradient():
    shown = torch.ones(1, 4, requires_grad=True)
    found = value(ListwiseKl(standardised="both"), shown, torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    found.sum().backward()
    assert float(found.detach()) > 0.1
    assert torch.isfinite(shown.grad).all()
    assert float(shown.grad.abs().max()) > 0.1


@pytest.mark.parametrize(
    ("term", "rests"),
    [
        (ListwiseKl(), True),
        (ListwiseKl(2.0, 2.0, "both"), True),
        (ListwiseKl(2.0, 1.0), False),
        (ListwiseKl(standardised="teacher"), False),
    ],
)
def test_a_list_rests_at_the_teacher_where_both_sides_are_treated_alike(term, rests, pair):
    said = torch.tensor(pair()[1])
    assert term.zero_at_teacher is rests
    assert (float(value(term, said, said).max()) < 1e-9) is rests


@pytest.mark.parametrize(
    "term", [each for each in TERMS if not isinstance(each, ScoreSquaredError)]
)
def test_single_pairs_are_refused_where_candidates_are_compared(term):
    with pytest.raises(
        RequestError, match="give lists of two or more, or take score_squared_error"
    ):
        value(term, torch.zeros(3, 1), torch.zeros(3))


@every_term
def test_lists_of_two_lengths_are_refused(term):
    with pytest.raises(RequestError, match="student scores 4 candidates a query and the teacher 5"):
        value(term, torch.zeros(3, 4), torch.zeros(3, 5))


@pytest.mark.parametrize(
    ("knobs", "sentence"),
    [
        ({"student_temperature": 0}, "listwise_kl: student_temperature is 0; it must be above 0"),
        ({"teacher_temperature": -1}, "listwise_kl: teacher_temperature is -1; it must be above 0"),
        ({"standardised": "all"}, "standardised is all; it must be neither, teacher or both"),
    ],
)
def test_a_knob_out_of_range_is_refused_in_one_sentence(knobs, sentence):
    with pytest.raises(RequestError) as caught:
        ListwiseKl(**knobs)
    assert sentence in str(caught.value)
