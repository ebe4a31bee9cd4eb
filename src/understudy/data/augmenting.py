"""More texts for the teacher to answer: copies of a text with words masked, replaced or moved."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from understudy.errors import RequestError

if TYPE_CHECKING:
    import numpy as np
    from numpy.random import Generator
    from numpy.typing import NDArray

SEPARATOR = "\x1f"
"""Between the texts of one row, as `texts.SEPARATOR`."""
LONGEST = 5
"""Words of the longest n-gram."""
AROUND = re.compile(r"\W*")


@dataclass(frozen=True)
class Augmentation:
    """How many copies of each text there are, and how they differ from it.

    `mask`, `replace` and `swap` are the chances of each word to become `mask_token`, to become
    another word, and to change places with the next; one of these happens at most. With the chance
    `ngram` a copy is then cut down to one to five words in a row.

    Raises: RequestError for what no augmentation can be.
    """

    copies: int = 5
    mask: float = 0.1
    replace: float = 0.1
    swap: float = 0.1
    ngram: float = 0.25
    mask_token: str = "[MASK]"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.copies < 1:
            raise RequestError(f"augment.copies is {self.copies}; it must be 1 or more")
        for name in ("mask", "replace", "swap", "ngram"):
            chance = getattr(self, name)
            if not 0 <= chance <= 1:
                raise RequestError(f"augment.{name} is {chance}; it must lie between 0 and 1")
        total = self.mask + self.replace + self.swap
        if total > 1:
            raise RequestError(
                f"augment.mask and augment.replace and augment.swap come to {total:g}; one of them "
                "happens to a word at most, so together they must not exceed 1"
            )
        if not total and not self.ngram:
            raise RequestError(
                "augment.ngram is 0, as are mask, replace and swap; no copy would differ"
            )
        if not self.mask_token.strip() or SEPARATOR in self.mask_token:
            raise RequestError("augment.mask_token is blank; name the tokenizer's own, as '[MASK]'")
        if self.seed < 0:
            raise RequestError(f"augment.seed is {self.seed}; it must be 0 or more")


@dataclass(frozen=True)
class Vocabulary:
    """The words of a transfer set, and for each the words that may take its place."""

    kind_of: Mapping[str, tuple[str, ...]]
    """All words of a word's kind, itself among them, in alphabetical order."""

    @staticmethod
    def of(texts: Iterable[str]) -> Vocabulary:
        """The words of these texts, whatever their order.

        Words are of one kind where they are written alike (digits, lower case, capital first,
        other), end alike (the last two letters, from five letters on) and occur similarly often
        (1 to 3 times, 4 to 15, 16 to 63 ...).
        """
        counts = Counter(
            word for text in texts for part in text.split(SEPARATOR) for _, word, _ in _words(part)
        )
        kinds: dict[tuple[str, str, int], list[str]] = {}
        for word in sorted(counts):
            band = (counts[word].bit_length() - 1) // 2
            ending = word[-2:].lower() if len(word) > 4 else ""
            kinds.setdefault((_shape(word), ending, band), []).append(word)
        return Vocabulary({word: kind for kind in map(tuple, kinds.values()) for word in kind})


@dataclass(frozen=True, eq=False)
class Augmented:
    """Copies that differ from their text and from each other. Shapes: [M] each.

    `dropped` counts those that did not.
    """

    rows: NDArray[np.int64]
    """The row of the text that each is a copy of."""
    texts: NDArray[Any]
    """Each a str."""
    dropped: int


def from_training(
    texts: NDArray[Any], rows: NDArray[np.int64], settings: Augmentation
) -> Augmented:
    """Copies of some rows of all texts [N], with words from those rows.

    Shapes: texts [N], rows [M] sorted.
    """
    some = texts[rows].tolist()
    return augmented(some, settings, Vocabulary.of(some), rows.tolist())


