"""Threads keep the order, stop at what goes wrong, and leave torch as it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
import torch

from understudy.teachers.workers import AHEAD, behind, in_turn


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(workers: int):
    def slow_at_first(item: int) -> tuple[int, int]:
        time.sleep(0.02 if item % 5 == 0 else 0)
        return item, torch.get_num_threads()

    found = list(in_turn(slow_at_first, range(23), workers))
    assert [item for item, _ in found] == list(range(23))
    assert {threads for _, threads in found} == {2 if workers == 1 else 1}
    assert torch.get_num_threads() == 2
    with closing(in_turn(lambda _: torch.get_num_threads(), [0], 1)) as later:
        assert list(later) == [2]


def test_threads_that_start_later_have_as_many_as_before():
    list(in_turn(str, range(4), 2))
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert found == [2]


def test_items_are_computed_at_once():
    both = threading.Barrier(2, timeout=20)  # either waits for the other

    def meets(item: int) -> int:
        both.wait()
        return item

    assert list(in_turn(meets, range(6), 2)) == list(range(6))


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_comes_at_its_turn(workers: int, error: type[BaseException]):
    def breaks(item: int) -> int:
        if item == 5:
            raise error("the sixth")
        return item

    found = []
    with pytest.raises(error, match="the sixth"):
        for result in in_turn(breaks, range(100), workers):
            found.append(result)  # noqa: PERF402 the error ends it
    assert found == [0, 1, 2, 3, 4]
    assert torch.get_num_threads() == 2


def test_no_more_is_begun_than_is_waited_for():
    begun: list[int] = []
    results = in_turn(begun.append, range(1000), 2)
    next(results)
    time.sleep(0.05)
    assert len(begun) <= 2 * AHEAD
    results.close()
    assert len(begun) <= 2 * AHEAD


def test_what_is_written_behind_is_written_in_order_and_one_at_a_time():
    written: list[int] = []
    at_once: list[int] = []

    def write(number: int) -> None:
        at_once.append(number)
        time.sleep(0.01)
        assert at_once == [number]
        at_once.clear()
        written.append(number)

    with behind(write) as hand_over:
        for number in range(5):
            hand_over(number)
    assert written == list(range(5))


def test_the_caller_goes_on_while_it_is_written():
    may_end = threading.Event()
    with behind(lambda: may_end.wait(20) and None) as hand_over:
        hand_over()
        may_end.set()  # not reached if the call above had waited


@pytest.mark.parametrize("calls", [1, 2])
def test_an_error_of_the_writer_is_the_callers(calls: int):
    def full(number: int) -> None:
        raise OSError(f"no space left for {number}")

    with pytest.raises(OSError, match="no space left for 0"), behind(full) as hand_over:
        for number in range(calls):
            hand_over(number)


def test_what_was_handed_over_is_written_after_an_error_of_the_caller():
    written: list[int] = []

    def write(number: int) -> None:
        time.sleep(0.05)
        written.append(number)

    with pytest.raises(KeyboardInterrupt), behind(write) as hand_over:
        hand_over(7)
        raise KeyboardInterrupt
    assert written == [7]
