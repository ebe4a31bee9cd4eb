"""From answers of a language model to probabilities, with the numbers worked out by hand."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
import pytest

from understudy.teachers.odds import FLOOR
from understudy.teachers.picking import (
    SURE,
    codes_for,
    named_class,
    probabilities,
    spelt_class,
)

NAMES = ("book flight", "cancel", "cancel flight", "greet")
CODES = codes_for(4)


def token(text: str, **others: float) -> tuple[str, dict[str, float]]:
    return text, {name: log(value) for name, value in others.items()}


def choice(content: str, *tokens: tuple[str, dict[str, float]]) -> dict[str, Any]:
    """An answer as servers send it."""
    told = [
        {
            "token": text,
            "logprob": others[text],
            "top_logprobs": [{"token": t, "logprob": value} for t, value in others.items()],
        }
        for text, others in tokens
    ]
    return {"message": {"content": content}, "logprobs": {"content": told} if told else None}


def test_codes_are_letters_and_then_numbers_of_equal_width():
    assert codes_for(3) == ("A", "B", "C")
    assert codes_for(26)[-1] == "Z"
    assert codes_for(27)[:2] == ("01", "02")
    assert codes_for(150)[6] == "007"
    assert len(set(codes_for(1000))) == 1000
    # None begins another, so that the first token that completes one tells the class.
    for codes in (codes_for(26), codes_for(120)):
        assert not any(a != b and b.startswith(a) for a in codes for b in codes)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("B", 1),
        (" b.", 1),
        ("**B**", 1),
        ("B: cancel", 1),
        ("B\ncancel", 1),
        ("greet", 3),
        ("The label is Greet!", 3),
        ("cancel flight", 2),  # and not "cancel", which is in it
        ("A greeting", None),  # an article, no code
        ("cancel flight or greet", None),
        ("E", None),
        ("no idea", None),
        ("regreet", None),
        ("", None),
    ],
)
def test_what_words_name(words: str, wanted: int | None):
    assert named_class(words, CODES, NAMES) == wanted


def test_one_token_and_its_alternatives_are_the_probabilities():
    spelt = spelt_class([token("B", B=0.7, A=0.2, C=0.1)], ("A", "B", "C"))
    assert spelt is not None and spelt[0] == 1
    np.testing.assert_allclose(spelt[1], [0.2, 0.7, 0.1])


def test_two_writings_of_a_code_add_up_and_other_words_are_left_out():
    alternatives = {"B": log(0.5), " B": log(0.2), "b": log(0.1), "The": log(0.15), "A": log(0.05)}
    spelt = spelt_class([("B", alternatives)], ("A", "B"))
    assert spelt is not None
    np.testing.assert_allclose(spelt[1], [0.05, 0.8])


def test_classes_that_no_token_begins_share_what_is_left_but_no_more_than_the_least_listed():
    spelt = spelt_class([token("A", A=0.9, B=0.04)], codes_for(5))
    assert spelt is not None
    np.testing.assert_allclose(spelt[1], [0.9, 0.04, 0.02, 0.02, 0.02])
    spelt = spelt_class([token("A", A=0.5, B=0.01)], codes_for(5))
    assert spelt is not None
    np.testing.assert_allclose(spelt[1], [0.5, 0.01, 0.01, 0.01, 0.01])


def test_codes_of_several_tokens_are_followed_digit_by_digit():
    codes = codes_for(30)  # "01" to "30"
    first = ("2", {"2": log(0.8), "0": log(0.18)})
    second = ("7", {"7": log(0.75), "1": log(0.2)})
    spelt = spelt_class([(" ", {" ": 0.0}), first, second], codes)
    assert spelt is not None and codes[spelt[0]] == "27"
    table = dict(zip(codes, spelt[1], strict=True))
    assert table["27"] == pytest.approx(0.6)
    assert table["21"] == pytest.approx(0.16)
    assert table["01"] == table["09"] == pytest.approx(0.02)  # 0.18 over nine codes
    # Nothing begins "10" to "20" and the rest of "20" to "30": 0.06 over the others.
    assert table["15"] == table["30"] == pytest.approx(0.06 / 19)
    assert sum(spelt[1]) == pytest.approx(1)


@pytest.mark.parametrize(
    "tokens",
    [
        [],
        [token("The", The=0.9, A=0.1)],
        [token("0", **{"0": 0.9, "1": 0.1})],  # ends within a code
    ],
)
def test_tokens_that_spell_no_code(tokens: list[Any]):
    assert spelt_class(tokens, codes_for(30)) is None


def test_probabilities_come_from_tokens_where_they_spell_what_the_words_name():
    said = choice("B", token("B", B=0.7, A=0.2, C=0.05, D=0.05))
    found = probabilities(said, "B", CODES, NAMES)
    np.testing.assert_allclose(found, [0.2, 0.7, 0.05, 0.05])


def test_a_word_that_begins_like_a_code_is_no_code():
    said = choice("Cancel", token("C", C=0.9, A=0.1))  # "C" + "ancel", the class of code B
    found = probabilities(said, "Cancel", CODES, NAMES)
    assert found is not None and found.argmax() == 1 and found[1] == pytest.approx(SURE)


def test_without_tokens_the_named_class_is_likely_and_the_others_share_the_rest():
    found = probabilities(choice("greet"), "greet", CODES, NAMES)
    np.testing.assert_allclose(found, [0.1 / 3] * 3 + [SURE])
    assert probabilities(choice("hm"), "hm", CODES, NAMES) is None


def test_no_class_is_impossible():
    said = choice("A", token("A", A=1.0))
    found = probabilities(said, "A", CODES, NAMES)
    assert found is not None
    assert found.sum() == pytest.approx(1)
    assert found[1:].min() == pytest.approx(FLOOR, rel=1e-3)


@pytest.mark.parametrize("logprobs", ["garbage", {"content": [{"token": "A"}]}, {"content": 3}, []])
def test_garbage_in_place_of_tokens_counts_as_none(logprobs: Any):
    said = {**choice("A"), "logprobs": logprobs}
    found = probabilities(said, "A", CODES, NAMES)
    assert found is not None and found[0] == pytest.approx(SURE)
