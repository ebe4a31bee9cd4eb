from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from understudy.data.settings import Data, Negatives
from understudy.errors import RequestError
from understudy.objectives import (
    OBJECTIVES,
    Corrected,
    HardLabels,
    Objective,
    ReverseKl,
    SoftLabels,
    Weighted,
)
from understudy.objectives.embeddings import EmbeddingCosine, Matryoshka, SimilarityKl
from understudy.objectives.term import Composable
from understudy.recipe.reading import read_recipe, recipe_from
from understudy.recipe.schema import Ensembled, Evaluation, Given, Knowledge, Recipe, Trained
from understudy.recipe.typed import options_of
from understudy.recipe.writing import as_mapping, changed, write_recipe
from understudy.training.settings import Training

SMALLEST = Recipe(Data("a.npz"), "big", "small")
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(
    lambda word: not word.startswith("python: ")
)
POSITIVE = st.floats(1e-300, 1e300) | st.integers(1, 10**15)
SHARES = (
    "test_share",
    "validation_share",
    "warmup",
    "dropout",
    "label_share",
    "skew",
    "teacher_share",
)
NUMBERS: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(1, 10**12),
    "shares": st.floats(0.001, 0.999),
}


def of_hint(hint: Any, name: str) -> st.SearchStrategy[Any]:
    """Values of a field's type that no class refuses."""
    if name in SHARES:
        return NUMBERS["shares"]
    kinds: dict[Any, st.SearchStrategy[Any]] = {
        str: WORDS,
        Any: WORDS,
        int: NUMBERS["int"],
        float: POSITIVE,
        bool: st.booleans(),
        type(None): st.none(),
    }
    options = [option for option in options_of(hint) if option in kinds or get_origin(option)]
    return st.one_of([kinds[o] if o in kinds else of_generic(o, name) for o in options])


def of_generic(hint: Any, name: str) -> st.SearchStrategy[Any]:
    inner = get_args(hint)
    if get_origin(hint) is Literal:
        return st.sampled_from(inner)
    if get_origin(hint) is not tuple:
        return st.dictionaries(WORDS, WORDS, min_size=int(name == "pairs"), max_size=3)
    if inner[-1] is Ellipsis:
        return st.lists(of_hint(inner[0], name), max_size=3).map(tuple)
    return st.tuples(*(of_hint(kind, name) for kind in inner))


