"""BM25 as an index of words: scores by hand are in the tests of the rival that is made of it."""

import pytest

from understudy.data.bm25 import index_words
from understudy.errors import RequestError

TEXTS = ("Cats purr and cats sleep", "A dog barks", "Dogs and birds", "The cats of a dog")


def test_the_best_documents_come_first_and_those_without_a_word_not_at_all():
    index = index_words(TEXTS)
    assert index.best("dog barks", 3).tolist() == [1, 3]
    assert index.best("dog barks", 1).tolist() == [1]
    assert index.best("nothing of it", 3).tolist() == index.best("", 3).tolist() == []


def test_every_document_has_a_score():
    scores = index_words(TEXTS).scores("cats")
    assert scores.shape == (4,)
    assert (scores > 0).tolist() == [True, False, False, True]


def test_documents_without_words_are_refused():
    with pytest.raises(RequestError, match="bm25 found no word in any document"):
        index_words(["the of", ""])
