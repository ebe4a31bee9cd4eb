"""The audit finds each well-known mistake, names it, and lets what is right pass."""

import pytest
import torch
from torch.nn import functional

from understudy.objectives import ReverseKl, SoftLabels
from understudy.objectives.audit import CLASSES, TEMPERATURES, audit

pytestmark = pytest.mark.filterwarnings("ignore:reduction:UserWarning")


def kl_div(temperature, reduction="batchmean", power=2):
    def loss(student, teacher):
        shown = functional.log_softmax(student / temperature, dim=-1)
        said = functional.softmax(teacher / temperature, dim=-1)
        value = functional.kl_div(shown, said, reduction=reduction)
        return value * temperature**power

    return loss


def right(temperature):
    def loss(student, teacher):
        shown = functional.log_softmax(student.float() / temperature, dim=-1)
        said = functional.log_softmax(teacher.float() / temperature, dim=-1)
        return temperature**2 * (said.exp() * (said - shown)).sum(-1).mean()

    return loss


def swapped(temperature):
    return lambda student, teacher: right(temperature)(teacher, student)


def softmax_twice(temperature):
    def loss(student, teacher):
        return right(1.0)(
            functional.softmax(student / temperature, -1),
            functional.softmax(teacher / temperature, -1),
        )

    return loss


def student_softmax_twice(temperature):
    return lambda student, teacher: right(temperature)(functional.softmax(student, -1), teacher)


def no_logarithm(temperature):
    def loss(student, teacher):
        shown, said = (functional.softmax(each / temperature, -1) for each in (student, teacher))
        return functional.kl_div(shown, said, reduction="batchmean")

    return loss


MISTAKES = {
    "mean over classes": (lambda t: kl_div(t, "mean"), "1/C of what it must be"),
    "no T squared": (lambda t: kl_div(t, power=0), "the factor T**2 is missing"),
    "neither": (lambda t: kl_div(t, "mean", 0), "1/(C T**2) of what it must be"),
    "sum": (lambda t: kl_div(t, "sum"), "the sum over the rows, not their mean"),
    "T once": (lambda t: kl_div(t, power=1), "its gradient is 0.05 to 1 times as long"),
    "three times": (
        lambda t: lambda s, u: 3 * right(t)(s, u),
        "its gradient is 3 times as long as it must be",
    ),
    "swapped": (swapped, "it is KL(student || teacher), the arguments are swapped"),
    "softmax twice": (softmax_twice, "softmax is applied twice"),
    "student softmax twice": (student_softmax_twice, "a student equal to its teacher gets a grad"),
    "no logarithm": (no_logarithm, "it takes the student's probabilities for their logarithms"),
    "batchmean on [B, L, C]": (kl_div, "on [B, L, C] (L = 8) it is 8 times what it is"),
}


def test_what_is_right_passes_with_one_in_every_cell():
    verdict = audit({t: right(t) for t in TEMPERATURES}, name="ours")
    assert verdict.line == "ours: right"
    assert len(verdict.cells) == len(CLASSES) * len(TEMPERATURES)
    for cell in verdict.cells:
        assert cell.length == pytest.approx(1, abs=1e-3)
        assert cell.cosine == pytest.approx(1, abs=1e-4)
    assert verdict.left < 1e-5


@pytest.mark.parametrize("name", MISTAKES)
def test_a_well_known_mistake_is_named(name):
    make, words = MISTAKES[name]
    verdict = audit({t: make(t) for t in TEMPERATURES}, name=name)
    assert not verdict.is_right
    assert words in verdict.line


def test_a_lone_callable_is_taken_at_temperature_one():
    assert audit(right(1.0)).is_right
    assert "times as long" in audit(right(4.0)).line or "elsewhere" in audit(right(4.0)).line


def test_an_entropy_that_is_left_in_is_noted_and_forgiven():
    def loss(student, teacher):
        said = functional.softmax(teacher.float(), -1)
        return -(said * functional.log_softmax(student.float(), -1)).sum(-1).mean()

    verdict = audit(loss)
    assert verdict.is_right
    assert "the teacher's entropy is left in" in verdict.line


def test_another_divergence_is_not_held_to_kl_but_to_zero_at_the_teacher():
    def distance(student, teacher):
        term = ReverseKl()
        return term.per_row({"logits": student}, {"logits": teacher}, None).mean()

    assert audit(distance, claims="zero").line == "loss: right"
    assert not audit(distance, claims="kl").is_right

    def apart(student, teacher):
        return distance(student, teacher) + 0.5

    assert "it is 0.5, not 0, for a student equal" in audit(apart, claims="zero").line
    assert audit(apart, claims="nothing").is_right


def test_shift_order_and_repetition_are_seen():
    def squares(student, teacher):
        return (student.float() - teacher.float()).square().mean()

    assert "a constant added to the logits moves it" in audit(squares, claims="zero").line

    def favourite(student, teacher):
        weights = torch.arange(student.shape[-1])
        return (weights * (student - teacher).float().softmax(-1)).sum(-1).mean()

    assert "classes in another order move it" in audit(favourite, claims="nothing").line

    def total(student, teacher):
        return right(1.0)(student, teacher) * len(student)

    assert "every row given twice makes it 2 times as large" in audit(total, claims="zero").line


def test_padding_is_seen_where_the_loss_takes_a_mask():
    def whole(student, teacher, mask):
        rows = SoftLabels(1.0).per_row({"logits": student}, {"logits": teacher}, mask)
        return (rows * mask).sum() / len(mask)

    def counted(student, teacher, mask):
        return whole(student, teacher, mask) * len(mask) / mask.sum()

    assert audit(right(1.0), masked=counted).is_right
    assert "rows that are masked out move it" in audit(right(1.0), masked=whole).line


def test_half_precision_is_seen():
    def overflowing(student, teacher):
        return right(1.0)(student, teacher) + 0 * (student * 60000).square().mean()

    assert "on float16 logits it is nan" in audit(overflowing).line
    note = audit({20.0: kl_div(20.0)}).notes
    assert any("on bfloat16 logits, without autocast, it is off by" in each for each in note)


def test_a_loss_that_fails_gets_a_verdict_too():
    def broken(student, teacher):
        raise ValueError("no such thing")

    assert audit(broken).line == "loss: wrong: it fails on logits [B, C]: ValueError: no such thing"
    assert not audit(lambda student, teacher: torch.zeros(())).is_right