def of_class(kind: type, **own: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    return st.builds(
        kind,
        **{
            field.name: own[field.name]
            if field.name in own
            else of_hint(hints[field.name], field.name)
            for field in fields(kind)
        },
    )


TRAININGS = of_class(Training, accumulate=st.just(1))
CHANNELS = st.lists(st.floats(0.1, 255), min_size=3, max_size=3).map(tuple)
GIVEN = st.one_of(
    of_class(Given, mean=st.none(), std=st.none()), of_class(Given, mean=CHANNELS, std=CHANNELS)
)
SINGLE = WORDS | GIVEN | of_class(Trained, training=TRAININGS)
TEACHERS = SINGLE | st.recursive(
    SINGLE,
    lambda inner: st.builds(
        Ensembled,
        st.tuples(inner, inner),
        st.none() | st.tuples(st.floats(0.1, 9), st.floats(0.1, 9)),
    ),
    max_leaves=4,
)
WEIGHTS = st.floats(0.01, 10) | st.just("auto")
CORRECTED = of_class(
    Corrected,
    term=st.builds(SoftLabels, st.floats(0.1, 9)) | st.builds(ReverseKl, st.floats(0.1, 9)),
)
MATRYOSHKA = st.builds(
    Matryoshka,
    of_class(EmbeddingCosine) | of_class(SimilarityKl),
    st.sets(st.integers(1, 4096), min_size=2, max_size=2).map(lambda some: tuple(sorted(some))),
    st.just(()) | st.tuples(POSITIVE, POSITIVE),
)
WRAPPERS = {Corrected: CORRECTED, Matryoshka: MATRYOSHKA}
TERMS = st.one_of(
    [
        st.builds(Weighted, WRAPPERS[kind] if kind in WRAPPERS else of_class(kind), WEIGHTS)
        for kind in OBJECTIVES
    ]
)
OBJECTIVE = st.lists(TERMS, min_size=1, max_size=3).map(lambda terms: Objective(tuple(terms)))
NEGATIVES = of_class(Negatives, margin=st.none()) | of_class(
    Negatives, by=st.sampled_from(["teacher", "both"]), margin=st.floats(0, 0.99)
)
RECIPES = of_class(
    Recipe,
    data=of_class(
        Data,
        most_tokens=st.integers(4, 9999),
        candidates=st.integers(2, 99),
        label_columns=st.just(()) | st.tuples(WORDS, WORDS),
        label_separator=st.text("|;, ", min_size=1, max_size=2),
        depth=st.integers(2, 999),
        negatives=NEGATIVES,
    ),
    teacher=TEACHERS,
    task=st.sampled_from([None, "image-classification"]),
    objective=st.none() | OBJECTIVE,
    training=TRAININGS,
    knowledge=of_class(Knowledge),
    rivals=st.sampled_from(["auto", "none", ("linear",), ("knn", "linear")]),
    export=st.sampled_from([(), ("onnx",)]),
    require=st.lists(st.sampled_from(["accuracy >= 0.9", "bytes <= 3 MB"]), max_size=2).map(tuple),
    evaluation=of_class(Evaluation),
)


@settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(recipe=RECIPES)
def test_reading_what_was_written_gives_the_same_recipe(recipe: Recipe, tmp_path: Path):
    path = tmp_path / "recipe.yaml"
    write_recipe(recipe, path)
    assert read_recipe(path) == recipe
    assert recipe_from(as_mapping(recipe)) == recipe
    assert changed(yaml.safe_load(path.read_text()), as_mapping(recipe), ()) == []


def test_every_field_is_written_in_the_order_of_the_schema(tmp_path: Path):
    mapping = as_mapping(SMALLEST)
    assert list(mapping) == [field.name for field in fields(Recipe)]
    assert list(mapping["training"]) == [field.name for field in fields(Training)]
    write_recipe(SMALLEST, tmp_path / "recipe.yaml")
    written = (tmp_path / "recipe.yaml").read_text()
    assert written.startswith("# Every default written out;")
    assert list(yaml.safe_load(written)) == list(mapping)


class SmallNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(1233, 10)


@dataclass(frozen=True)
class Mine(Composable):
    reads: ClassVar[tuple[str, ...]] = ()
    needs_labels: ClassVar[bool] = False

    def per_row(self, shown: Any, said: Any, labels: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(labels))


def test_what_only_python_can_hold_is_described(tmp_path: Path):
    recipe = Recipe(
        data=Data(
            (np.zeros((9, 8, 8), "uint8"), torch.zeros(9, dtype=torch.int64)),
            test={"x": np.zeros((2, 8, 8), "float32")},
            unlabelled=tmp_path / "more.npz",
        ),
        teacher=Ensembled((SmallNet(), Given(SmallNet()))),
        student=SmallNet(),
        objective=0.5 * Mine() + HardLabels(),
    )
    mapping = as_mapping(recipe)
    assert mapping["data"]["train"] == "python: (array uint8 [9, 8, 8], tensor int64 [9])"
    assert mapping["data"]["test"] == "python: {x: array float32 [2, 8, 8]}"
    assert mapping["data"]["unlabelled"] == str(tmp_path / "more.npz")
    assert mapping["student"] == "python: module SmallNet, 12,340 parameters"
    assert mapping["teacher"]["ensemble"][0] == mapping["student"]
    assert mapping["teacher"]["ensemble"][1]["model"] == mapping["student"]
    assert mapping["objective"] == [
        "python: object Mine, weight 0.5",
        {"hard_labels": {"weight": 1.0}},
    ]


def test_a_recipe_given_in_python_cannot_be_read_back(tmp_path: Path):
    write_recipe(Recipe(Data("a.npz"), "big", SmallNet()), tmp_path / "recipe.yaml")
    with pytest.raises(RequestError) as caught:
        read_recipe(tmp_path / "recipe.yaml")
    written = (tmp_path / "recipe.yaml").read_text().splitlines()
    (line,) = (at for at, text in enumerate(written, 1) if text.startswith("student:"))
    assert str(caught.value) == (
        f"recipe.yaml, line {line}: student was given in Python: module SmallNet, "
        "12,340 parameters; a file cannot hold it, so run this from Python again"
    )


def test_differences_are_told_by_key_with_both_values():
    old = as_mapping(Recipe(Data("a.npz"), "big", "small", objective=SoftLabels(2)))
    new = as_mapping(
        Recipe(
            Data("a.npz", columns={"label": "y"}),
            Trained("big"),
            "small",
            objective=SoftLabels(4),
            training=Training(epochs=5, clip=None),
            export=(),
            require=("accuracy >= 0.9",),
            evaluation=Evaluation(threads=2),
        )
    )
    new["teacher"] = {"train": "big"}
    assert changed(old, new) == [
        "data.columns.label was not there and is y",
        "teacher was big and is {train: big}",
        "objective[0].soft_labels.temperature was 2 and is 4",
        "training.epochs was 30 and is 5",
        "training.clip was 1.0 and is null",
    ]
    assert changed(old, new, ("data", "teacher", "objective", "training", "evaluation")) == [
        "export was [onnx] and is []",
        "require was [] and is [accuracy >= 0.9]",
    ]
    assert changed({"a": 1}, {}) == ["a was 1 and is not there"]
    assert changed(None, {"a": 1}) == ["the recipe was null and is {a: 1}"]
