"""The linear rival, against scikit-learn's own answers."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from understudy.evaluation.linear import (
    PENALTY,
    UNSEEN_LOGIT,
    answer_linear,
    fitted_each,
    train_linear,
)
from understudy.evaluation.predictor import answers_from


@pytest.fixture(scope="module")
def digits():
    features, labels = load_digits(return_X_y=True)
    return features.astype(np.float32), labels.astype(np.int64)


def test_answers_are_those_of_scikit_learn(digits):
    features, labels = digits
    train, test = slice(0, 1200), slice(1200, None)
    answers = answers_from(
        answer_linear(train_linear(features[train], labels[train], 10, seed=0), features[test])
    )
    scaler = StandardScaler().fit(features[train])
    model = LogisticRegression(C=1 / (PENALTY * 1200), max_iter=1000)
    model.fit(scaler.transform(features[train]), labels[train])
    expected = model.predict_proba(scaler.transform(features[test]))
    assert (answers.classes == expected.argmax(axis=1)).mean() > 0.99
    assert (answers.classes == labels[test]).mean() > 0.88
    assert np.abs(np.exp(answers.log_probabilities) - expected).mean() < 0.01


def test_two_known_classes_of_three_keep_their_places(digits):
    features, labels = digits
    pair = np.isin(labels, (3, 8))
    renamed = np.where(labels[pair] == 3, 0, 2)
    logits = answer_linear(train_linear(features[pair], renamed, 3, seed=0), features[pair])
    assert (logits.argmax(axis=1) == renamed).mean() > 0.95
    assert (logits[:, 1] == UNSEEN_LOGIT).all()


def test_a_constant_pixel_is_harmless(digits):
    features, labels = digits
    logits = answer_linear(train_linear(features[:300], labels[:300], 10, seed=0), features)
    assert (features[:300].std(axis=0) == 0).any()
    assert np.isfinite(logits).all()


def test_a_line_for_each_class_where_a_row_may_have_several():
    random = np.random.default_rng(0)
    features = random.normal(size=(80, 5)).astype(np.float32)
    marks = np.stack([features[:, 0] > 0, features[:, 1] > 0.5, np.ones(80), np.zeros(80)], 1)
    lines = fitted_each(lambda: LogisticRegression(C=1.0), features, marks.astype(np.int64), 4)
    logits = features @ lines["weight"] + lines["bias"]
    for number in range(2):
        alone = LogisticRegression(C=1.0).fit(features, marks[:, number])
        np.testing.assert_allclose(logits[:, number], alone.decision_function(features), rtol=1e-4)
    assert lines["bias"][2:].tolist() == [-UNSEEN_LOGIT, UNSEEN_LOGIT]
    assert not lines["weight"][:, 2:].any()
