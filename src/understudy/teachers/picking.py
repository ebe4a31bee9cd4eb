"""From what a language model answers to the probabilities of the classes it was to pick from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.teachers.odds import FLOOR

SURE = 0.9
"""Probability of the class that a server without log-probabilities names; the others share the
rest."""
Floats = NDArray[np.float64]


def codes_for(classes: int) -> tuple[str, ...]:
    """Short names, of one token in most vocabularies: letters, or numbers of equal width."""
    if classes <= 26:
        return tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[:classes])
    width = len(str(classes))
    return tuple(f"{number:0{width}d}" for number in range(1, classes + 1))


def probabilities(
    choice: Mapping[str, Any], words: str, codes: Sequence[str], names: Sequence[str]
) -> Floats | None:
    """What one answer says of the classes, [C], each at least about FLOOR; None if it names none.

    The tokens count only where they spell the class that the words name.
    """
    named = named_class(words, codes, names)
    if named is None:
        return None
    spelt = spelt_class(_tokens(choice), codes)
    if spelt is not None and spelt[0] == named:
        table = spelt[1]
    else:
        table = np.full(len(codes), (1 - SURE) / max(1, len(codes) - 1))
        table[named] = SURE
    floored: Floats = np.maximum(table, FLOOR)
    normed: Floats = floored / floored.sum()
    return normed


def named_class(words: str, codes: Sequence[str], names: Sequence[str]) -> int | None:
    """The class of an answer: a code at its start, or the only class whose name is in it."""
    code = re.match(r"\W*(\w+)\s*(?:$|[^\w\s]|\n)", words)
    if code and code[1].upper() in codes:
        return codes.index(code[1].upper())
    told = words.casefold()
    named = [
        number
        for number, name in enumerate(names)
        if re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", told)
    ]
    # "not urgent" holds "urgent" too: a name inside another that is there does not count.
    longest = [
        number
        for number in named
        if not any(
            other != number and names[number].casefold() in names[other].casefold()
            for other in named
        )
    ]
    return longest[0] if len(longest) == 1 else None


def spelt_class(
    tokens: Sequence[tuple[str, Mapping[str, float]]], codes: Sequence[str]
) -> tuple[int, Floats] | None:
    """The class that tokens spell, and the probabilities [C] of all, from each one's alternatives.

    An alternative that begins several codes is shared evenly among them, and so is what no listed
    token has, among classes that none begins: at most as much each as the least listed token.
    Shapes: for each token, its text and the log-probabilities of its alternatives, itself included.
    """
    table, path, prefix = np.zeros(len(codes)), 1.0, ""
    heard, least = 0.0, 1.0
    for text, alternatives in tokens:
        if not prefix and not _bare(text):
            continue
        for other, logarithm in alternatives.items():
            share = path * float(np.exp(logarithm))
            least = min(least, share)
            if other != text:
                heard += share
                begun = _begun(prefix + _bare(other), codes) if _bare(other) else []
                table[begun] += share / max(1, len(begun))
        path *= float(np.exp(alternatives[text]))
        prefix += _bare(text)
        if prefix in codes:
            break
        if not _begun(prefix, codes):
            return None
    else:
        return None
    spelt = list(codes).index(prefix)
    table[spelt] += path
    unheard = table == 0
    rest = max(0.0, 1 - heard - path) / max(1, int(unheard.sum()))
    table[unheard] = min(rest, least)
    return spelt, table


def _begun(prefix: str, codes: Sequence[str]) -> list[int]:
    return [number for number, code in enumerate(codes) if code.startswith(prefix)]


def _bare(token: str) -> str:
    return re.sub(r"\W", "", token).upper()


def _tokens(choice: Mapping[str, Any]) -> list[tuple[str, dict[str, float]]]:
    """The tokens of an answer with their alternatives, or none where the server tells none."""
    try:
        return [
            (
                token["token"],
                {
                    **{other["token"]: float(other["logprob"]) for other in token["top_logprobs"]},
                    token["token"]: float(token["logprob"]),
                },
            )
            for token in choice["logprobs"]["content"]
        ]
    except (KeyError, TypeError, ValueError):
        return []
