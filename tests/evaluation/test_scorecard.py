"""The scorecard: its form, and every figure again from the file of predictions alone."""

import json
import math

import numpy as np
import pytest
from pyarrow import parquet

from understudy.errors import DamagedError, RequestError
from understudy.evaluation import predictions, scorecard
from understudy.evaluation.scorecard import Facts, build, conclude, cost_per_million, plain
from understudy.evaluation.speed import Speed

MODELS = {
    "onnx-int8": (0.93, 60_000),
    "teacher": (0.96, 4_000_000),
    "control": (0.88, 200_000),
    "student": (0.94, 200_000),
    "rival-knn": (0.85, 900_000),
}


@pytest.fixture
def measured(evidence):
    rows = 2000
    return evidence(
        MODELS,
        rows,
        speeds={
            "teacher": Speed(8.0, 9.0, 200.0, 32, 1, 50),
            "student": Speed(2.0, 3.0, 1000.0, 128, 1, 50),
        },
        memories={"student": 12.5},
        slices={"half": ["first"] * 1990 + ["last"] * 10},
        data={"rows": rows, "share": math.nan},
        knowledge={"rows": 100, "reused": True},
        price_per_hour=0.36,
    )


@pytest.fixture
def card(measured):
    return build(measured)


def test_the_keys_are_those_of_the_contract(card):
    assert card["schema"] == 1
    assert (card["task"], card["metric"]) == ("image-classification", "accuracy")
    assert card["direction"] == "higher"
    assert list(card["models"]) == ["teacher", "control", "student", "rival-knn", "onnx-int8"]
    assert list(card["comparison"]) == ["control", "student", "rival-knn", "onnx-int8"]
    for model in card["models"].values():
        assert set(model["quality"]) == {"accuracy", "macro_f1"}
        assert all(set(figure) == {"value", "low", "high"} for figure in model["quality"].values())
        assert {"ece", "brier"} <= set(model["calibration"])
        assert set(model["latency_ms"]) == {"p50", "p95"}
        assert {
            "parameters",
            "bytes",
            "throughput_per_s",
            "peak_memory_mb",
            "cost_per_million",
        } <= set(model)
    for comparison in card["comparison"].values():
        assert {
            *("quality_retained", "recovered_gap", "agreement", "harmful_flips", "helpful_flips"),
            *("inherited_errors", "p_value", "size_ratio", "speedup", "kl"),
        } <= set(comparison)


def test_measured_figures_are_carried_over(card):
    student = card["models"]["student"]
    assert (student["parameters"], student["bytes"]) == (50_000, 200_000)
    assert student["latency_ms"] == {"p50": 2.0, "p95": 3.0}
    assert (student["throughput_per_s"], student["best_batch"], student["threads"]) == (
        1000.0,
        128,
        1,
    )
    assert student["peak_memory_mb"] == 12.5
    assert student["cost_per_million"] == pytest.approx(0.1)
    assert card["comparison"]["student"]["speedup"] == 4.0
    assert card["comparison"]["student"]["size_ratio"] == 20.0
    assert card["models"]["control"]["latency_ms"] == {"p50": None, "p95": None}
    assert card["comparison"]["control"]["speedup"] is None
    assert card["data"] == {"rows": 2000, "share": None}
    assert card["knowledge"] == {"rows": 100, "reused": True}
    assert [row["small"] for row in card["slices"]] == [False, True]


def test_a_million_answers_at_a_thousand_a_second_take_a_thousand_seconds():
    assert cost_per_million(3.6, 1000.0) == pytest.approx(1.0)


