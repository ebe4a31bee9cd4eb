"""Text rivals against scikit-learn's own pipelines, and on the real intents of CLINC150."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from understudy.errors import RequestError
from understudy.evaluation import tfidf
from understudy.evaluation.linear import UNSEEN_LOGIT
from understudy.evaluation.predictor import answers_from
from understudy.evaluation.tfidf import (
    answering,
    held_out,
    likeliest_scale,
    rows_within_reach,
    train_logistic,
    train_svm,
)

DATA = Path(os.environ.get("UNDERSTUDY_DATA", Path(__file__).parents[3] / "shared/data"))
CLINC = DATA / "clinc150/data_full.json"

WORDS = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\b\w+\b")
CHARACTERS = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)


@pytest.fixture(scope="module")
def texts():
    """Sentences of three kinds that share most words, some of them of a wrong kind."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 240)
    kinds = (("pay", "bill", "card"), ("fly", "trip", "seat"), ("cook", "meal", "salt"))
    rest = ("what", "is", "the", "best", "I", "a", "to", "need", "tell", "how", "Much", "ever")
    shown = np.where(generator.random(240) < 0.15, generator.integers(0, 3, 240), labels)
    made = [" ".join([*generator.choice(rest, 4), generator.choice(kinds[kind])]) for kind in shown]
    return np.array(made, dtype=object), labels


def test_the_logistic_rival_is_scikit_learns(texts):
    known, labels = texts
    answers = answers_from(answering(train_logistic(known, labels, 3, seed=0))(known))
    model = LogisticRegression(C=tfidf.STRENGTH, max_iter=1000)
    expected = make_pipeline(WORDS, model).fit(known, labels).predict_proba(known)
    np.testing.assert_allclose(np.exp(answers.log_probabilities), expected, atol=0.02)
    assert (answers.classes == expected.argmax(axis=1)).all()


def test_the_machine_answers_as_scikit_learns_up_to_one_factor(texts):
    known, labels = texts
    logits = answering(train_svm(known, labels, 3, seed=0))(known)
    pipeline = make_pipeline(make_union(WORDS, CHARACTERS), LinearSVC(random_state=0))
    margins = pipeline.fit(known, labels).decision_function(known)
    factor = np.median(logits / margins)
    assert tfidf.SCALES[0] < factor < tfidf.SCALES[1]
    np.testing.assert_allclose(logits, factor * margins, atol=0.02 * factor)


def test_confidence_of_the_machine_is_about_how_often_it_is_right(texts):
    known, labels = texts
    learnt, asked = slice(0, 160), slice(160, None)
    answers = answers_from(answering(train_svm(known[learnt], labels[learnt], 3, 0))(known[asked]))
    right = (answers.classes == labels[asked]).mean()
    assert 0.7 < right < 1.0
    assert answers.confidence.mean() == pytest.approx(right, abs=0.1)


def test_two_known_classes_of_three_keep_their_places(texts):
    known, labels = texts
    pair = labels != 1
    for train in (train_svm, train_logistic):
        logits = answering(train(known[pair], labels[pair], 3, 0))(known[pair])
        assert (logits.argmax(axis=1) == labels[pair]).mean() > 0.85
        assert (logits[:, 1] == UNSEEN_LOGIT).all()


def test_a_text_alone_and_among_others_gets_the_same_answer(texts):
    known, labels = texts
    answer = answering(train_svm(known, labels, 3, 0))
    alone = np.concatenate([answer(known[row : row + 1]) for row in range(5)])
    assert np.array_equal(alone, answer(known[:5]))


def test_a_text_of_unknown_terms_gets_an_answer(texts):
    known, labels = texts
    strange = np.array(["", "\u6f22\u5b57", "pay\x1fbill"], dtype=object)
    logits = answering(train_svm(known, labels, 3, 0))(strange)
    assert np.isfinite(logits).all()
    assert np.array_equal(logits[0], logits[1])
    assert logits[2].argmax() == 0


def test_many_classes_leave_fewer_terms(texts, monkeypatch):
    known, labels = texts
    monkeypatch.setattr(tfidf, "MOST_WEIGHTS", 60)
    arrays = train_svm(known, labels, 3, 0)
    assert (len(arrays["words"]), len(arrays["characters"])) == (10, 10)
    assert arrays["weight"].shape == (20, 3)


