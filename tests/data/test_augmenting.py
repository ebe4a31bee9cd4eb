from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from understudy.data.augmenting import SEPARATOR, Augmentation, Augmented, Vocabulary, augmented
from understudy.data.texts import SEPARATOR as SEPARATOR_OF_TEXTS
from understudy.errors import RequestError

LONG = " ".join(f"w{number}" for number in range(1000))
"""A text in which each word stands once, so that shares can be counted."""


def copies(text: str, **settings: object) -> list[str]:
    nothing = {"mask": 0.0, "replace": 0.0, "swap": 0.0, "ngram": 0.0}
    asked = Augmentation(**{**nothing, "copies": 20, **settings})
    return augmented([text], asked, Vocabulary.of([text])).texts.tolist()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"copies": 0}, "augment.copies is 0; it must be 1 or more"),
        ({"mask": 1.5}, "augment.mask is 1.5; it must lie between 0 and 1"),
        ({"ngram": float("nan")}, "augment.ngram is nan; it must lie between 0 and 1"),
        ({"seed": -1}, "augment.seed is -1; it must be 0 or more"),
        (
            {"mask_token": " "},
            "augment.mask_token is blank; name the tokenizer's own, as '[MASK]'",
        ),
        (
            {"mask": 0.5, "replace": 0.4, "swap": 0.2},
            "augment.mask and augment.replace and augment.swap come to 1.1; one of them happens to "
            "a word at most, so together they must not exceed 1",
        ),
        (
            {"mask": 0, "replace": 0, "swap": 0, "ngram": 0},
            "augment.ngram is 0, as are mask, replace and swap; no copy would differ",
        ),
    ],
)
def test_what_no_augmentation_can_be_is_told(given: dict[str, object], told: str) -> None:
    with pytest.raises(RequestError) as caught:
        Augmentation(**given)
    assert str(caught.value) == told


def test_the_separator_is_that_of_texts() -> None:
    assert SEPARATOR == SEPARATOR_OF_TEXTS


def test_masking_hides_its_share_of_words_and_leaves_the_others() -> None:
    for copy in copies(LONG, mask=0.2, mask_token="<mask>", copies=3):
        pairs = list(zip(LONG.split(), copy.split(), strict=True))
        assert 150 < sum(new == "<mask>" for _, new in pairs) < 250
        assert all(new in (old, "<mask>") for old, new in pairs)


def test_replacing_takes_another_word_and_keeps_what_stands_around_it() -> None:
    for copy in copies("(red) blue, green!", replace=1.0):
        assert (copy[0], copy[-1], copy.count(",")) == ("(", "!", 1)
        ours = [word.strip("(),!") for word in copy.split()]
        assert all(new in ("red", "blue") for new in ours[:2])
        assert all(new != old for new, old in zip(ours[:2], ("red", "blue"), strict=True))
        assert ours[2] == "green"  # five letters or more: only words that end alike


def test_replacing_is_even_among_words_of_one_kind() -> None:
    found = copies(" ".join(["a b c d"] * 1), replace=1.0, copies=81)
    first = {word: sum(copy[0] == word for copy in found) for word in "abcd"}
    assert first["a"] == 0
    assert min(first[word] for word in "bcd") >= 5


def test_words_are_of_one_kind_where_spelling_ending_and_frequency_are_alike() -> None:
    text = "walking talking Talking cat dog 12 34 the the the the don't"
    kinds = {word: set(kind) for word, kind in Vocabulary.of([text]).kind_of.items()}
    assert kinds["walking"] == {"walking", "talking"}
    assert kinds["Talking"] == {"Talking"}
    assert kinds["12"] == {"12", "34"}
    assert kinds["cat"] == {"cat", "dog"}
    assert kinds["the"] == {"the"}


def test_swapping_moves_words_and_loses_none() -> None:
    for copy in copies(LONG, swap=0.2, copies=3):
        assert copy != LONG
        assert sorted(copy.split()) == sorted(LONG.split())


def test_an_ngram_is_one_to_five_words_in_a_row() -> None:
    found = copies(LONG, ngram=1.0, copies=50)
    assert {len(copy.split()) for copy in found} == {1, 2, 3, 4, 5}
    assert all(f" {copy} " in f" {LONG} " for copy in found)
    assert set(copies("one two", ngram=1.0)) == {"one", "two"}


def test_a_copy_depends_on_seed_row_and_number_only() -> None:
    texts = [f"how do I pay bill number {row} today" for row in range(30)]
    vocabulary = Vocabulary.of(texts)
    assert vocabulary == Vocabulary.of(reversed(texts))
    everything = augmented(texts, Augmentation(), vocabulary)
    some = augmented([texts[7], texts[3]], Augmentation(), vocabulary, rows=[7, 3])
    assert as_dict(some) == {row: as_dict(everything)[row] for row in (7, 3)}
    fewer = augmented(texts, Augmentation(copies=2), vocabulary)
    assert set(as_dict(fewer)[5]) <= set(as_dict(everything)[5])
    assert as_dict(augmented(texts, Augmentation(seed=1), vocabulary)) != as_dict(everything)


def as_dict(found: Augmented) -> dict[int, list[str]]:
    copies: dict[int, list[str]] = {}
    for row, text in zip(found.rows.tolist(), found.texts, strict=True):
        copies.setdefault(row, []).append(text)
    return copies


def test_copies_that_equal_the_text_or_each_other_are_dropped_and_counted() -> None:
    found = augmented(
        ["one two"], Augmentation(copies=20, ngram=1.0, mask=0, replace=0, swap=0), Vocabulary({})
    )
    assert (sorted(found.texts), found.dropped) == (["one", "two"], 18)
    assert found.rows.tolist() == [0, 0]
    unchanged = augmented(["a b"], Augmentation(mask=0, swap=0, ngram=0), Vocabulary({}))
    assert (len(unchanged.texts), unchanged.dropped) == (0, 5)


def test_the_texts_of_a_row_change_in_turn_and_stay_apart() -> None:
    text = f"a b c{SEPARATOR}d e f"
    found = copies(text, mask=1.0, copies=3)
    hidden = "[MASK] [MASK] [MASK]"
    assert found == [
        f"{hidden}{SEPARATOR}d e f",
        f"a b c{SEPARATOR}{hidden}",
        f"{hidden}{SEPARATOR}{hidden}",
    ]


def test_one_endless_word_takes_no_time() -> None:
    word = f"a{'-' * 60_000}b"
    assert copies(f"{word} is long", mask=0.5)


def test_real_sentences(real: Callable[[str], Path]) -> None:
    with real("sst2/train.tsv").open() as lines:
        texts = [text for text, _ in csv.reader(lines, delimiter="\t")]
    start = time.process_time()
    found = augmented(texts[:1000], Augmentation(copies=10), Vocabulary.of(texts))
    assert time.process_time() - start < 3
    assert len(found.texts) + found.dropped == 10_000
    assert found.dropped < 1000
