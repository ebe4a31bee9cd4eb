"""Rules: read, refused with the right words, and held against scorecards."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import RequestError
from understudy.requirements import PLACES, Requirement, Result, judge, parse, records

CARD = {
    "models": {
        "teacher": {"quality": {"accuracy": {"value": 0.9}}, "bytes": 900_000},
        "onnx": {
            "quality": {"accuracy": {"value": 0.8, "low": 0.7, "high": 0.9}},
            "calibration": {"ece": 0.02, "brier": 0.1},
            "parameters": 100,
            "bytes": 400_000,
            "latency_ms": {"p50": 1.0, "p95": None},
        },
    },
    "comparison": {
        "onnx": {
            "quality_retained": 0.97,
            "recovered_gap": {"value": None, "low": None, "high": None, "reason": "no gap"},
            "harmful_flips": 0.02,
            "control": {"difference": {"value": 0.03, "low": 0.01, "high": 0.05}, "p_value": 0.01},
        }
    },
}


def _passes(text: str, model: str = "onnx") -> bool:
    [result] = judge([parse(text)], CARD, [model])
    return result.passed


def test_a_rule_is_read():
    expected = Requirement("quality_retained", ">=", 0.97, "quality_retained >= 0.97")
    assert parse(" quality_retained >= 0.97 ") == expected
    assert parse("harmful_flips<2e-2").bound == 0.02
    assert parse("control_difference > -0.01").bound == -0.01


@pytest.mark.parametrize(
    "written, expected",
    [("500000", 5e5), ("500 kB", 5e5), ("0.5MB", 5e5), ("1e-3 GB", 1e6), ("12 b", 12)],
)
def test_bytes_take_a_suffix(written, expected):
    assert parse(f"bytes <= {written}").bound == pytest.approx(expected)


@given(
    st.sampled_from(sorted(PLACES)), st.sampled_from([">=", "<=", ">", "<"]), st.floats(-1e9, 1e9)
)
def test_every_metric_operator_and_number_is_read(metric, operator, bound):
    rule = parse(f"{metric} {operator} {bound!r}")
    assert (rule.metric, rule.operator, rule.bound) == (metric, operator, bound)


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "qualty_retained >= 0.97",
            "no metric 'qualty_retained'; did you mean 'quality_retained'?",
        ),
        ("zzz > 1", "no metric 'zzz'; known are: accuracy, agreement"),
        ("accuracy == 0.9", "'==' in 'accuracy == 0.9' must be one of >=, <=, >, <"),
        ("accuracy => 0.9", "'=>' in 'accuracy => 0.9' must be one of"),
        ("accuracy", "'accuracy' is not a rule; write METRIC OPERATOR NUMBER"),
        ("0.9 <= accuracy <= 1", "is not a rule"),
        (
            "accuracy >= high",
            "the bound of accuracy is 'high'; it must be a number without a suffix",
        ),
        ("accuracy >= 97%", "the bound of accuracy is '97%'"),
        ("accuracy >= nan", "the bound of accuracy is 'nan'"),
        ("accuracy >= inf", "the bound of accuracy is 'inf'"),
        ("latency_p95_ms <= 10 MB", "the bound of latency_p95_ms is '10MB'"),
        ("bytes <= 5 TB", "is '5TB'; it must be a number, with or without kB, MB or GB"),
    ],
)
def test_wrong_rules_are_refused_with_the_words_that_help(text, message):
    with pytest.raises(RequestError) as refused:
        parse(text, where="require[2]")
    assert str(refused.value).startswith("require[2]: ")
    assert message in str(refused.value)


def test_a_rule_that_is_no_text_is_refused():
    with pytest.raises(RequestError, match=r"require: '0\.97' is not a rule"):
        parse(0.97)


@pytest.mark.parametrize(
    "text, passed",
    [
        ("quality_retained >= 0.97", True),
        ("quality_retained > 0.97", False),
        ("harmful_flips <= 0.02", True),
        ("harmful_flips < 0.02", False),
        ("accuracy >= 0.8", True),
        ("ece < 0.01", False),
        ("bytes <= 0.4 MB", True),
        ("bytes <= 399 kB", False),
        ("latency_p50_ms < 2", True),
        ("control_difference > 0", True),
    ],
)
def test_rules_are_held_against_the_scorecard(text, passed):
    assert _passes(text) == passed


@pytest.mark.parametrize(
    "text, reason",
    [
        ("recovered_gap >= 0.5", "no gap"),
        ("latency_p95_ms <= 10", "latency_p95_ms of onnx was not measured"),
        ("speedup >= 2", "speedup of onnx was not measured"),
        ("peak_memory_mb < 100", "peak_memory_mb of onnx was not measured"),
    ],
)
def test_what_has_no_value_does_not_pass_and_says_why(text, reason):
    assert judge([parse(text)], CARD, ["onnx"]) == [Result(text, "onnx", None, False, reason)]


def test_the_teacher_is_not_compared_with_itself():
    assert _passes("accuracy > 0.8", "teacher")
    assert not _passes("quality_retained >= 0.1", "teacher")


def test_every_rule_meets_every_model_and_failures_say_by_how_much():
    rules = [parse("accuracy >= 0.85"), parse("bytes < 1 MB")]
    results = judge(rules, CARD, ["onnx", "teacher"])
    assert [(result.model, result.passed) for result in results] == [
        ("onnx", False),
        ("onnx", True),
        ("teacher", True),
        ("teacher", True),
    ]
    assert results[0].reason == "accuracy of onnx is 0.8"
    assert records(results)[1] == {
        "rule": "bytes < 1 MB",
        "model": "onnx",
        "value": 400_000.0,
        "passed": True,
        "reason": None,
    }


def test_an_unknown_model_is_refused():
    with pytest.raises(RequestError, match="no model 'onx'; did you mean 'onnx'"):
        judge([], CARD, ["onx"])


def _cards():
    """A scorecard of each kind that holds all there is: classes, sets of them, a search, pairs."""
    import numpy as np

    from understudy.evaluation import embeddings, label_sets, scorecard
    from understudy.evaluation.gold import Pairs, Search
    from understudy.evaluation.predictor import answers_from
    from understudy.evaluation.retrieval import Judgements
    from understudy.evaluation.scorecard import Facts
    from understudy.evaluation.speed import Speed

    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 300)
    names = {"teacher": 4.0, "control": 0.5, "student": 2.0}
    measured = {
        "facts": dict.fromkeys(names, Facts(10, 40)),
        "speeds": dict.fromkeys(names, Speed(1.0, 2.0, 3.0, 8, 1, 5)),
        "memories": dict.fromkeys(names, 1.0),
        "resamples": 50,
    }
    answers = {
        name: answers_from(np.eye(2)[labels] * sure + generator.normal(size=(300, 2)))
        for name, sure in names.items()
    }
    evidence = scorecard.Evidence(
        "image-classification", ("no", "yes"), labels, answers, **measured
    )
    yield scorecard.build(evidence)
    marks = generator.integers(0, 2, (300, 3))
    sets = {
        name: label_sets.SetAnswers(
            label_sets.probabilities_of(sure * (2 * marks - 1) + generator.normal(size=(300, 3)))
        )
        for name, sure in names.items()
    }
    yield label_sets.build_sets(
        label_sets.SetEvidence("text-multilabel", ("a", "b", "c"), marks, sets, **measured)
    )
    meaning = generator.normal(size=(300, 8))
    vectors = {
        name: (sure * meaning + generator.normal(size=meaning.shape)).astype(np.float32)
        for name, sure in names.items()
    }
    first, second = np.arange(150), np.arange(150, 300)
    gold = (meaning[first] * meaning[second]).sum(axis=1)
    judgements = Judgements(first, first, np.ones(150))
    for test in (Search(first, second, judgements), Pairs(first, second, gold)):
        yield embeddings.build(
            embeddings.EmbeddingEvidence("text-embedding", test, vectors, **measured)
        )


def test_the_places_are_those_of_a_real_scorecard():
    """Every known metric has a value in a scorecard that holds all there is."""
    cards = list(_cards())
    cards[0]["models"]["student"]["out_of_scope"] = {"auroc": {"value": 0.9}}
    missing = [
        metric
        for metric in PLACES
        if not any(
            judge([parse(f"{metric} > -1e9")], card, ["student"])[0].passed for card in cards
        )
    ]
    assert missing == []
