"""What holds for every way to compare hidden features."""

from typing import get_args

import pytest
import torch

from understudy.errors import RequestError
from understudy.objectives import (
    HiddenFeatures,
    SoftLabels,
    as_objective,
    fused_loss,
    is_joint,
    mirrored,
)
from understudy.objectives.hidden import METHODS, Name

PAIRS = {"a": "x", "b": "y"}
FORMS = {"maps": ((4, 3, 4), (6, 3, 4)), "tokens": ((5, 4), (5, 6)), "vectors": ((4,), (6,))}
CASES = [
    (form, name)
    for form in FORMS
    for name in METHODS
    if not (form == "vectors" and METHODS[name].compares == "places")
]
every_case = pytest.mark.parametrize(("form", "name"), CASES)
row_by_row = pytest.mark.parametrize(
    ("form", "name"), [(form, name) for form, name in CASES if not METHODS[name].joint]
)


def answers(form, rows=8, spread=1.0, seed=0):
    """(shown, said): two taps of each side, of the student's width and of the teacher's."""
    generator = torch.Generator().manual_seed(seed)
    mine, theirs = FORMS[form]

    def features(shape):
        return spread * torch.randn(rows, *shape, generator=generator)

    shown = {"tap/a": features(mine), "tap/b": features(mine)}
    return shown, {"tap/x": features(theirs), "tap/y": features(theirs)}


def shapes(named):
    return {name: tuple(value.shape) for name, value in named.items()}


def adapted(term, shown, said):
    """The student's answers, with those of the adapter."""
    torch.manual_seed(0)
    adapter = term.adapter(shapes(shown), shapes(said))
    return shown | (adapter(shown) if adapter else {})


def values_of(term, shown, said):
    rows = len(next(iter(shown.values())))
    return term.per_row(adapted(term, shown, said), said, torch.full((rows,), -1))


def equal_to_the_teacher(said):
    return {
        name: said[theirs].clone().requires_grad_()
        for name, theirs in (("tap/a", "tap/x"), ("tap/b", "tap/y"))
    }


def test_the_table_holds_what_a_recipe_may_name():
    assert tuple(METHODS) == get_args(Name)


def test_it_reads_the_teachers_taps_and_names_none_while_it_may_choose():
    assert HiddenFeatures(PAIRS).reads == ("tap/x", "tap/y")
    assert HiddenFeatures({"a": "x", "b": "x"}).reads == ("tap/x",)
    assert HiddenFeatures().reads == ("taps",)
    with pytest.raises(RequestError, match="still holds 'auto'"):
        _ = HiddenFeatures().chosen


@pytest.mark.parametrize(
    ("knobs", "sentence"),
    [
        ({"method": "hints"}, "hidden_features: method is hints; did you mean 'hint'?"),
        ({"pairs": {}}, "hidden_features: pairs is {}; name at least one, or say 'auto'"),
    ],
)
def test_knobs_are_checked_at_birth(knobs, sentence):
    with pytest.raises(RequestError) as error:
        HiddenFeatures(**knobs)
    assert str(error.value) == sentence


@every_case
def test_a_student_equal_to_its_teacher_has_no_loss_and_no_gradient(form, name):
    _, said = answers(form)
    shown = equal_to_the_teacher(said)
    values = HiddenFeatures(PAIRS, name).per_row(shown, said, torch.zeros(8))
    values.sum().backward()
    if not METHODS[name].zero_at_teacher:
        assert values.abs().max() > 1e-3
        return
    assert values.abs().max() < 1e-5
    assert all(value.grad.abs().max() < 1e-5 for value in shown.values())


@every_case
def test_a_step_along_the_gradient_lowers_the_loss(form, name):
    shown, said = answers(form)
    term = HiddenFeatures(PAIRS, name)
    leaves = {key: value.clone().requires_grad_() for key, value in shown.items()}
    before = values_of(term, leaves, said).mean()
    slopes = torch.autograd.grad(before, list(leaves.values()))
    assert all(slope.norm() > 1e-5 for slope in slopes)
    length = torch.stack([slope.norm() for slope in slopes]).norm()
    moved = {
        key: value - 1e-2 * slope / length
        for (key, value), slope in zip(shown.items(), slopes, strict=True)
    }
    assert values_of(term, moved, said).mean() < before


@every_case
def test_two_pairs_cost_what_both_cost(form, name):
    shown, said = answers(form)
    both = HiddenFeatures(PAIRS, name)
    known = adapted(both, shown, said)
    labels = torch.zeros(8)
    alone = [HiddenFeatures({a: b}, name).per_row(known, said, labels) for a, b in PAIRS.items()]
    torch.testing.assert_close(both.per_row(known, said, labels), sum(alone))


@every_case
def test_the_order_of_the_rows_does_not_matter(form, name):
    shown, said = answers(form)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(1))
    term = HiddenFeatures(PAIRS, name)
    plain = values_of(term, shown, said)
    moved = ({key: value[order] for key, value in side.items()} for side in (shown, said))
    torch.testing.assert_close(values_of(term, *moved), plain[order], rtol=1e-4, atol=1e-6)


@row_by_row
def test_a_row_alone_has_the_same_number(form, name):
    shown, said = answers(form)
    term = HiddenFeatures(PAIRS, name)
    alone = ({key: value[3:4] for key, value in side.items()} for side in (shown, said))
    together = values_of(term, shown, said)
    torch.testing.assert_close(values_of(term, *alone)[0], together[3], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in METHODS if METHODS[name].joint])
