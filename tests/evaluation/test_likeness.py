"""TF-IDF between two texts: alike letters, alike texts; and as strong as it should be."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from understudy.evaluation.likeness import counted
from understudy.evaluation.retrieval import spearman

DATA = Path(os.environ.get("UNDERSTUDY_DATA", Path(__file__).parents[3] / "shared" / "data"))
TEXTS = ("a cat sleeps", "the cats are sleeping", "dogs bark")


def test_texts_are_as_alike_as_their_letters():
    rival = counted(TEXTS)
    same, like, unlike = rival.scores(["a cat sleeps"] * 3, TEXTS)
    assert same == pytest.approx(1.0)
    assert 1 > like > unlike >= 0


def test_scores_are_the_cosines_of_its_vectors():
    rival = counted(TEXTS)
    vectors = rival.predict({"text": np.array(TEXTS, dtype=object)})
    expected = cosine_similarity(vectors)[[0, 1], [1, 2]]
    np.testing.assert_allclose(rival.scores(TEXTS[:2], TEXTS[1:]), expected, rtol=1e-5)
    assert rival.name == "rival-tfidf"
    assert vectors.shape[1] == rival.parameters
    assert rival.bytes > 4 * rival.parameters
    assert rival.seconds > 0


def test_letters_never_seen_are_like_nothing():
    assert counted(TEXTS).scores(["ωψ"], ["ωψ"]).tolist() == [0.0]


@pytest.mark.skipif(not (DATA / "stsb").is_dir(), reason=f"{DATA} holds no stsb")
def test_it_is_no_weak_rival():
    with (DATA / "stsb" / "stsb-en-test.csv").open() as file:
        first, second, gold = zip(*csv.reader(file), strict=True)
    scores = counted([*first, *second]).scores(first, second)
    assert spearman(scores, np.array(gold, float)) > 0.7
