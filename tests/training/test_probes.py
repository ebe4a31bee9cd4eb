"""What is 'auto' becomes a number by short trainings, and comes back from a file as it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from torch import nn

from understudy.errors import RequestError
from understudy.objectives import (
    Correlations,
    HardLabels,
    Objective,
    ReverseKl,
    SoftLabels,
    Weighted,
    as_objective,
)
from understudy.training import probes
from understudy.training.probes import (
    SOFT_WEIGHTS,
    TEMPERATURES,
    describe,
    from_facts,
    provisional,
    settle,
    to_facts,
)
from understudy.training.settings import Training
from understudy.training.step import Lesson

AUTO = Objective((Weighted(SoftLabels("auto"), "auto"), Weighted(HardLabels(), "auto")))
WARM = Objective((Weighted(SoftLabels("auto"), 0.7), Weighted(HardLabels(), 0.3)))
HEAVY = Objective((Weighted(SoftLabels(2.0), "auto"), Weighted(HardLabels(), 0.4)))
FIXED = 0.9 * SoftLabels(4.0) + 0.1 * HardLabels()
QUICK = Training(epochs=10, batch_size=64, learning_rate=0.01, patience=1)


def numbers(objective: Objective) -> list[tuple[float, float | None]]:
    return [(fact["weight"], fact["temperature"]) for fact in to_facts(objective)]


@pytest.mark.parametrize(("asked", "probed"), [(AUTO, 4 + 3), (WARM, 4), (HEAVY, 3), (FIXED, 0)])
def test_auto_settles_on_the_best_probe(
    lesson: Callable[..., Lesson],
    small_network: Callable[..., nn.Module],
    asked: Objective,
    probed: int,
):
    heard: list[Mapping[str, Any]] = []
    settled = settle(lesson(asked), small_network, QUICK, heard.append)
    assert settled.is_settled
    assert len(heard) == probed
    assert {record["event"] for record in heard} <= {"probe"}
    for part, open_part in zip(settled.terms, asked.terms, strict=True):
        assert type(part.term) is type(open_part.term)
    soft, hard = numbers(settled)
    if asked is AUTO:
        assert soft[0] in SOFT_WEIGHTS
        assert hard[0] == pytest.approx(1 - soft[0])
        assert soft[1] in TEMPERATURES
    elif asked is WARM:
        assert (soft[0], hard[0]) == (0.7, 0.3)
        assert soft[1] in TEMPERATURES
    elif asked is HEAVY:
        assert soft[1] == 2.0
        assert hard[0] == pytest.approx(1 - soft[0])
    else:
        assert settled == FIXED
    if probed:
        last = heard[-3:] if asked is not WARM else heard
        best = max(last, key=lambda record: (record["validation"], -record["validation_loss"]))
        assert describe(settled) == best["objective"]


def test_a_probe_runs_a_fifth_of_the_epochs_from_the_same_student(
    lesson: Callable[..., Lesson],
    small_network: Callable[..., nn.Module],
    monkeypatch: pytest.MonkeyPatch,
):
    given: list[tuple[int, Any]] = []
    train = probes.train

    def noted(network: nn.Module, lesson: Lesson, training: Training, **rest: Any) -> Any:
        outcome = train(network, lesson, training, **rest)
        given.append((len(outcome.curve), training))
        return outcome

    monkeypatch.setattr(probes, "train", noted)
    settle(lesson(WARM), small_network, QUICK, lambda record: None)
    assert [epochs for epochs, _ in given] == [2] * 4
    assert all(training == replace(QUICK, epochs=2, patience=None) for _, training in given)


def test_provisional_numbers_are_the_usual_ones():
    assert numbers(provisional(AUTO)) == [(0.9, 4.0), (pytest.approx(0.1), None)]
    assert provisional(FIXED) == FIXED


def test_any_term_that_reads_the_teacher_gets_the_teachers_share():
    asked = Objective((Weighted(ReverseKl(), "auto"), Weighted(HardLabels(), "auto")))
    assert numbers(provisional(asked)) == [(0.9, 1.0), (pytest.approx(0.1), None)]


@pytest.mark.parametrize("asked", [AUTO, WARM, HEAVY, FIXED, as_objective(Correlations())])
def test_the_numbers_go_through_a_file(asked: Objective):
    settled = provisional(asked)
    again = from_facts(asked, json.loads(json.dumps(to_facts(settled))))
    assert again == settled
    assert again.is_settled


def test_an_objective_is_told_in_one_line():
    assert describe(FIXED) == "0.9 soft_labels(temperature=4) + 0.1 hard_labels"
    assert describe(AUTO) == "auto soft_labels + auto hard_labels"
    assert describe(0.25 * SoftLabels(1.5)) == "0.25 soft_labels(temperature=1.5)"


def test_an_open_objective_cannot_be_trained(
    lesson: Callable[..., Lesson], small_network: Callable[..., nn.Module], tmp_path
):
    with pytest.raises(RequestError, match="the objective still holds 'auto'"):
        probes.train(small_network(), lesson(AUTO), QUICK, key="k", path=tmp_path / "c")