def test_what_is_joint_does_depend_on_the_neighbours(name):
    shown, said = answers("maps")
    term = HiddenFeatures(PAIRS, name)
    assert is_joint(term)
    half = ({key: value[:4] for key, value in side.items()} for side in (shown, said))
    together = values_of(term, shown, said)[:4]
    assert (values_of(term, *half) - together).abs().max() > 1e-3 * together.abs().max()


@every_case
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_features_give_the_number_of_the_same_in_float32(form, name, dtype):
    shown, said = answers(form)
    shown, said = ({key: value.to(dtype) for key, value in side.items()} for side in (shown, said))
    wide = ({key: value.float() for key, value in side.items()} for side in (shown, said))
    term = HiddenFeatures(PAIRS, name)
    leaves = {key: value.clone().requires_grad_() for key, value in shown.items()}
    values = values_of(term, leaves, said)
    values.sum().backward()
    torch.testing.assert_close(values.detach(), values_of(term, *wide), rtol=1e-4, atol=1e-6)
    assert all(torch.isfinite(value.grad).all() for value in leaves.values())


@every_case
@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("spread", [0.0, 1.0, 1e3])
def test_small_batches_and_features_that_are_nothing_are_finite(form, name, rows, spread):
    shown, said = answers(form, rows, spread)
    leaves = {key: value.clone().requires_grad_() for key, value in shown.items()}
    values = values_of(HiddenFeatures(PAIRS, name), leaves, said)
    values.sum().backward()
    assert values.shape == (rows,)
    assert torch.isfinite(values).all()
    assert all(torch.isfinite(value.grad).all() for value in leaves.values())


@pytest.mark.parametrize("name", METHODS)
def test_maps_of_two_sizes_meet_at_the_smaller(name):
    said = {"tap/x": torch.randn(8, 6, 4, 8)}
    large = torch.randn(8, 4, 8, 4)
    term = HiddenFeatures({"a": "x"}, name)
    assert values_of(term, {"tap/a": large}, said).shape == (8,)
    if METHODS[name].compares != "rows":
        small = torch.nn.functional.adaptive_avg_pool2d(large, 4)
        torch.testing.assert_close(
            values_of(term, {"tap/a": large}, said), values_of(term, {"tap/a": small}, said)
        )


@pytest.mark.parametrize("name", METHODS)
def test_an_adapter_learns_what_the_table_says(name):
    shown, said = answers("maps")
    adapter = HiddenFeatures(PAIRS, name).adapter(shapes(shown), shapes(said))
    assert type(adapter) is (METHODS[name].learns or type(None))


def test_the_cosine_learns_nothing_where_the_widths_are_the_same():
    _, said = answers("vectors")
    shown = equal_to_the_teacher(said)
    assert HiddenFeatures(PAIRS, "cosine").adapter(shapes(shown), shapes(said)) is None


@pytest.mark.parametrize(
    ("name", "student", "teacher", "sentence"),
    [
        ("attention_transfer", (8, 4), (8, 6, 3, 3), "compares places, which a vector a row"),
        ("hint", (8, 5, 4), (8, 6, 3, 3), "5 x 4 and 6 x 3 x 3 a row: tokens and maps have no"),
        ("cosine", (8, 5, 4), (8, 7, 4), "both must have as many tokens"),
        ("linear_cka", (8,), (8, 4), "features must be D, T x D or C x H x W a row"),
    ],
)
def test_shapes_that_cannot_be_compared_are_refused(name, student, teacher, sentence):
    with pytest.raises(RequestError, match=f"hidden_features: {name} of a and x, .*{sentence}"):
        HiddenFeatures({"a": "x"}, name).adapter({"tap/a": student}, {"tap/x": teacher})


def test_it_shows_where_the_student_is_read_and_what_an_equal_one_gives():
    term = HiddenFeatures(PAIRS)
    assert (0.5 * SoftLabels() + term + HiddenFeatures({"c": "x"})).shows == ("a", "b", "c")
    assert SoftLabels().shows == HiddenFeatures().shows == ()
    _, said = answers("maps")
    known = mirrored(term, said)
    assert torch.equal(known["tap/a"], said["tap/x"])
    assert torch.equal(known["tap/b"], said["tap/y"])
    assert mirrored(SoftLabels(), said) is said


def test_an_objective_gathers_the_adapters_of_its_terms():
    shown, said = answers("maps")
    whole = 0.5 * SoftLabels() + HiddenFeatures(PAIRS) + HiddenFeatures(PAIRS, "linear_cka")
    assert len(whole.adapters(shapes(shown), shapes(said))) == 1


def test_it_adds_to_other_terms():
    shown, said = answers("maps")
    logits = torch.randn(8, 3)
    shown, said = shown | {"logits": 2 * logits}, said | {"logits": logits}
    labels = torch.zeros(8, dtype=torch.long)
    hint = HiddenFeatures({"a": "x"}, "similarity_preserving")
    whole = 0.5 * SoftLabels() + 3 * hint
    found = fused_loss(whole, shown, said, labels, rows=8, labelled=8)
    parts = [as_objective(SoftLabels()), as_objective(hint)]
    soft, hidden = (each.loss(shown, said, labels, rows=8, labelled=8) for each in parts)
    torch.testing.assert_close(found, 0.5 * soft + 3 * hidden)
    assert whole.reads == {"logits", "tap/x"}
