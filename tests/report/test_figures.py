"""How numbers are written; what is no number is a dash, never an error."""

import math

import pytest

from understudy.report import figures
from understudy.report.figures import DASH, Metric, at, listing, mapping, number

NOTHING = (None, math.nan, math.inf, "many", True, [], {})
ACCURACY, RMSE = Metric("accuracy"), Metric("rmse", higher_is_better=False)


@pytest.mark.parametrize("value", NOTHING, ids=repr)
def test_what_is_no_number_is_a_dash(value):
    writers = (figures.share, figures.count, figures.fine, figures.size, figures.milliseconds)
    more = (figures.seconds, figures.times, figures.probability, figures.significant)
    of_metric = (ACCURACY.value, ACCURACY.difference, RMSE.value, RMSE.difference)
    assert number(value) is None
    assert {write(value) for write in (*writers, *more, *of_metric)} == {DASH}
    assert figures.span(value, 1.0, figures.share) == ""


@pytest.mark.parametrize(
    ("write", "value", "written"),
    [
        (figures.share, 0.9923, "99.2%"),
        (figures.share, -0.011, "−1.1%"),
        (figures.count, 1_198_922, "1,198,922"),
        (figures.size, 999, "999 B"),
        (figures.size, 10_664, "10.7 kB"),
        (figures.size, 999_999, "1.00 MB"),
        (figures.size, 4_801_324, "4.80 MB"),
        (figures.size, 7e12, "7,000 GB"),
        (figures.milliseconds, 0.00123, "0.0012 ms"),
        (figures.milliseconds, 0.94, "0.940 ms"),
        (figures.milliseconds, 41.26, "41.3 ms"),
        (figures.milliseconds, 2345.6, "2,346 ms"),
        (figures.seconds, 0.42, "0.42 s"),
        (figures.seconds, 42.3, "42 s"),
        (figures.seconds, 1200, "20 min"),
        (figures.seconds, 9000, "2.5 h"),
        (figures.times, 403.7, "404×"),
        (figures.times, 8.47, "8.5×"),
        (figures.times, 0.5, "0.50×"),
        (figures.probability, 0.0214, "0.021"),
        (figures.probability, 1e-9, "< 0.001"),
        (figures.significant, 0, "0"),
        (figures.significant, 1.7e-5, "0.0000170"),
        (figures.significant, 3e-12, "3.00e−12"),
        (figures.significant, 123456, "123,456"),
    ],
)
def test_numbers_are_written_to_be_read(write, value, written):
    assert write(value) == written


def test_only_a_minus_before_a_number_is_a_minus():
    written = "rival-2 is -0.1 to +0.2 (-3), 1.0e-12, a - b, onnx-int8, 2024-11"
    expected = "rival-2 is −0.1 to +0.2 (−3), 1.0e−12, a - b, onnx-int8, 2024-11"
    assert figures.typeset(written) == expected


def test_zeros_at_the_end_of_a_number_are_trimmed():
    written = ["10.0 kB", "0.0300 ms", "1.00 MB", "100 kB", "10.05", "0.500"]
    assert [*map(figures.trimmed, written)] == [
        *("10 kB", "0.03 ms", "1 MB", "100 kB", "10.05", "0.5"),
    ]


def test_a_share_differs_by_points_another_metric_by_itself():
    assert ACCURACY.value(0.974) == "97.4%"
    assert ACCURACY.difference(0.013) == "+1.3 points"
    assert ACCURACY.difference(-0.0001) == "0.0 points"
    assert RMSE.value(2.71828) == "2.718"
    assert RMSE.difference(-0.25) == "−0.25"
    assert Metric("recall@10").is_share
    assert not Metric("ndcg@10").is_share


def test_figures_of_vectors_have_three_places_and_names_of_their_own():
    ndcg, recall = Metric("ndcg_at_10"), Metric("recall_at_10")
    assert (ndcg.value(0.64512), ndcg.difference(0.0131), ndcg.change(-1e-5)) == (
        *("0.645", "+0.013", "0.000"),
    )
    assert (recall.value(0.875), recall.difference(0.02)) == ("87.5%", "+2.0 points")
    assert (ndcg.words, ndcg.heading) == ("nDCG@10", "nDCG@10")
    assert (ACCURACY.heading, Metric("macro_f1").heading) == ("Accuracy", "Macro-F1")
    assert (ndcg.of_vectors, ACCURACY.of_vectors) == (True, False)
    assert figures.named("drop_in_overlap", 0.85) == "85.0%"
    assert figures.named("cosine_p5", 0.85) == "0.850"


def test_ticks_have_as_many_places_as_their_step_needs():
    assert [ACCURACY.tick(value, 0.02) for value in (0.94, 0.96)] == ["94%", "96%"]
    assert ACCURACY.tick(0.965, 0.005) == "96.5%"
    assert RMSE.tick(0.25, 0.05) == "0.25"


def test_the_metric_is_read_from_the_scorecard():
    assert Metric.of({}) == Metric("accuracy")
    assert Metric.of({"metric": "rmse", "direction": "lower"}) == RMSE
    assert Metric("macro_f1").words == "macro-F1"


def test_only_texts_with_something_in_them_are_texts():
    assert [figures.text(value, "else") for value in ("a", " ", None, 3, ["a"])] == [
        *("a", "else", "else", "else", "else"),
    ]


def test_a_path_ends_where_a_step_is_missing():
    tree = {"a": {"b": [1]}, "c": None}
    assert at(tree, "a", "b") == [1]
    assert at(tree, "c", "b", "d") is None
    assert (mapping(tree, "a", "b"), listing(tree, "a")) == ({}, ())


def test_a_figure_is_written_as_its_name_asks():
    assert figures.named("bytes", 2000) == "2.00 kB"
    assert figures.named("latency_p95_ms", 7.2) == "7.200 ms"
    assert figures.named("whatever", 12.0) == "12"
    assert figures.named("whatever", 0.12345) == "0.1235"
    assert [figures.named("reused", value) for value in (True, False, None, "", "fp16")] == [
        *("yes", "no", DASH, DASH, "fp16"),
    ]
