from __future__ import annotations

import numpy as np
import pytest

from understudy.data.cells import Chosen
from understudy.data.rows import Rows
from understudy.errors import RequestError


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(RequestError, match=r"of a\.npz differ in length: x has 3, y has 2 rows"):
        Rows({"x": np.zeros(3), "y": np.zeros(2)}, "a.npz", "f")


def test_no_columns_are_refused() -> None:
    with pytest.raises(RequestError, match="holds no columns"):
        Rows({}, "a.npz", "f")


def test_select_keeps_order_and_stays_lazy() -> None:
    rows = Rows({"x": np.arange(5), "name": ["a", "b", "c", "d", "e"]}, "given", "f")
    some = rows.select([3, 1])
    assert len(some) == 2
    assert some.columns["x"].tolist() == [3, 1]
    assert isinstance(some.columns["name"], Chosen)
    assert list(some.columns["name"]) == ["d", "b"]
    assert some.fingerprint != rows.fingerprint
    assert some.fingerprint == rows.select(np.array([3, 1])).fingerprint
    assert some.fingerprint != rows.select([1, 3]).fingerprint
