from __future__ import annotations

import numpy as np

from understudy.store.ragged import Ragged, elements_of, offsets_of


def test_rows_come_back_from_flat_values() -> None:
    rows = [np.arange(3), np.arange(0), np.arange(5)]
    ragged = Ragged.of(rows)
    assert len(ragged) == 3
    assert ragged.offsets.tolist() == [0, 3, 3, 8]
    for number, row in enumerate(rows):
        np.testing.assert_array_equal(ragged.row(number), row)


def test_offsets_begin_at_zero_and_end_at_the_sum() -> None:
    assert offsets_of(np.array([2, 0, 4])).tolist() == [0, 2, 2, 6]
    assert offsets_of(np.array([], np.int64)).tolist() == [0]


def test_elements_are_counted_row_by_row() -> None:
    starts, lengths = np.array([10, 3, 7]), np.array([2, 0, 3])
    assert elements_of(starts, lengths).tolist() == [10, 11, 7, 8, 9]
    assert elements_of(starts[:0], lengths[:0]).tolist() == []
