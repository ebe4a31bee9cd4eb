"""Names beside points: inside the frame, and on top of nothing."""

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from understudy.report.placing import MARK, Box, placed, spread

FRAME = Box(48, 42, 408, 256)


def _overlaps(names, points):
    labels = placed(names, points, FRAME)
    marks = [Box(x - MARK, y - MARK, x + MARK, y + MARK) for x, y in points]
    boxes = [label.box for label in labels]
    between = sum(first.overlap(second) for first, second in combinations(boxes, 2))
    return between + sum(box.overlap(mark) for box in boxes for mark in marks)


def test_a_lone_name_stands_to_the_right_or_at_the_edge_to_the_left():
    assert placed(["onnx"], [(100, 100)], FRAME)[0].anchor == "start"
    assert placed(["onnx"], [(400, 100)], FRAME)[0].anchor == "end"


def test_names_of_points_in_one_place_do_not_cover_each_other():
    names = ["student", "control", "onnx", "onnx-int8"]
    points = [(200, 150), (201, 150), (200, 152), (199, 151)]
    assert _overlaps(names, points) == 0
    assert all(label.box.outside(FRAME) == 0 for label in placed(names, points, FRAME))


def test_names_keep_off_lines_where_they_can():
    wall = Box(115, 50, 117, 250)
    free, blocked = (placed(["onnx"], [(100, 150)], FRAME, walls)[0] for walls in ((), (wall,)))
    assert free.box.overlap(wall) > 0
    assert blocked.box.overlap(wall) == 0


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6))
def test_heights_are_spread_apart_in_their_order(heights):
    moved = spread(heights, 15, 0, 100)
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    inside = [moved[index] for index in order]
    assert all(later - earlier >= 15 - 1e-9 for earlier, later in pairwise(inside))
    assert min(inside) >= -1e-9
    assert max(inside) <= 100 + 1e-9


def test_heights_that_are_apart_stay():
    assert spread([80, 20, 50], 15, 0, 100) == [80, 20, 50]
