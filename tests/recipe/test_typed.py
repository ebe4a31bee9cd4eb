from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from understudy.errors import RequestError
from understudy.recipe.spots import Origin, Spot
from understudy.recipe.typed import read, record

TOP = Spot(Origin("a.yaml"))


@dataclass(frozen=True)
class Inner:
    count: int
    rate: float = 0.5

    def __post_init__(self) -> None:
        if self.count < 1:
            raise RequestError(f"inner.count is {self.count}; it must be 1 or more")


@dataclass(frozen=True)
class Other:
    many: tuple[str, ...]
    inner: Inner = field(default_factory=lambda: Inner(1))


@pytest.mark.parametrize(
    ("hint", "value", "wanted"),
    [
        (str, "word", "word"),
        (Any, "word", "word"),
        (int, 3, 3),
        (float, 3, 3.0),
        (float, "1e-3", 1e-3),
        (float, "-2.5E+4", -2.5e4),
        (bool, False, False),
        (Literal["a", "b"], "b", "b"),
        (float | Literal["auto"], "auto", "auto"),
        (float | Literal["auto"], 2, 2.0),
        (int | None, None, None),
        (tuple[str, ...], [], ()),
        (tuple[str, ...] | Literal["all"], ["a"], ("a",)),
        (tuple[int, int], [1, 2], (1, 2)),
        (Mapping[str, str], {"a": "b"}, {"a": "b"}),
        (Inner, {"count": 2}, Inner(2)),
        (Inner | Other | Any, {"many": ["a"], "inner": {"count": 3}}, Other(("a",), Inner(3))),
        (Inner | Other | Any, "name", "name"),
        (tuple[Inner | Any, ...], ["a", {"count": 1}], ("a", Inner(1))),
    ],
)
def test_values_become_what_their_hints_say(hint: Any, value: Any, wanted: Any):
    found = read(hint, value, TOP.key("it"))
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    ("hint", "value", "sentence"),
    [
        (str, 3, "it is 3; it must be text, so put it in quotes"),
        (Any, True, "it is true; it must be text, so put it in quotes"),
        (Any, ["a"], "it is a list of 1; it must be text"),
        (int, 3.0, "it is 3.0; it must be a whole number"),
        (int, True, "it is true; it must be a whole number"),
        (int, None, "it is null; it must be a whole number"),
        (int | None, "x", "it is 'x'; it must be a whole number or null"),
        (float, False, "it is false; it must be a number"),
        (float, "fast", "it is 'fast'; it must be a number"),
        (float, float("nan"), "it is nan; it must be a number"),
        (float, "1e999", "it is '1e999'; it must be a number"),
        (bool, 1, "it is 1; it must be true or false"),
        (bool, "yes", "it is 'yes'; it must be true or false"),
        (
            Literal["cosine", "linear"],
            "cosin",
            "it is 'cosin'; it must be 'cosine' or 'linear'; did you mean 'cosine'?",
        ),
        (Literal["cosine", "linear"], "step", "it is 'step'; it must be 'cosine' or 'linear'"),
        (
            float | Literal["auto"],
            "atuo",
            "it is 'atuo'; it must be a number or 'auto'; did you mean 'auto'?",
        ),
        (tuple[str, ...], "a", "it is 'a'; it must be a list of texts"),
        (tuple[str, ...], ["a", 1], "it[1] is 1; it must be text, so put it in quotes"),
        (tuple[int, int], [1], "it is a list of 1; it must be a list of 2 whole numbers"),
        (tuple[int, int], [1, 2.5], "it[1] is 2.5; it must be a whole number"),
        (Mapping[str, str], ["a"], "it is a list of 1; it must be a mapping of texts"),
        (Mapping[str, str], {"a": None}, "it.a is null; it must be text"),
        (Inner, 3, "it is 3; it must be a mapping with count, rate"),
        (Inner, None, "it.count is missing"),
        (Inner, {"count": 0}, "it.count is 0; it must be 1 or more"),
        (Inner, {"cuont": 1}, "it.cuont is unknown; did you mean 'count'?"),
        (
            Inner | Other | Any,
            {"x": 1},
            "it is a mapping with x; it must be a name or one of {count: ...}, {many: ...}",
        ),
        (
            Inner | Other | Any,
            {},
            "it is an empty mapping; it must be a name or one of {count: ...}, {many: ...}",
        ),
        (
            Inner | Other | Any,
            5,
            "it is 5; it must be {count: ...}, {many: ...} or text, so put it in quotes",
        ),
        (
            Any,
            "python: module Net, 12 parameters",
            "it was given in Python: module Net, 12 parameters; a file cannot hold it, "
            "so run this from Python again",
        ),
        (str, "x" * 80, None),
    ],
)
def test_other_values_are_refused_in_these_words(hint: Any, value: Any, sentence: str | None):
    if sentence is None:
        assert read(hint, value, TOP) == value
        return
    with pytest.raises(RequestError, match=f"^{re.escape('a.yaml: ' + sentence)}$"):
        read(hint, value, TOP.key("it"))


def test_a_long_value_is_cut_in_the_message():
    with pytest.raises(RequestError) as caught:
        read(int, "x" * 80, TOP.key("it"))
    assert str(caught.value) == f"a.yaml: it is '{'x' * 56}...; it must be a whole number"


def test_a_field_of_its_own_reader_and_null_for_a_default_of_none():
    @dataclass(frozen=True)
    class Pair:
        left: int
        right: Any = None

    doubled = {"right": lambda value, spot: f"{spot.label}: {value * 2}"}
    assert record(Pair, {"left": 1, "right": 4}, TOP, doubled) == Pair(1, "right: 8")
    assert record(Pair, {"left": 1, "right": None}, TOP, doubled) == Pair(1, None)


def test_a_refusal_that_names_no_field_keeps_its_words():
    @dataclass(frozen=True)
    class Never:
        left: int = 0

        def __post_init__(self) -> None:
            raise RequestError("this cannot be")

    with pytest.raises(RequestError, match=r"^a\.yaml: this cannot be$"):
        record(Never, {}, TOP)