def test_figures_can_be_recomputed_from_the_predictions(measured, card, tmp_path):
    path = tmp_path / "predictions.parquet"
    rows = np.arange(len(measured.labels))
    predictions.write(path, rows, measured.labels, measured.classes, measured.answers)
    table = parquet.read_table(path).to_pydict()
    label, teacher = np.array(table["label"]), np.array(table["teacher"])
    control = np.array(table["control"])
    for name, model in card["models"].items():
        answer = np.array(table[name])
        right = answer == label
        assert model["quality"]["accuracy"]["value"] == pytest.approx(right.mean())
        f1 = []
        for kind in set(label) | set(answer):
            both = ((answer == kind) & (label == kind)).sum()
            f1.append(2 * both / ((answer == kind).sum() + (label == kind).sum()))
        assert model["quality"]["macro_f1"]["value"] == pytest.approx(np.mean(f1))
        confidence = np.array(table[f"{name}.confidence"])
        order = np.argsort(confidence, kind="stable")
        ece = sum(
            abs(confidence[part].sum() - right[part].sum()) for part in np.array_split(order, 15)
        )
        assert model["calibration"]["ece"] == pytest.approx(ece / len(rows))
        assert model["calibration"]["brier"] == pytest.approx(((confidence - right) ** 2).mean())
        if name == "teacher":
            continue
        found = card["comparison"][name]
        accuracy = [(column == label).mean() for column in (answer, teacher, control)]
        assert found["quality_retained"] == pytest.approx(accuracy[0] / accuracy[1])
        gap = (accuracy[0] - accuracy[2]) / (accuracy[1] - accuracy[2])
        assert found["recovered_gap"]["value"] == pytest.approx(gap)
        assert found["agreement"] == pytest.approx((answer == teacher).mean())
        taught, lost = teacher == label, answer != label
        assert found["harmful_flips"] == pytest.approx((taught & lost).mean())
        assert found["helpful_flips"] == pytest.approx((~taught & ~lost).mean())
        assert found["inherited_errors"] == pytest.approx((~taught & (answer == teacher)).mean())
        assert found["kl"] == pytest.approx(np.mean(table[f"{name}.kl"]))


def test_models_are_paired_by_row(card):
    """The student's figure against the control is tighter than both figures on their own."""
    difference = card["comparison"]["student"]["control"]["difference"]
    student, control = (
        card["models"][name]["quality"]["accuracy"] for name in ("student", "control")
    )
    assert difference["value"] == pytest.approx(student["value"] - control["value"])
    assert difference["low"] > student["low"] - control["high"]
    assert difference["high"] < student["high"] - control["low"]


def test_the_main_metric_is_the_one_asked_for(evidence):
    card = build(evidence(MODELS, metric="macro_f1"))
    student, teacher = (
        card["models"][name]["quality"]["macro_f1"] for name in ("student", "teacher")
    )
    retained = card["comparison"]["student"]["quality_retained"]
    assert retained == pytest.approx(student["value"] / teacher["value"])


def test_a_teacher_that_is_never_right_leaves_no_ratio(evidence):
    card = build(evidence({"teacher": (0.0, 8), "student": (0.5, 8)}, rows=40))
    assert card["comparison"]["student"]["quality_retained"] is None
    json.dumps(card, allow_nan=False)
    assert "keeps" not in conclude(card, [])["why"]


def test_requirements_and_verdict_complete_it(card):
    result = {
        "rule": "size_ratio >= 5",
        "model": "student",
        "value": np.float64(20),
        "passed": True,
    }
    done = conclude(card, [result])
    assert done["requirements"] == [{**result, "value": 20.0}]
    assert done["verdict"] == "ship"
    assert done["why"].startswith("Ship, since every requirement holds for student;")
    assert isinstance(done["advice"], list)
    assert card["requirements"] == []


def test_what_is_written_is_read_back(card, tmp_path):
    path = tmp_path / "scorecard.json"
    scorecard.write(path, conclude(card, []))
    assert scorecard.read(path) == conclude(card, [])
    assert "NaN" not in path.read_text()
    assert [file.name for file in tmp_path.iterdir()] == ["scorecard.json"]


@pytest.mark.parametrize("text", [None, "{", "[]", '{"schema": 2}', "{}"])
def test_a_damaged_scorecard_is_said_to_be_one(tmp_path, text):
    path = tmp_path / "scorecard.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DamagedError, match="is not a readable scorecard"):
        scorecard.read(path)


def test_plain_values_are_json():
    odd = {1: np.float32(0.5), "b": (np.int64(3), float("inf")), "c": np.array([1.0, np.nan])}
    assert plain(odd) == {"1": 0.5, "b": [3, None], "c": [1.0, None]}


def test_an_unknown_metric_is_refused(evidence):
    with pytest.raises(RequestError, match="no metric 'acuracy'; did you mean 'accuracy'"):
        evidence(MODELS, metric="acuracy")


def test_answers_to_other_rows_are_refused(measured, answering):
    answers = {**measured.answers, "onnx": answering(measured.labels[:7], 1.0, 0)}
    with pytest.raises(RequestError, match="onnx answered 7 rows, the test has 2000"):
        scorecard.Evidence("t", measured.classes, measured.labels, answers, {})


def test_sizes_may_be_unknown(evidence):
    found = evidence(MODELS)
    facts = {**found.facts, "teacher": Facts(None, None)}
    card = build(
        scorecard.Evidence("t", found.classes, found.labels, found.answers, facts, resamples=10)
    )
    assert card["comparison"]["student"]["size_ratio"] is None
