"""The divergence by hand, and what a changed answer costs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from understudy.export.closeness import SEVERAL, closeness, measure_of, within_tolerance

LOGITS = np.log(np.array([[0.5, 0.25, 0.25], [0.4, 0.35, 0.25]]))


def test_a_copy_is_close_whatever_is_added_to_its_rows():
    found = closeness(LOGITS, LOGITS + np.array([[3.0], [-7.0]]), "logits")
    assert found.divergence == pytest.approx(0.0, abs=1e-12)
    assert (found.agreement, found.lost) == (1.0, 0.0)
    assert within_tolerance(found, "logits")


def test_logits_are_compared_by_kl_and_a_change_costs_what_the_student_gave_it():
    other = np.log(np.array([[0.25, 0.5, 0.25], [0.4, 0.35, 0.25]]))
    found = closeness(LOGITS, other, "logits")
    by_hand = 0.5 * np.log(0.5 / 0.25) + 0.25 * np.log(0.25 / 0.5)
    assert found.divergence == pytest.approx(by_hand / 2)
    assert found.agreement == 0.5
    assert found.lost == pytest.approx((0.5 - 0.25) / 2)
    assert not within_tolerance(found, "logits")


def test_changed_ties_cost_nothing():
    student = np.array([[1.0, 1.0 - 1e-9, -5.0]] * 4)
    artefact = np.array([[1.0, 1.0 + 1e-9, -5.0]] * 4)
    found = closeness(student, artefact, "logits")
    assert found.agreement == 0.0
    assert found.lost < 1e-8
    assert within_tolerance(found, "logits")


def test_a_confident_answer_that_changes_is_out_of_tolerance_though_few_do():
    student = np.tile([20.0, 0.0], (100, 1))
    artefact = student.copy()
    artefact[0] = [0.0, 0.001]
    found = closeness(student, artefact, "logits")
    assert found.lost == pytest.approx(0.01, rel=1e-6)
    assert not within_tolerance(found, "logits")


def test_embeddings_are_compared_by_direction_and_by_their_nearest_neighbours():
    student = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    assert closeness(student, 7.0 * student, "sentence_embedding").divergence == pytest.approx(
        0, abs=1e-12
    )
    turned = student[[0, 2, 1, 3]]
    found = closeness(student, turned, "sentence_embedding")
    cosine = float(student[1] @ student[2] / np.linalg.norm(student[1]) / 1.0)
    assert found.divergence == pytest.approx((1 - cosine) * 2 / 4)
    assert found.agreement == 0.0
    assert found.lost > 0.5
    assert not within_tolerance(found, "sentence_embedding")


def test_embeddings_are_held_to_more():
    student = np.array([[1.0, 0.0], [0.0, 1.0]])
    angle = np.arccos(1 - 0.005)
    turned = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    found = closeness(student, turned, "sentence_embedding")
    assert found.divergence == pytest.approx(0.005)
    assert not within_tolerance(found, "sentence_embedding")


def test_the_measure_goes_by_the_name_of_the_output():
    assert measure_of("logits") == measure_of("scores") == "kl"
    assert measure_of("sentence_embedding") == "cosine_distance"


def test_of_several_classes_every_decision_counts():
    student, artefact = np.array([[2.0, -3.0], [0.5, 1.0]]), np.array([[1.5, -2.0], [-0.5, 1.0]])
    found = closeness(student, artefact, SEVERAL)
    apart = []
    for row in range(2):
        yes, other = expit(student[row]), expit(artefact[row])
        kl = yes * np.log(yes / other) + (1 - yes) * np.log((1 - yes) / (1 - other))
        apart.append(kl.sum())
    assert found.divergence == pytest.approx(np.mean(apart))
    assert found.agreement == 0.75
    assert found.lost == pytest.approx((2 * expit(0.5) - 1) / 2)
    assert closeness(student, student, SEVERAL).divergence == 0.0
    assert measure_of(SEVERAL) == "kl"
