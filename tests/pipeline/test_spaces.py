"""Which space a recipe asks for, and a projection that is fitted once, on what is learnt from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from understudy.data.rows import Rows
from understudy.data.settings import Data
from understudy.errors import RequestError
from understudy.objectives import EmbeddingCosine, Matryoshka, SimilarityKl, as_objective
from understudy.pipeline import spaces
from understudy.pipeline.distilling import Production
from understudy.pipeline.planning import plan_of
from understudy.pipeline.workspace import Workspace
from understudy.recipe.schema import Knowledge, Recipe
from understudy.recipe.students import Cut, FromTeacher, Preset
from understudy.students.sentence import preset_encoder
from understudy.students.sentence_folders import save_encoder
from understudy.students.tokens import trained_tokens
from understudy.tasks.folders import PROJECTION

WIDE = 128


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory, asked: tuple[list[str], list[str]]) -> Path:
    folder = tmp_path_factory.mktemp("spaces") / "encoder"
    tokens = trained_tokens(asked[0], 300, 16)
    torch.manual_seed(0)
    tokens.save(folder)
    save_encoder(folder, preset_encoder("tiny", tokens.size, 16, None), 16)
    return folder


@pytest.fixture
def making(
    encoder: Path, tmp_path: Path, text_rows: Callable[..., Rows], asked: tuple
) -> Callable[..., Production]:
    """A production over 180 texts, of which 20 pairs are the test."""
    pairs = text_rows(
        text=asked[0][:20], text_2=asked[0][1:21], score=[float(row % 5) for row in range(20)]
    )

    def make(student: Any = "static", objective: Any = None, **changes: Any) -> Production:
        recipe = Recipe(
            data=Data(text_rows(text=asked[0]), test=pairs, most_tokens=16),
            task="text-embedding",
            teacher=str(encoder),
            student=student,
            objective=objective,
            export=(),
            **changes,
        )
        return Production(recipe, Workspace(tmp_path / "run"))

    return make


CUTTING = Matryoshka(EmbeddingCosine(), (8, 32))
RELATING = Matryoshka(SimilarityKl(), (8, 32))


@pytest.mark.parametrize(
    ("student", "term", "space"),
    [
        ("static", None, (WIDE, "teacher", ())),
        (Preset("static", dimensions=WIDE), None, (WIDE, "teacher", ())),
        (Preset("static", dimensions=24), None, (24, "principal", ())),
        (Preset("static", dimensions=24, axes="teacher"), None, (24, "teacher", ())),
        (FromTeacher(Cut((0,), dimensions=9)), None, (9, "principal", ())),
        ("static", CUTTING, (WIDE, "teacher", (8, 32))),
        (Preset("static", axes="principal"), CUTTING, (WIDE, "principal", (8, 32))),
        (Preset("static", dimensions=40), CUTTING, (40, "principal", (8, 32))),
        ("static", RELATING, (WIDE, "teacher", (8, 32))),
    ],
)
def test_axes_follow_from_what_is_asked(
    making: Callable[..., Production], student: Any, term: Any, space: tuple
):
    # A rotation of 128 dimensions asks for as many texts: a search leaves them all to learn from.
    production = making(student, term)
    production.prepared.splits["train"] = np.arange(20, 180)  # type: ignore[index]
    found = production.space
    assert found is not None
    assert (found.dimensions, found.axes, found.prefixes) == space
    assert found.of == WIDE
    assert found.is_the_teachers == (space[:2] == (WIDE, "teacher"))


def test_it_is_fitted_on_what_is_learnt_from_and_on_no_test_text(making: Callable[..., Production]):
    production = making(Preset("static", dimensions=24))
    rows = spaces.rows_to_fit(production.prepared)
    test, validation = (production.prepared.splits[part] for part in ("test", "validation"))
    assert not np.intersect1d(rows, np.concatenate([test, validation])).size
    assert len(rows) + len(test) + len(validation) == len(production.prepared)
    store = production.store
    assert store is not None
    known = np.asarray(store.read("embedding", 0, store.rows), dtype=np.float64)
    _, _, wanted = np.linalg.svd(known[rows], full_matrices=False)
    found = production.projection.directions.numpy()
    # The same subspace of 24 dimensions: its projections of every text are the same.
    mine, theirs = (known @ each @ each.T for each in (found, wanted[:24].T))
    np.testing.assert_allclose(mine, theirs, atol=1e-3)


def test_a_test_text_among_those_to_learn_from_changes_nothing(
    making: Callable[..., Production],
):
    production = making(Preset("static", dimensions=24))
    before = spaces.rows_to_fit(production.prepared)
    splits = dict(production.prepared.splits)
    splits["train"] = np.union1d(splits["train"], splits["test"])
    after = spaces.rows_to_fit(replace(production.prepared, splits=splits))
    np.testing.assert_array_equal(before, after)


def test_a_student_is_a_sketch_until_the_teacher_was_asked(
    making: Callable[..., Production], own_cache: Path
):
    production = making(Preset("static", dimensions=24))
    steps = {step.name: step for step in plan_of(production).steps}
    assert not steps["projection"].kept
    sketch = production.student
    assert spaces.is_unfitted(production)
    assert production.store is not None
    assert production.student.identity != sketch.identity
    assert production.student.parameters == sketch.parameters
    assert {step.name: step for step in plan_of(production).steps}["projection"].kept


def test_another_space_is_another_key(making: Callable[..., Production]):
    keys = []
    for student in (
        Preset("tiny", start="random", dimensions=24),
        Preset("tiny", start="random", dimensions=24, axes="teacher"),
    ):
        production = making(student)
        assert production.store is not None
        keys.append(production._source(as_objective(EmbeddingCosine())))
    assert keys[0] != keys[1]
    assert spaces.space_key(making("static")) == []


def test_a_projection_of_another_run_is_not_taken(making: Callable[..., Production]):
    """A file that is whole, but not the one that the step left."""
    production = making(Preset("static", dimensions=24))
    wanted = production.projection.digest
    path = production.workspace.checkpoint(PROJECTION)
    spaces.sketched(production.space).save(path)
    assert making(Preset("static", dimensions=24)).projection.digest == wanted
    path.unlink()
    assert making(Preset("static", dimensions=24)).projection.digest == wanted


def test_the_teacher_is_heard_in_the_students_space(making: Callable[..., Production]):
    production = making(Preset("static", dimensions=24))
    rows = np.array([0, 3, 170])
    said = production.knowledge.of(rows, {"ids": torch.zeros(3, 1)})["embedding"]
    assert said.shape == (3, 24)
    torch.testing.assert_close(said.norm(dim=1), torch.ones(3))
    assert spaces.heard(making("static")) is not None
    assert making("static").projection is None
    assert spaces.told_of(making("static")) is None


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"student": Preset("static", dimensions=129)}, "dimensions is 129, but the teacher's"),
        (
            {"student": Preset("static", dimensions=16), "objective": CUTTING},
            "matryoshka names 32 dimensions, but the student's vectors have 16",
        ),
        ({"student": Preset("static", axes="principal", dimensions=WIDE)}, "do not show the 128"),
    ],
)
def test_what_cannot_be_is_refused(
    making: Callable[..., Production], given: Mapping[str, Any], sentence: str
):
    production = making(**given)
    production.prepared.splits["train"] = np.arange(30, 150)  # type: ignore[index]
    with pytest.raises(RequestError, match=sentence):
        production.space  # noqa: B018


def test_live_answers_are_no_ground_for_principal_components(making: Callable[..., Production]):
    live = Knowledge(mode="live")
    production = making(Preset("static", dimensions=24), knowledge=live)
    for ask in (lambda: production.projection, lambda: plan_of(production)):
        with pytest.raises(RequestError, match="asked live; set knowledge.mode to stored"):
            ask()
    first = making(Preset("static", dimensions=24, axes="teacher"), knowledge=live)
    assert first.projection.dimensions == 24
    rows = first.prepared.splits["train"][:2]
    inputs = {"ids": torch.zeros(2, 1)}
    assert first.knowledge.of(rows, inputs)["embedding"].shape == (2, 24)