def augmented(
    texts: Sequence[str],
    settings: Augmentation,
    vocabulary: Vocabulary,
    rows: Sequence[int] | None = None,
) -> Augmented:
    """Copies of each text, reproducible from the seed, the number of the row and of the copy.

    A copy is the same whatever other texts are asked for with it, given the same vocabulary.
    `rows` are the row numbers of the texts, 0, 1, 2 ... where missing. Of a row with several texts
    (joined by `SEPARATOR`) the copies change the first, the rest, and all in turn.

    Shapes: texts [N], rows [N].
    Source: Tang et al. 2019, arXiv:1903.12136, section 3.2. Departures: a word is replaced by one
    of similar frequency and spelling, not by one with its part-of-speech tag, which would need a
    tagger for each language; swapping neighbours is ours. Words stand between spaces, and copies
    have one space between words.
    """
    import numpy as np

    numbers = range(len(texts)) if rows is None else rows
    found: list[tuple[int, str]] = []
    for row, text in zip(numbers, texts, strict=True):
        parts = [_words(part) for part in text.split(SEPARATOR)]
        seen = {SEPARATOR.join(map(_written, parts))}
        for copy in range(settings.copies):
            generator = np.random.default_rng((settings.seed, int(row), copy))
            changed = SEPARATOR.join(
                _written(_changed(words, settings, vocabulary, generator))
                if place in _turn(len(parts), copy)
                else _written(words)
                for place, words in enumerate(parts)
            )
            if changed not in seen:
                seen.add(changed)
                found.append((int(row), changed))
    column = np.empty(len(found), dtype=object)
    column[:] = [text for _, text in found]
    return Augmented(
        np.array([row for row, _ in found], dtype=np.int64),
        column,
        len(texts) * settings.copies - len(found),
    )


Word = tuple[str, str, str]
"""What stands before a word, the word, and what stands after it, such as ('(', 'so', ').')."""


def _words(text: str) -> list[Word]:
    return [_parted(word) for word in text.split()]


def _parted(word: str) -> Word:
    if word.isalnum():
        return "", word, ""
    start = _around(word)
    end = max(start, len(word) - _around(word[::-1]))
    return word[:start], word[start:end], word[end:]


def _around(word: str) -> int:
    """How many characters stand before the first letter or digit."""
    found = AROUND.match(word)
    return found.end() if found else 0


def _written(words: Sequence[Word]) -> str:
    return " ".join(map("".join, words))


def _turn(parts: int, copy: int) -> range:
    """Which of several texts a copy changes: the first, the others, all."""
    if parts == 1:
        return range(1)
    return (range(1), range(1, parts), range(parts))[copy % 3]


def _changed(
    words: list[Word], settings: Augmentation, vocabulary: Vocabulary, generator: Generator
) -> list[Word]:
    """One text with its words masked, replaced and swapped, and perhaps cut to an n-gram."""
    draws = generator.random(2 * len(words) + 3).tolist()
    what, which = draws[: len(words)], draws[len(words) : -3]
    up_to_replace = settings.mask + settings.replace
    up_to_swap = up_to_replace + settings.swap
    changed = list(words)
    for place, chance in enumerate(what):
        if chance < settings.mask:
            changed[place] = ("", settings.mask_token, "")
        elif chance < up_to_replace:
            changed[place] = _replaced(changed[place], vocabulary, which[place])
        elif chance < up_to_swap and place + 1 < len(changed):
            changed[place : place + 2] = changed[place + 1], changed[place]
    return _ngram(changed, draws[-2:]) if draws[-3] < settings.ngram else changed


def _replaced(word: Word, vocabulary: Vocabulary, draw: float) -> Word:
    """Another word of the same kind, each equally likely; the word itself where it is alone."""
    before, core, after = word
    kind = vocabulary.kind_of.get(core, ())
    if len(kind) < 2:
        return word
    place = int(draw * (len(kind) - 1))
    return before, kind[place] if kind[place] < core else kind[place + 1], after


def _ngram(words: list[Word], draws: Sequence[float]) -> list[Word]:
    length = 1 + int(draws[0] * min(LONGEST, len(words)))
    start = int(draws[1] * (len(words) - length + 1))
    return words[start : start + length]


def _shape(word: str) -> str:
    if word.isdigit():
        return "digits"
    if word.islower():
        return "lower"
    return "capital" if word[:1].isupper() else "other"
