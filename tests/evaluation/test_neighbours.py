"""The neighbours, against scikit-learn's."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from understudy.evaluation.neighbours import answer_neighbours, train_neighbours


@pytest.fixture(scope="module")
def digits():
    features, labels = load_digits(return_X_y=True)
    return features.astype(np.float32), labels.astype(np.int64)


def test_votes_are_those_of_scikit_learn(digits):
    features, labels = digits
    known, asked = slice(0, 1200), slice(1200, None)
    arrays = train_neighbours(features[known], labels[known], 10, seed=0)
    found = np.exp(answer_neighbours(arrays, features[asked]))
    compressed = PCA(50, svd_solver="randomized", random_state=0).fit(features[known])
    model = KNeighborsClassifier(5).fit(compressed.transform(features[known]), labels[known])
    votes = model.predict_proba(compressed.transform(features[asked])) * 5
    np.testing.assert_allclose(found, (votes + 0.1) / 6, atol=1e-3)
    assert (found.argmax(axis=1) == labels[asked]).mean() > 0.93


def test_the_nearest_row_settles_a_tie():
    places = np.array([[0.0, 0.0], [1.0, 0.0], [9.0, 0.0], [10.0, 0.0]], np.float32)
    arrays = train_neighbours(places, np.array([1, 1, 0, 0]), 2, seed=0)
    answers = answer_neighbours(arrays, np.array([[4.0, 0.0], [6.0, 0.0]], np.float32))
    assert answers.argmax(axis=1).tolist() == [1, 0]


def test_few_rows_and_unseen_classes_keep_finite_logits():
    arrays = train_neighbours(np.eye(3, 8, dtype=np.float32), np.array([0, 1, 1]), 4, seed=0)
    answers = answer_neighbours(arrays, np.ones((2, 8), np.float32))
    assert answers.shape == (2, 4)
    assert np.isfinite(answers).all()
