"""Charts with captions and numbers; only what was measured is drawn."""

from xml.etree import ElementTree

from understudy.report import exhibits
from understudy.report.figures import Metric

ACCURACY = Metric("accuracy")


def _said(exhibit):
    tree = ElementTree.fromstring(exhibit.chart)
    return [point.attrib["aria-label"] for point in tree.iter("g")]


def test_every_model_is_drawn_and_listed_with_its_interval(card):
    found = exhibits.ranking(card)
    assert found.title == "Accuracy of every model"
    assert _said(found)[0] == "teacher: 98.1% (97.0% to 99.3%)"
    assert [row.name for row in found.table.rows] == [
        *("teacher", "control", "student", "onnx", "rival-linear", "rival-knn"),
    ]


def test_quality_is_held_against_size_and_speed(card):
    size, speed = exhibits.standings(card)
    assert _said(size)[0] == "teacher: 98.1% (97.0% to 99.3%), 4.80 MB"
    assert [cell.text for cell in speed.table.rows[3].cells] == [
        *("97.4%", "96.1% to 98.7%", "0.013 ms"),
    ]
    assert "upper left" in size.note


def test_less_is_better_turns_the_corner(card):
    card["direction"] = "lower"
    assert "lower left" in exhibits.standings(card)[0].note
    assert exhibits.ranking(card).note.startswith("Lower is better")


def test_models_without_a_size_or_quality_are_left_out(card):
    card["models"]["teacher"]["bytes"] = 0
    card["models"]["control"]["quality"] = {}
    size, speed = exhibits.standings(card)
    assert [row.name for row in size.table.rows] == ["student", "onnx", "rival-linear", "rival-knn"]
    assert "teacher" in [row.name for row in speed.table.rows]


def test_without_measurements_there_is_no_chart():
    assert exhibits.ranking({}) is None
    assert exhibits.standings({}) == []
    assert exhibits.training({"student": []}, ACCURACY) == []
    assert exhibits.calibrations({"student": [], "teacher": None}) == []


def test_curves_are_drawn_of_quality_and_loss_and_listed_with_few_rows(material):
    quality, loss = exhibits.training(material.curves, ACCURACY)
    assert [said.split(":")[0] for said in _said(quality)] == ["teacher", "control", "student"]
    assert "logarithmic" in loss.chart
    assert "logarithmic" not in quality.chart
    assert len(quality.table.rows) == exhibits.LISTED_EPOCHS
    assert quality.table.caption == "Quality on validation rows, every 10 epochs"
    last = quality.table.rows[-1]
    assert (last.name, last.cells[0].text) == ("200", "–")


def test_epochs_without_numbers_of_their_own_are_counted():
    curve = [{"validation": 0.5}, {"loss": 1.0}, {"validation": 0.7}]
    quality, loss = exhibits.training({"student": curve}, ACCURACY)
    assert [row.name for row in quality.table.rows] == ["1", "3"]
    assert [row.name for row in loss.table.rows] == ["2"]


def test_a_loss_that_reaches_zero_has_a_straight_axis():
    curve = [{"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": 0.0}]
    assert "logarithmic" not in exhibits.training({"student": curve}, ACCURACY)[0].chart


def test_calibration_says_how_a_model_errs():
    bins = {"student": [(0.9, 0.95, 10), (0.8, 0.9, 30)], "control": [(0.9, 0.5, 4)]}
    control, student = exhibits.calibrations({**bins, "teacher": [(0.5, 0.505, 9)]})[1:]
    assert (
        control.note == "Says 90.0% on average and is right 50.0% of the time: too sure of itself."
    )
    assert student.note == "Says 82.5% on average and is right 91.2% of the time: modest."
    honest = exhibits.calibrations({"teacher": [(0.5, 0.505, 9)]})[0]
    assert honest.note.endswith("right 50.5% of the time.")
