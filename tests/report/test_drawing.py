"""The parts of a chart: well formed, escaped, and with a shape for every role."""

from xml.etree import ElementTree

import pytest

from understudy.report import drawing
from understudy.report.drawing import Axis
from understudy.report.naming import ROLES
from understudy.report.placing import Box
from understudy.report.scales import Scale

NASTY = """<script>alert("1")</script> & 'quotes'"""


def test_elements_escape_attributes_and_texts_but_not_other_elements():
    inner = drawing.words(NASTY, 1.04, 2, NASTY)
    outer = ElementTree.fromstring(drawing.picture(10, 20, NASTY, "bar", inner))
    assert "<script" not in inner
    assert outer.attrib["aria-label"] == NASTY
    assert outer[0].text == NASTY
    assert outer[0].attrib == {"x": "1", "y": "2", "class": NASTY, "text-anchor": "start"}


def test_points_can_be_reached_and_say_what_they_are():
    point = ElementTree.fromstring(drawing.point(NASTY, drawing.mark("student", 5, 5)))
    assert point.attrib == {
        "class": "point",
        "tabindex": "0",
        "role": "img",
        "aria-label": NASTY,
    }
    assert point[-1].text == NASTY


@pytest.mark.parametrize("role", ROLES)
def test_every_role_has_a_sign(role):
    sign = ElementTree.fromstring(drawing.sign(role))
    assert sign.attrib["aria-hidden"] == "true"
    assert sign[0].attrib["class"] == f"mark {role}"


def test_shapes_tell_roles_apart_without_colour():
    shapes = {role: str(drawing.mark(role, 0, 0)).split('"')[1] for role in ROLES}
    assert shapes["control"] == shapes["student"]  # a ring and a disc: the style fills one only
    assert len(set(shapes.values())) == len(ROLES) - 1


def test_axes_write_their_ticks_and_titles_where_they_belong():
    frame = Box(50, 40, 400, 250)
    axis = Axis("accuracy", lambda value, step: f"{value:.1f}/{step:.1f}")
    for draw, start, end in ((drawing.across, 50, 400), (drawing.upward, 250, 40)):
        markup = f"<g>{draw(axis, Scale(0, 1, start, end), frame)}</g>"
        texts = [node.text for node in ElementTree.fromstring(markup).iter("text")]
        assert texts[0] == "0.0/0.2"
        assert texts[-1] == "accuracy"
        assert len(texts) == 7
