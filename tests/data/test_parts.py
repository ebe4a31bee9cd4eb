from __future__ import annotations

import pytest

from understudy.data.parts import choose
from understudy.errors import RequestError


def test_the_part_asked_for_else_train_else_the_only_one() -> None:
    assert choose(["test", "train"], "test", "d") == "test"
    assert choose(["test", "train"], None, "d") == "train"
    assert choose(["dev"], None, "d") == "dev"


def test_a_part_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(RequestError, match=r"d has no part 'tset'.*did you mean 'test'\?"):
        choose(["train", "test"], "tset", "d")


def test_several_parts_without_train_need_a_choice() -> None:
    with pytest.raises(RequestError, match=r"parts dev, test; write d@PART"):
        choose(["dev", "test"], None, "d")
