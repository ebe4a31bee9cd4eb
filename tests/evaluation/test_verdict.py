"""The verdict's sentence, scenario by scenario, on scorecards of real answers."""

import pytest

from understudy.evaluation.scorecard import build
from understudy.evaluation.verdict import conclusion

BIG, SMALL = 4_000_000, 200_000
GOOD = {"teacher": (0.96, BIG), "control": (0.85, SMALL), "student": (0.93, SMALL)}


def _conclude(evidence, models, results=(), **rest):
    card = {**build(evidence(models, **rest)), "requirements": list(results)}
    state, why, advice = conclusion(card)
    assert why[0].isupper()
    assert why.endswith(".")
    assert ". " not in why
    return state, why, advice


def _result(passed, value=0.5, model="onnx", **rest):
    return {"rule": "agreement >= 0.9", "model": model, "value": value, "passed": passed, **rest}


def test_a_good_student_is_praised_with_numbers(evidence):
    state, why, advice = _conclude(evidence, GOOD)
    assert state == "no requirements"
    assert why.startswith("No requirement was set; the student keeps 9")
    assert (
        "of the teacher's accuracy; it is better than the control, which saw labels only (+0.0"
        in why
    )
    assert "it recovers " in why
    assert "% of the gap between control and teacher (" in why
    assert advice == []


def test_vectors_that_can_drop_in_are_said_to():
    quality = {"ndcg_at_10": {"value": 0.6, "low": 0.5, "high": 0.7}}
    gap = {"value": None, "reason": "no control was trained"}
    student = {"quality_retained": 0.9, "recovered_gap": gap, "size_ratio": 4.0}
    card = {
        "metric": "ndcg_at_10",
        "models": {name: {"quality": quality, "bytes": 4} for name in ("teacher", "student")},
        "comparison": {"student": {**student, "drop_in_overlap": 0.854}},
        "requirements": [],
    }
    _, why, _ = conclusion(card)
    assert "the student keeps 90.0% of the teacher's nDCG@10; in an index that the teacher" in why
    assert "it finds 85% of the teacher's ten nearest; the recovered gap" in why
    _, why, _ = conclusion({**card, "space": {"dimensions": 128}})
    assert "in an index that the teacher made, brought into its space, it finds 85%" in why
    card["comparison"] = {"student": {**student, "drop_in_overlap": None}}
    assert "index" not in conclusion(card)[1]


def test_only_requirements_decide_the_state(evidence):
    poor = {**GOOD, "student": (0.5, BIG)}
    assert _conclude(evidence, poor, [_result(True)])[0] == "ship"
    assert _conclude(evidence, poor)[0] == "no requirements"
    assert _conclude(evidence, GOOD, [_result(True), _result(False)])[0] == "do not ship"


def test_ship_names_the_models_that_passed(evidence):
    results = [_result(True), _result(True, model="onnx-int8"), _result(True)]
    _, why, _ = _conclude(evidence, GOOD, results)
    assert why.startswith("Ship, since every requirement holds for onnx, onnx-int8; the student")


def test_do_not_ship_names_the_rules_that_failed(evidence):
    unknown = _result(False, None, "student", reason="agreement of student was not measured")
    _, why, _ = _conclude(evidence, GOOD, [_result(True, 1.0, "a"), _result(False), unknown])
    assert why.startswith(
        "Do not ship, since onnx does not meet agreement >= 0.9 (0.5) and student does not meet "
        "agreement >= 0.9 (agreement of student was not measured); the student"
    )


def test_a_control_that_is_better_is_recommended(evidence):
    _, why, advice = _conclude(evidence, {**GOOD, "control": (0.9, SMALL), "student": (0.8, SMALL)})
    assert "the control, which saw labels only, is better than the student in accuracy (" in why
    assert "nothing measurable" not in why
    [advised] = advice
    assert advised.startswith("Use the control, or a gentler objective")
    assert all(word in advised for word in ("temperature", "weight", "`weight: auto`"))


def test_a_teacher_that_added_nothing_is_said_to(evidence):
    models = {**GOOD, "control": (0.9, SMALL), "student": (0.901, SMALL)}
    _, why, advice = _conclude(evidence, models)
    assert "the teacher added nothing measurable over the control" in why
    assert "better than" not in why
    assert any("as good as the student" in advised for advised in advice)


def test_a_gap_that_is_not_defined_is_said_to_be(evidence):
    models = {"teacher": (0.9, BIG), "control": (0.9, SMALL), "student": (0.9, SMALL)}
    _, why, advice = _conclude(evidence, models)
    assert "the recovered gap is not defined, since the teacher is not measurably better" in why
    assert any("more test rows" in advised for advised in advice)


def test_without_a_control_nothing_is_claimed_of_it(evidence):
    models = {"teacher": (0.9, BIG), "student": (0.8, SMALL)}
    _, why, advice = _conclude(evidence, models)
    assert "the recovered gap is not defined, since no control was trained" in why
    assert "labels only" not in why
    assert advice == []


@pytest.mark.parametrize(
    "share, size, said",
    [
        (0.93, SMALL, True),
        (0.96, SMALL - 8, True),
        (0.93, SMALL + 8, False),
        (0.80, SMALL // 2, False),
    ],
)
def test_a_rival_as_good_and_not_larger_is_named(evidence, share, size, said):
    _, why, advice = _conclude(evidence, {**GOOD, "rival-linear": (share, size)})
    clause = "rival-linear, which needs no teacher, is as good as the student and not larger"
    assert (clause in why) == said
    assert bool(advice) == said


@pytest.mark.parametrize("size, said", [(BIG, True), (2 * BIG, True), (BIG - 8, False)])
def test_a_student_of_the_teachers_size_is_warned_of(evidence, size, said):
    _, why, advice = _conclude(evidence, {**GOOD, "student": (0.93, size)})
    assert ("the student is not smaller than the teacher" in why) == said
    assert bool(advice) == said
