import pytest
import torch
from torch.nn import functional

from understudy.objectives.places import at_size, common_size, flat, places, unit, width


def test_every_form_is_a_list_of_places():
    maps = torch.randn(2, 5, 3, 4)
    assert places(maps).shape == (2, 12, 5)
    assert torch.equal(places(maps)[1, 5], maps[1, :, 1, 1])
    assert places(torch.zeros(2, 7)).shape == (2, 1, 7)
    assert places(torch.zeros(2, 3, 7)).shape == (2, 3, 7)
    assert flat(maps).shape == (2, 60)
    assert places(maps.half()).dtype == torch.float32


def test_a_direction_has_length_one_and_nothing_has_a_finite_gradient():
    vectors = torch.randn(4, 6)
    torch.testing.assert_close(unit(vectors), functional.normalize(vectors, dim=-1))
    nothing = torch.zeros(2, 3, requires_grad=True)
    unit(nothing).sum().backward()
    assert torch.equal(unit(nothing), torch.zeros(2, 3))
    assert float(nothing.grad.abs().max()) <= 1


def test_maps_are_averaged_down_and_other_forms_are_left():
    maps = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert at_size(maps, (2, 2)).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert torch.equal(at_size(maps, (4, 4)), maps)
    assert at_size(maps, ()).tolist() == [[7.5]]
    tokens = torch.randn(2, 3, 5)
    assert torch.equal(at_size(tokens, (3,)), tokens)
    torch.testing.assert_close(at_size(tokens, ()), tokens.mean(dim=1))
    vectors = torch.randn(2, 5)
    assert torch.equal(at_size(vectors, ()), vectors)


@pytest.mark.parametrize(
    ("student", "teacher", "size"),
    [
        ((9, 4, 8, 6), (9, 7, 4, 12), (4, 6)),
        ((9, 4), (9, 7, 4, 12), ()),
        ((9, 3, 4), (9, 3, 7), (3,)),
        ((9, 4), (9, 7), ()),
    ],
)
def test_two_shapes_meet_at_the_smaller(student, teacher, size):
    assert common_size(student, teacher) == size
    assert width(student) == 4
    assert width(teacher) == 7
