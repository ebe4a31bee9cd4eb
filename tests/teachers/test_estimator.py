"""scikit-learn estimators answer as teachers; their files are opened only where that is safe."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier
from sklearn.metrics import log_loss
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC, LinearSVC

from understudy.errors import RequestError
from understudy.teachers.estimator import Estimator, read_estimator, usual_scale
from understudy.teachers.odds import FLOOR

TEXTS = ["book a flight", "cancel my flight", "hello there", "hi you", "fly me home"] * 8
LABELS = ["book", "cancel", "greet", "greet", "book"] * 8
ASKED = {"text": np.array(["please book", "hello\x1fhome", "nothing known"], dtype=object)}


def fitted(classifier: Any, labels: list[Any] = LABELS) -> Pipeline:
    return make_pipeline(TfidfVectorizer(), classifier).fit(TEXTS, labels)


@pytest.mark.parametrize("classifier", [LogisticRegression(), MultinomialNB()])
def test_probabilities_become_logits(classifier: Any):
    pipeline = fitted(classifier)
    teacher = Estimator(pipeline)
    logits = teacher.answer(ASKED)["logits"]
    assert teacher.classes == ("book", "cancel", "greet")
    assert logits.dtype == torch.float32
    wanted = pipeline.predict_proba(["please book", "hello home", "nothing known"])
    np.testing.assert_allclose(torch.softmax(logits, -1), wanted, rtol=1e-5)


def test_a_probability_of_zero_is_clipped():
    forest = RandomForestClassifier(3, random_state=0, bootstrap=False)
    teacher = Estimator(fitted(forest))
    logits = teacher.answer({"text": np.array(["hi you"], dtype=object)})["logits"][0]
    assert logits.min().item() == pytest.approx(np.log(FLOOR))
    assert logits.argmax() == 2


@pytest.mark.parametrize("classifier", [LinearSVC(), RidgeClassifier(), Perceptron(), SVC()])
def test_decisions_become_logits_times_a_scale(classifier: Any):
    pipeline = fitted(classifier)
    logits = Estimator(pipeline, scale=2.5).answer(ASKED)["logits"]
    wanted = pipeline.decision_function(["please book", "hello home", "nothing known"])
    np.testing.assert_allclose(logits, 2.5 * wanted, rtol=1e-5)


def test_two_classes_have_two_logits_on_the_right_sides():
    pipeline = fitted(LinearSVC(), [label == "greet" for label in LABELS])
    teacher = Estimator(pipeline)
    logits = teacher.answer({"text": np.array(["hello there", "book a flight"], dtype=object)})
    assert teacher.classes == ("False", "True")
    assert logits["logits"].argmax(-1).tolist() == [1, 0]
    assert logits["logits"].sum(-1).abs().max() < 1e-6


def test_the_usual_scale_is_nearer_to_the_truth_than_none():
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    machine = LinearSVC(C=1e-5).fit(images[:900], labels[:900])
    teacher = Estimator(machine)
    said = softmax(teacher.answer({"image": images[900:].reshape(-1, 8, 8, 1)})["logits"], axis=-1)
    plain = softmax(machine.decision_function(images[900:]), axis=-1)
    assert log_loss(labels[900:], said) < 0.7 * log_loss(labels[900:], plain)
    assert usual_scale(2) < usual_scale(4) < usual_scale(150)


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (TfidfVectorizer(), "is not fitted"),
        (LogisticRegression(), "is not fitted"),
        (make_pipeline(TfidfVectorizer(), LogisticRegression()), "is not fitted"),
    ],
)
def test_what_is_not_fitted_is_refused(estimator: Any, words: str):
    with pytest.raises(RequestError, match=words):
        Estimator(estimator)


def test_several_labels_a_row_are_refused():
    labels = np.eye(3, dtype=int)[[0, 1, 2, 2, 0] * 8]
    teacher = Estimator(fitted(OneVsRestClassifier(LogisticRegression()), labels))
    with pytest.raises(RequestError, match="do not sum to 1, so it gives several labels a row"):
        teacher.answer(ASKED)
    with pytest.raises(RequestError, match="several labels a row"):
        Estimator(fitted(KNeighborsClassifier(), labels))


def test_one_against_one_is_no_table_of_classes():
    four = [*LABELS[:-1], "other"]
    teacher = Estimator(fitted(SVC(decision_function_shape="ovo"), four))
    with pytest.raises(RequestError, match=r"answers \[3, 6\] where .* \[3, 4\]"):
        teacher.answer(ASKED)


def test_without_a_degree_of_belief_it_is_no_teacher():
    class Sure(LogisticRegression):
        predict_proba = property()  # type: ignore[assignment]
        decision_function = property()  # type: ignore[assignment]

    with pytest.raises(RequestError, match="neither predict_proba nor decision_function"):
        Estimator(Sure().fit([[0.0], [1.0]], [0, 1]))


def test_rows_that_it_cannot_read_are_named():
    teacher = Estimator(LogisticRegression().fit(np.eye(4), [0, 1, 0, 1]))
    with pytest.raises(RequestError, match="LogisticRegression cannot read these rows: X has 6"):
        teacher.answer({"image": torch.zeros(2, 2, 3, 1)})


class TestFiles:
    sio = pytest.importorskip("skops.io")

    @pytest.mark.parametrize(
        "classifier",
        [
            LogisticRegression(),
            LinearSVC(),
            MultinomialNB(),
            SVC(),
            KNeighborsClassifier(),
            CalibratedClassifierCV(LinearSVC(), cv=2),
        ],
        ids=lambda classifier: type(classifier).__name__,
    )
    def test_a_file_gives_the_same_teacher(self, classifier: Any, tmp_path: Path):
        pipeline = fitted(classifier)
        self.sio.dump(pipeline, tmp_path / "teacher.skops")
        given, read = Estimator(pipeline), read_estimator(tmp_path / "teacher.skops")
        assert read.fingerprint == given.fingerprint
        assert read.classes == given.classes
        assert torch.equal(read.answer(ASKED)["logits"], given.answer(ASKED)["logits"])
        assert Estimator(pipeline, scale=9).fingerprint != given.fingerprint

    @pytest.mark.parametrize(
        ("pipeline", "name"),
        [
            (
                make_pipeline(FunctionTransformer(json.loads), LogisticRegression()),
                "json.decoder|json.loads",
            ),
            (make_pipeline(TfidfVectorizer(tokenizer=str.split)), "builtins.method_descriptor"),
            (RandomForestClassifier(2).fit(np.eye(4), [0, 1, 0, 1]), r"sklearn.tree._tree.Tree"),
        ],
    )
    def test_what_might_run_code_is_refused_by_name(self, pipeline: Any, name: str, tmp_path: Path):
        path = tmp_path / "teacher.skops"
        self.sio.dump(pipeline, path)
        with pytest.raises(RequestError, match=rf"(?s)holds .*({name}).*not known to be safe"):
            read_estimator(path)

    def test_a_type_renamed_in_the_file_is_refused_and_not_run(self, tmp_path: Path):
        self.sio.dump(fitted(LogisticRegression()), tmp_path / "good.skops")
        with zipfile.ZipFile(tmp_path / "good.skops") as good:
            parts = {name: good.read(name) for name in good.namelist()}
        parts["schema.json"] = (
            parts["schema.json"]
            .replace(b'"LogisticRegression"', b'"Popen"')
            .replace(b'"sklearn.linear_model._logistic"', b'"subprocess"')
        )
        with zipfile.ZipFile(tmp_path / "bad.skops", "w") as bad:
            for name, data in parts.items():
                bad.writestr(name, data)
        with pytest.raises(RequestError, match="subprocess.Popen"):
            read_estimator(tmp_path / "bad.skops")

    def test_what_is_no_such_file_is_told_in_a_sentence(self, tmp_path: Path):
        (tmp_path / "teacher.skops").write_bytes(b"not a zip")
        with pytest.raises(RequestError, match=r"cannot be read as a skops file \(BadZipFile"):
            read_estimator(tmp_path / "teacher.skops")


def test_a_missing_skops_names_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "skops.io", None)
    monkeypatch.setitem(sys.modules, "skops", None)
    with pytest.raises(RequestError, match="pip install skops"):
        read_estimator(Path("teacher.skops"))


MARKS = np.array([[label == name for name in ("book", "cancel", "home")] for label in LABELS])
MARKS[:, 2] = ["home" in text or "me" in text for text in TEXTS]


@pytest.mark.parametrize(
    "classifier",
    [OneVsRestClassifier(LogisticRegression()), RandomForestClassifier(5, random_state=0)],
)
def test_of_several_labels_each_probability_becomes_log_odds(classifier: Any):
    pipeline = make_pipeline(TfidfVectorizer(), classifier).fit(TEXTS, MARKS.astype(int))
    teacher = Estimator(pipeline, several=True)
    said = teacher.answer(ASKED)["logits"].sigmoid().numpy()
    given = pipeline.predict_proba(["please book", "hello home", "nothing known"])
    wanted = np.stack([each[:, 1] for each in given], 1) if isinstance(given, list) else given
    np.testing.assert_allclose(said, np.clip(wanted, FLOOR, 1 - FLOOR), rtol=1e-3, atol=1e-6)
    assert teacher.classes is None


def test_of_several_labels_decisions_become_logits_times_a_scale():
    machine = OneVsRestClassifier(LinearSVC())
    pipeline = make_pipeline(TfidfVectorizer(), machine).fit(TEXTS, MARKS.astype(int))
    logits = Estimator(pipeline, scale=2.0, several=True).answer(ASKED)["logits"]
    wanted = pipeline.decision_function(["please book", "hello home", "nothing known"])
    np.testing.assert_allclose(logits, 2.0 * wanted, rtol=1e-5)
