"""The geometry of each chart: everything inside its picture, and in the right order."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from understudy.report import charts
from understudy.report.charts import Curve, Point, thinned
from understudy.report.drawing import Axis

PERCENT = Axis("accuracy", lambda value, step: f"{value:.0%}")
PLAIN = Axis("bytes", lambda value, step: f"{value:g}")
POINTS = [
    Point("teacher", "teacher", 4_801_324, 0.982, 0.97, 0.993, "teacher: 98.2%"),
    Point("control", "control", 10_664, 0.961, 0.945, 0.977, "control: 96.1%"),
    Point("student", "student", 10_664, 0.974, 0.961, 0.987, "student: 97.4%"),
    Point("onnx", "artefact", 11_893, 0.974, 0.961, 0.987, "onnx: 97.4%"),
    Point("rival-<b>&", "rival", 3_412, 0.963, 0.947, 0.979, "rival-<b>&: 96.3%"),
]
CURVES = [
    Curve("teacher", "teacher", [(1, 0.6), (20, 0.98)], "teacher"),
    Curve("student", "student", [(epoch, epoch / 500) for epoch in range(1, 500)], "student"),
]
BINS = [(0.3, 0.2, 36), (0.9, 0.95, 36), (1.0, 1.0, 35)]
CHARTS = {
    "scatter": charts.scatter(POINTS, "Quality", PLAIN, PERCENT),
    "intervals": charts.intervals(POINTS, "Quality", PERCENT),
    "lines": charts.lines(CURVES, "Quality", PLAIN, PERCENT),
    "lines on a log axis": charts.lines(CURVES, "Loss", PLAIN, PLAIN, log=True),
    "one point": charts.scatter(POINTS[:1], "Quality", PLAIN, PERCENT),
    "one epoch": charts.lines([Curve("student", "student", [(1, 0.5)], "x")], "Q", PLAIN, PERCENT),
    "reliability": charts.reliability(BINS, "student", "Trust", "says", PERCENT, PERCENT),
}


def _tree(chart):
    tree = ElementTree.fromstring(chart)
    width, height = map(float, tree.attrib["viewBox"].split()[2:])
    return tree, width, height


def _marks(tree):
    """The middle of each mark, by what its point says."""
    found = {}
    for point in tree.iter("g"):
        paths = [path for path in point.iter("path") if path.attrib["class"].startswith("mark")]
        found[point.attrib["aria-label"]] = _middle(paths[0])
    return found


def _middle(path):
    """Of the bounding box, from a path whose commands after the first are relative."""
    (x, y), *steps = _steps(path.attrib["d"])
    xs, ys = [x], [y]
    for dx, dy in steps:
        x, y = x + dx, y + dy
        xs.append(x)
        ys.append(y)
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


def _steps(shape):
    for command, text in re.findall(r"([MhvlaA])([^MhvlazZ]*)", shape):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", text)]
        if command == "h":
            yield numbers[0], 0.0
        elif command == "v":
            yield 0.0, numbers[0]
        else:
            yield numbers[-2], numbers[-1]


@pytest.mark.parametrize("name", CHARTS)
def test_everything_lies_inside_the_picture(name):
    tree, width, height = _tree(CHARTS[name])
    across, down = [], []
    for node in tree.iter():
        across += [float(node.attrib[key]) for key in ("x", "x1", "x2", "cx") if key in node.attrib]
        down += [float(node.attrib[key]) for key in ("y", "y1", "y2", "cy") if key in node.attrib]
        for pair in node.attrib.get("points", "").split():
            x, y = map(float, pair.split(","))
            across.append(x)
            down.append(y)
        if node.attrib.get("class", "").startswith("mark"):
            x, y = _middle(node)
            across.append(x)
            down.append(y)
    assert min(across) >= 0
    assert max(across) <= width
    assert min(down) >= 0
    assert max(down) <= height


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_has_a_name_and_colours_only_from_the_style(name):
    tree, _, _ = _tree(CHARTS[name])
    assert tree.attrib["role"] == "group"
    assert tree.attrib["aria-label"]
    assert not [node for node in tree.iter() if {"fill", "stroke", "style"} & node.attrib.keys()]


def test_better_models_are_higher_and_larger_ones_further_right_by_ratio():
    tree, _, _ = _tree(CHARTS["scatter"])
    marks = _marks(tree)
    teacher, student = marks["teacher: 98.2%"], marks["student: 97.4%"]
    control, rival = marks["control: 96.1%"], marks["rival-<b>&: 96.3%"]
    assert teacher[1] < student[1] < rival[1] < control[1]
    assert student[0] == control[0]
    decade = (student[0] - rival[0]) / (4.0279 - 3.5330)  # log10 of the sizes
    assert (teacher[0] - student[0]) / (6.6814 - 4.0279) == pytest.approx(decade, rel=0.05)


def test_ticks_of_the_logarithmic_axis_are_a_decade_apart():
    tree, _, _ = _tree(CHARTS["scatter"])
    ticks = {
        node.text: float(node.attrib["x"])
        for node in tree.iter("text")
        if node.attrib["class"] == "tick" and node.attrib["text-anchor"] == "middle"
    }
    assert set(ticks) == {"10000", "100000", "1e+06", "1e+07"}
    places = sorted(ticks.values())
    steps = [later - earlier for earlier, later in pairwise(places)]
    assert max(steps) - min(steps) < 0.3


def test_intervals_have_one_row_each_and_span_their_ends():
    tree, _, _ = _tree(CHARTS["intervals"])
    spans = [node.attrib for node in tree.iter("line") if node.attrib["class"].startswith("span")]
    assert [span["class"] for span in spans] == [f"span {point.role}" for point in POINTS]
    heights = [float(span["y1"]) for span in spans]
    assert heights == [37 + 30 * row for row in range(len(POINTS))]
    assert all(float(span["x1"]) < float(span["x2"]) for span in spans)
    assert float(spans[1]["x1"]) < float(spans[0]["x1"])  # the control's reaches further down


def test_curves_end_where_their_training_ended():
    tree, _, _ = _tree(CHARTS["lines"])
    marks = _marks(tree)
    assert marks["teacher"][0] < 70
    assert marks["student"][0] > 250
    lines = list(tree.iter("polyline"))
    assert len(lines[1].attrib["points"].split()) <= charts.MOST_POINTS


def test_thinned_curves_keep_their_end():
    points = [(float(step), 0.0) for step in range(1000)]
    assert thinned(points)[-1] == points[-1]
    assert len(thinned(points)) == 200
    assert thinned(points[:5]) == points[:5]


def test_a_model_that_keeps_its_word_is_drawn_on_the_diagonal():
    tree, _, _ = _tree(CHARTS["reliability"])
    dots = list(tree.iter("circle"))
    diagonal = next(node for node in tree.iter("line") if node.attrib["class"] == "diagonal")
    assert (dots[2].attrib["cx"], dots[2].attrib["cy"]) == (
        diagonal.attrib["x2"],
        diagonal.attrib["y2"],
    )
    assert dots[0][0].text == "says 30.0%, is right 20.0%, 36 rows"


def test_long_names_are_cut_on_the_chart_but_not_in_what_it_says():
    name = "an-artefact-with-quite-a-name"
    point = Point(name, "artefact", 1.0, 0.5, 0.4, 0.6, f"{name}: 50%")
    tree, _, _ = _tree(charts.intervals([point], "Quality", PERCENT))
    texts = [node.text for node in tree.iter("text")]
    assert "an-artefact-with-…" in texts
    assert f"{name}: 50%" in texts
