from __future__ import annotations

import pytest

from understudy.data.settings import Data
from understudy.errors import RequestError


def test_a_share_outside_zero_and_one_is_refused() -> None:
    assert Data("a.csv").test_share == 0.2
    for name in ("test_share", "validation_share"):
        with pytest.raises(RequestError, match=rf"data\.{name} is 1\.5; it must lie between"):
            Data("a.csv", **{name: 1.5})
