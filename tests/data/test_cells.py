from __future__ import annotations

import numpy as np
import torch

from understudy.data.cells import Chosen, as_column, is_tensor, objects, source_row, take


def test_a_choice_of_a_choice_knows_the_rows_of_the_source() -> None:
    once = take(["a", "b", "c", "d"], np.array([3, 2, 0]))
    twice = take(once, np.array([2, 0]))
    assert list(twice) == ["a", "d"]
    assert [source_row(twice, row) for row in range(2)] == [0, 3]
    assert source_row(np.arange(3), 2) == 2
    assert list(twice[1:]) == ["d"]


def test_only_the_cells_asked_for_are_read() -> None:
    read: list[int] = []

    class Counting(list[int]):
        def __getitem__(self, index: int) -> int:  # type: ignore[override]
            read.append(index)
            return index

    column = Chosen(Counting(range(10)), np.array([4, 7]))
    assert column[1] == 7
    assert read == [7]


def test_what_holds_numbers_becomes_an_array() -> None:
    assert as_column([1, 2, 3]).dtype == np.int64
    assert as_column([np.zeros((2, 2)), np.ones((2, 2))]).shape == (2, 2, 2)
    assert as_column([torch.tensor(1.0), torch.tensor(2.0)]).tolist() == [1.0, 2.0]
    assert as_column(torch.ones(2, 3, requires_grad=True)).shape == (2, 3)
    assert as_column(np.array(["a", "b"])).dtype == object
    assert as_column(["a", None]).tolist() == ["a", None]


def test_objects_stay_whole() -> None:
    assert objects([[1, 2], [3, 4]]).shape == (2,)
    assert is_tensor(torch.zeros(1))
    assert not is_tensor(np.zeros(1))
