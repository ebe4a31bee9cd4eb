"""Every word is explained in sentences, and only known words can be asked for."""

import pytest

from understudy.report.glossary import WORDS, explained


def test_explanations_are_sentences_in_the_order_asked_for():
    assert list(explained("ECE", "Control")) == ["ECE", "Control"]
    for meaning in WORDS.values():
        assert meaning[0].isupper()
        assert meaning.endswith(".")


def test_an_unknown_word_is_a_fault_of_ours():
    with pytest.raises(KeyError):
        explained("Oracle")
