"""A small recipe on its way, for tests of the steps; each is trained once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from understudy.data.rows import Rows
from understudy.data.settings import Data
from understudy.pipeline.distilling import Production
from understudy.pipeline.workspace import Workspace
from understudy.recipe.schema import Evaluation, Recipe, Trained
from understudy.training.settings import Training


class Heard:
    """Keeps the events of a run."""

    def __init__(self) -> None:
        self.records: list[Mapping[str, Any]] = []

    def __call__(self, record: Mapping[str, Any]) -> None:
        self.records.append(record)

    def of(self, event: str) -> list[Mapping[str, Any]]:
        return [record for record in self.records if record["event"] == event]

    def steps(self, state: str) -> list[str]:
        return [record["step"] for record in self.of("step") if record["state"] == state]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that no other test has written to."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("UNDERSTUDY_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def recipe(digits_rows: Rows) -> Recipe:
    """Seconds of work: 300 digits, a teacher that is trained in the run, a tiny student."""
    return Recipe(
        data=Data(digits_rows),
        teacher=Trained("mlp-64", training=Training(epochs=8, batch_size=32)),
        student="mlp-8",
        training=Training(epochs=4, batch_size=32, learning_rate=1e-2),
        export=(),
        evaluation=Evaluation(resamples=50, seconds=0.02),
    )


@pytest.fixture
def producing(recipe: Recipe, tmp_path: Path, heard: Heard) -> Callable[..., Production]:
    """Makes the recipe, with changes, a production in a folder of this test."""

    def make(folder: str = "run", **changes: Any) -> Production:
        return Production(replace(recipe, **changes), Workspace(tmp_path / folder, heard))

    return make


@pytest.fixture(scope="session")
def production(recipe: Recipe, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Production:
    """The recipe with everything trained and nothing scored; read only."""
    made = Production(recipe, Workspace(tmp_path_factory.mktemp("production")))
    made.trained("student")
    made.trained("control")
    made.rivals()
    return made
