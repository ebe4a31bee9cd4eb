from pathlib import Path

import pytest

from understudy.data.settings import Data
from understudy.pipeline.rooting import rooted
from understudy.recipe.schema import Ensembled, Given, Recipe, Trained


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("train.npz", "test.npz"):
        (tmp_path / name).touch()
    for name in ("big", "large", "vit"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_paths_beside_the_recipe_become_absolute(root: Path):
    found = rooted(Recipe(Data("train.npz", test="test.npz"), "big", "vit"), root)
    assert found.data.train == str(root / "train.npz")
    assert found.data.test == str(root / "test.npz")
    assert found.teacher == str(root / "big")
    assert found.student == str(root / "vit")


def test_a_part_of_a_file_keeps_its_name(root: Path):
    found = rooted(Recipe(Data("train.npz", test="train.npz@test"), "big", "mlp-8"), root)
    assert found.data.test == f"{root / 'train.npz'}@test"


def test_names_that_are_no_paths_stay(root: Path):
    asked = Recipe(Data("sklearn:digits", test="hub:a/b"), "models:make", "owner/name")
    assert rooted(asked, root) == asked


def test_a_preset_wins_over_a_folder_of_its_name(root: Path):
    found = rooted(Recipe(Data("train.npz"), Trained("large"), "large"), root)
    assert found.student == "large"
    assert found.teacher.train == "large"


def test_teachers_in_teachers_are_rooted(root: Path):
    teacher = Ensembled((Given("big"), Trained("vit"), "big"))
    found = rooted(Recipe(Data("train.npz"), teacher, "mlp-8"), root).teacher
    assert found.ensemble[0].model == str(root / "big")
    assert found.ensemble[1].train == str(root / "vit")
    assert found.ensemble[2] == str(root / "big")


def test_the_working_directory_comes_second(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(root)
    (root / "recipes").mkdir()
    found = rooted(Recipe(Data("train.npz"), "big", "mlp-8"), root / "recipes")
    assert found.data.train == str(root / "train.npz")
    (root / "recipes" / "train.npz").touch()
    found = rooted(Recipe(Data("train.npz"), "big", "mlp-8"), root / "recipes")
    assert found.data.train == str(root / "recipes" / "train.npz")


def test_objects_stay_what_they_are(root: Path):
    arrays, model = ([1], [2]), object()
    found = rooted(Recipe(Data(arrays), model, "mlp-8"), root)
    assert found.data.train is arrays
    assert found.teacher is model