def test_texts_without_words_are_refused():
    with pytest.raises(RequestError, match="no training text holds any words"):
        train_logistic(np.array(["?", "!"], dtype=object), np.array([0, 1]), 2, 0)


def test_every_class_keeps_a_row():
    labels = np.array([2] * 12 + [0] + [1] * 5)
    held = held_out(labels, seed=0)
    assert np.bincount(labels[held], minlength=3).tolist() == [0, 1, 3]
    assert not np.array_equal(held, held_out(labels, seed=1))


def test_a_machine_of_one_row_a_class_keeps_its_margins():
    texts, labels = np.array(["pay bill", "fly home"], dtype=object), np.array([0, 1])
    logits = answering(train_svm(texts, labels, 2, 0))(texts)
    assert logits.argmax(axis=1).tolist() == [0, 1]
    assert np.abs(logits).max() < 2


def test_the_scale_found_is_the_one_that_was_taken_away():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(20_000, 4)) * 2
    drawn = (softmax(logits, axis=1).cumsum(axis=1) < generator.random((20_000, 1))).sum(axis=1)
    found = likeliest_scale(logits / 5, drawn)
    assert found == pytest.approx(5, rel=0.05)
    near = [log_loss(drawn, softmax(factor * logits / 5, axis=1)) for factor in (0.9, 1, 1.1)]
    assert log_loss(drawn, softmax(found * logits / 5, axis=1)) <= min(near)


def test_rows_within_reach_hold_what_can_be_learnt_from(monkeypatch):
    texts = np.array(["four"] * 10, dtype=object)
    assert rows_within_reach(texts) == 10
    monkeypatch.setattr(tfidf, "CHARACTERS_CAP", 12)
    assert rows_within_reach(texts) == 3


@pytest.mark.skipif(not CLINC.is_file(), reason="CLINC150 is not here; set UNDERSTUDY_DATA")
def test_intents_of_twenty_kinds_are_told_apart():
    rows = json.loads(CLINC.read_text())
    names = sorted({name for _, name in rows["train"]})[:20]
    known, asked = (
        [(text, names.index(name)) for text, name in rows[role] if name in names]
        for role in ("train", "test")
    )
    (texts, labels), (questions, truth) = (
        (np.array([text for text, _ in some], dtype=object), np.array([kind for _, kind in some]))
        for some in (known, asked)
    )
    strange = np.array([text for text, _ in rows["oos_test"]], dtype=object)
    answer = answering(train_svm(texts, labels, 20, 0))
    answers, odd = answers_from(answer(questions)), answers_from(answer(strange))
    assert (answers.classes == truth).mean() > 0.95
    assert answers.confidence.mean() == pytest.approx((answers.classes == truth).mean(), abs=0.05)
    assert np.median(odd.confidence) < np.quantile(answers.confidence, 0.1)


def test_where_a_text_may_have_several_classes_each_is_a_question_of_its_own(texts):
    known, labels = texts
    marks = np.stack([labels == 0, labels <= 1, labels == 2], axis=1).astype(np.int64)
    logits = answering(train_logistic(known, marks, 3, seed=0))(known)
    for number in range(3):
        model = LogisticRegression(C=tfidf.STRENGTH, max_iter=1000)
        alone = make_pipeline(WORDS, model).fit(known, marks[:, number])
        expected = alone.predict_proba(known)[:, 1]
        np.testing.assert_allclose(expit(logits[:, number]), expected, atol=0.02)
    machine = answering(train_svm(known, marks, 3, seed=0))(known)
    assert ((machine > 0) == marks).mean() > 0.9
    # The scale is the one that makes the labels likeliest, and no other is likelier.
    logits = logits + 4 * np.random.default_rng(0).normal(size=logits.shape)  # not all right
    scale = likeliest_scale(logits, marks)
    loss = [
        log_loss(marks.ravel(), expit(s * logits).ravel())
        for s in (0.9 * scale, scale, 1.1 * scale)
    ]
    assert loss[1] == min(loss)
