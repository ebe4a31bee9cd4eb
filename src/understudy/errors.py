"""The errors of Understudy: three classes, and the words that they are made of.

    UnderstudyError            whatever goes wrong in here, to be caught in one place
    ├── RequestError           what was asked for is wrong: recipe, data, model (exit code 2)
    └── DamagedError           what we stored is not what was written; it can be made again

A message is one sentence or two: where, what came, what was allowed, what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UnderstudyError(Exception):
    """The root of the tree; never raised itself."""


class RequestError(UnderstudyError):
    """The request is wrong, and only the user can mend it."""


class DamagedError(UnderstudyError):
    """A stored file does not hold what was written into it.

    `shards` names the damaged shards of the store at `root`, so that the one who wrote them can set
    them aside and write just those again.
    """

    def __init__(self, message: str, *, root: str = "", shards: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.root = root
        self.shards = shards


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word: the nearest known one, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known are: {', '.join(names)}"
