"""BM25: by hand on few words, and on a real collection as others measured it."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import RequestError
from understudy.evaluation import retrieval
from understudy.evaluation.bm25 import indexed
from understudy.evaluation.retrieval import Judgements

TEXTS = ("Cats purr and cats sleep", "A dog barks", "Dogs and birds", "The cats of a dog")
DATA = Path(os.environ.get("UNDERSTUDY_DATA", Path(__file__).parents[3] / "shared" / "data"))


def test_documents_with_the_rarer_word_come_first_and_others_not_at_all():
    found = indexed(TEXTS).rank(["dog barks", "cats", "nothing of it", ""], k=3)
    assert found.documents.tolist() == [[1, 3, -1], [0, 3, -1], [-1, -1, -1], [-1, -1, -1]]
    assert found.scores[0, 0] > found.scores[0, 1] > 0


def test_scores_are_those_of_the_formula():
    """ln(1 + (N - n + 0.5) / (n + 0.5)) * tf / (tf + k1 (1 - b + b length / mean length))."""
    lengths = [4, 2, 2, 2]  # cats purr cats sleep; dog barks; dogs birds; cats dog
    rarity = math.log(1 + (4 - 2 + 0.5) / (2 + 0.5))
    expected = []
    for times, length in zip([2, 0, 0, 1], lengths, strict=True):
        room = 1.5 * (1 - 0.75 + 0.75 * length / np.mean(lengths))
        expected.append(rarity * times / (times + room))
    scores = indexed(TEXTS).predict({"text": np.array(["cats"], dtype=object)})
    assert scores.shape == (1, 4)
    assert scores[0].tolist() == pytest.approx(expected, rel=1e-5)


def test_its_size_is_that_of_the_index():
    index = indexed(TEXTS)
    assert index.name == "rival-bm25"
    assert index.parameters == 9
    assert index.bytes > 8 * 9
    assert index.seconds > 0


def test_documents_without_words_are_refused():
    with pytest.raises(RequestError, match="bm25 found no word in any document"):
        indexed(["the of", ""])


@pytest.mark.skipif(not (DATA / "scifact").is_dir(), reason=f"{DATA} holds no scifact")
def test_scifact_is_as_hard_for_it_as_beir_says():
    """BEIR reports nDCG@10 of .665 for BM25 on title and text."""
    folder = DATA / "scifact"
    corpus, queries = (
        [json.loads(line) for line in (folder / name).read_text().splitlines()]
        for name in ("corpus.jsonl", "queries_test.jsonl")
    )
    document, query = (
        {row["_id"]: place for place, row in enumerate(rows)} for rows in (corpus, queries)
    )
    lines = (folder / "qrels_test.tsv").read_text().splitlines()[1:]
    judged = [line.split("\t") for line in lines]
    judgements = Judgements(
        np.array([query[asked] for asked, _, _ in judged]),
        np.array([document[found] for _, found, _ in judged]),
        np.array([float(grade) for _, _, grade in judged]),
    )
    ranking = indexed([f"{row['title']} {row['text']}" for row in corpus]).rank(
        [row["text"] for row in queries]
    )
    assert retrieval.ndcg(ranking, judgements, 10).mean() == pytest.approx(0.665, abs=0.01)
    assert retrieval.recall(ranking, judgements, 100).mean() == pytest.approx(0.876, abs=0.02)
