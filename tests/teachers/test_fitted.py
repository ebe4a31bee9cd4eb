"""One number for a fitted estimator: the same wherever it is, another when a weight changes."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC, LinearSVC

from understudy.teachers import fitted as fitted_module
from understudy.teachers.fitted import fitted_digest

TEXTS = ["book a flight", "cancel my flight", "hello there", "hi you", "fly me home"] * 8
LABELS = ["book", "cancel", "greet", "greet", "book"] * 8

CLASSIFIERS = (
    LogisticRegression(),
    LinearSVC(),
    SGDClassifier(random_state=0),
    SVC(),
    KNeighborsClassifier(),
    RandomForestClassifier(4, random_state=0),
    GradientBoostingClassifier(n_estimators=2, random_state=np.random.RandomState(3)),
    MLPClassifier((4,), max_iter=3, random_state=0),
)


def fitted(classifier: Any, texts: list[str] = TEXTS) -> Pipeline:
    vectors = TfidfVectorizer(stop_words=["the", "a"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a network of three steps has not converged
        return make_pipeline(vectors, copy.deepcopy(classifier)).fit(texts, LABELS)


def names(classifier: Any) -> str:
    return type(classifier).__name__


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=names)
def test_use_copies_and_fitting_again_leave_it_as_it_is(classifier: Any):
    pipeline = fitted(classifier)
    before = fitted_digest(pipeline)
    pipeline.predict(TEXTS)
    assert fitted_digest(pipeline) == before
    assert fitted_digest(copy.deepcopy(pipeline)) == before
    assert fitted_digest(fitted(classifier)) == before


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=names)
def test_other_data_change_it(classifier: Any):
    other = [*TEXTS[:-1], "fly me anywhere else"]
    assert fitted_digest(fitted(classifier)) != fitted_digest(fitted(classifier, other))


def test_the_smallest_change_of_a_weight_changes_it():
    pipeline = fitted(LogisticRegression())
    before = fitted_digest(pipeline)
    weights = pipeline[-1].coef_
    weights[1, 2] = np.nextafter(weights[1, 2], 9)
    assert fitted_digest(pipeline) != before


def test_parameters_that_decide_answers_count_and_others_do_not(tmp_path: Any):
    pipeline = fitted(LogisticRegression())
    before = fitted_digest(pipeline)
    pipeline.set_params(memory=str(tmp_path), logisticregression__n_jobs=None, verbose=True)
    assert fitted_digest(pipeline) == before
    pipeline.set_params(tfidfvectorizer__lowercase=False)
    assert fitted_digest(pipeline) != before


def test_the_order_in_which_a_vocabulary_was_filled_does_not_count():
    assert fitted_digest({"a": 1, "b": 2}) == fitted_digest({"b": 2, "a": 1})
    assert fitted_digest({"a": 1, "b": 2}) != fitted_digest({"a": 2, "b": 1})
    assert fitted_digest({"a", "b"}) == fitted_digest({"b", "a"}) != fitted_digest({"a"})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        ("1", b"1"),
        ([1, 2], (1, 2)),
        ([[1], 2], [1, [2]]),
        (np.zeros(2), np.zeros((2, 1))),
        (np.zeros(2, np.float32), np.zeros(1)),
        (np.array(["ab", "c"], object), np.array(["a", "bc"], object)),
        (np.float64, np.float32),
        (np.log, np.exp),
        ({}, set()),
    ],
)
def test_values_that_differ_are_told_apart(one: Any, other: Any):
    assert fitted_digest(one) != fitted_digest(other)


def test_the_code_of_a_function_counts():
    def shout(texts: list[str]) -> list[str]:
        return [text.upper() for text in texts]

    loud = FunctionTransformer(shout)

    def shout(texts: list[str]) -> list[str]:  # type: ignore[no-redef]
        return [text.lower() for text in texts]

    assert fitted_digest(loud) == fitted_digest(copy.deepcopy(loud))
    assert fitted_digest(loud) != fitted_digest(FunctionTransformer(shout))


def test_bytes_between_the_fields_of_a_record_do_not_count():
    record = np.dtype({"names": ["a", "b"], "formats": ["i1", "i8"], "offsets": [0, 8]})
    blank, noisy = np.zeros(3, record), np.zeros(3, record)
    noisy.view(np.uint8)[1:8] = 7
    assert blank.tobytes() != noisy.tobytes()
    assert fitted_digest(blank) == fitted_digest(noisy)


def test_an_object_that_holds_itself_has_an_end():
    loop: list[Any] = [1]
    loop.append(loop)
    assert fitted_digest(loop) != fitted_digest([1])


def test_another_process_finds_the_same_number():
    script = (
        "import runpy, sys\n"
        "from sklearn.feature_extraction.text import TfidfVectorizer\n"
        "vectors = TfidfVectorizer().fit(['bit and cup', 'dot of each'])\n"
        "find = runpy.run_path(sys.argv[1])['fitted_digest']\n"
        "print(find([{'the', 'a', 'of'}, vectors]))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, fitted_module.__file__],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    here = TfidfVectorizer().fit(["dot of each", "bit and cup"])
    assert found.strip() == fitted_digest([{"of", "the", "a"}, here])
