"""Threads that ask, and one that writes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2
"""Items under way or waiting for their turn, for each thread; bounds what is held in memory."""


def in_turn(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Generator[Result]:
    """What a function makes of each item, in the order of the items, by several threads at once.

    Each thread computes an item by itself, with torch held to one thread inside it: small
    operations are cut into nothing, and a result does not depend on how many threads there are.
    With one worker everything happens in the caller's thread, and torch keeps its threads.
    Close the iterator if it is not read to its end.
    Raises: whatever the function raised for an item, when it is that item's turn.
    """
    if workers == 1:
        yield from map(function, items)
        return
    waiting: deque[Future[Result]] = deque()
    with _single_threads(workers) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def _single_threads(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Threads in which torch computes on that thread alone; the caller's setting stays."""
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, "asking", torch.set_num_threads, (1,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        # The setting is each thread's own, but what new threads start with is the last one made.
        torch.set_num_threads(before)


@contextmanager
def behind(write: Callable[..., None]) -> Iterator[Callable[..., None]]:
    """A function that has `write` called in another thread, and returns at once.

    One call is under way at a time: the next waits for it, so that two of what is written are in
    memory at most. Leaving waits for the last call, after an error too: what was handed over is
    written.
    Raises: what `write` raised, at the next call or on leaving.
    """
    under_way: list[Future[None]] = []

    def settle() -> None:
        while under_way:
            under_way.pop().result()

    with ThreadPoolExecutor(1, "writing") as pool:

        def hand_over(*given: Any) -> None:
            settle()
            under_way.append(pool.submit(write, *given))

        yield hand_over
        settle()
