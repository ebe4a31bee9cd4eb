"""What the teacher added, told plainly, also where it added nothing."""

import pytest

from understudy.report.teaching import teaching


def _difference(card, low, value, high):
    found = card["comparison"]["student"]["control"]
    found["difference"] = {"low": low, "value": value, "high": high}
    return teaching(card)


def test_a_teacher_that_helped(card):
    found = teaching(card)
    assert found.answer == "The teacher helped."
    assert found.sentences[0] == (
        "The same network, trained on the same rows for as long, reaches 96.1% accuracy on labels "
        "alone and 97.4% with the teacher: +1.3 points (95% interval +0.2 to +2.4). The interval "
        "lies above zero, so this is hardly chance."
    )


@pytest.mark.parametrize(
    ("bounds", "answer", "ending"),
    [
        ((-0.01, 0.001, 0.01), "The teacher added nothing measurable.", "may well be chance."),
        (
            (-0.03, -0.02, -0.01),
            "The teacher did harm: the control is better than the student.",
            "Use the control, or let the teacher weigh less in the objective.",
        ),
    ],
)
def test_a_teacher_that_did_not_help(card, bounds, answer, ending):
    found = _difference(card, *bounds)
    assert found.answer == answer
    assert found.sentences[0].endswith(ending)


def test_where_less_is_better_the_sign_turns(card):
    card |= {"metric": "rmse", "direction": "lower"}
    assert _difference(card, -0.3, -0.2, -0.1).answer == "The teacher helped."


def test_without_a_control_nothing_is_claimed(card):
    del card["comparison"]["student"]["control"]
    found = teaching(card)
    assert found.answer == "Whether the teacher helped is not known."
    assert found.sentences[0].startswith("No control was compared with")


def test_a_gap_that_is_not_defined_gives_its_reason(card):
    card["comparison"]["student"]["recovered_gap"] = {"value": None, "reason": "there is none"}
    assert "The recovered gap is not defined, since there is none." in teaching(card).sentences


def test_rivals_that_are_as_good_are_named_with_their_price(card):
    assert teaching(card).sentences[-1] == (
        "rival-knn, which needs no teacher, is as good as the student, and 30× larger and "
        "6.4× slower."
    )


def test_a_better_rival_is_called_better(card):
    card["comparison"]["rival-knn"]["student"]["p_value"] = 0.001
    assert "is better than the student" in teaching(card).sentences[-1]


def test_rivals_that_are_all_worse_are_said_to_be(card):
    del card["models"]["rival-knn"]
    assert teaching(card).sentences[-1] == (
        "No rival is as good as the student: rival-linear did worse."
    )


def test_the_tables_hold_the_figures_behind_the_words(card):
    control, rivals = teaching(card).tables
    assert [row.name for row in control.rows] == ["student", "onnx"]
    assert [cell.text for cell in control.rows[0].cells] == [
        *("+1.3 points", "+0.2 to +2.4", "0.021", "63.6%"),
    ]
    assert [(row.name, row.cells[-1].text) for row in rivals.rows] == [
        *(("rival-linear", "worse"), ("rival-knn", "as good")),
    ]


def test_an_empty_scorecard_is_not_an_error():
    found = teaching({})
    assert found.tables == ()
    assert len(found.sentences) == 1
