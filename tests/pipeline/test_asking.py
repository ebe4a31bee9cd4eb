from pathlib import Path

import numpy as np
import pytest

from understudy.errors import RequestError
from understudy.pipeline.asking import asked

TEXT = "data: rows.npz\nteacher: {train: mlp-32}\nstudent: mlp-8\n"


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def rows_file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.npz"
    images = np.random.default_rng(0).integers(0, 255, (40, 8, 8), dtype=np.uint8)
    np.savez(path, x=images, y=np.arange(40) % 4)
    return path


def test_a_recipe_file(recipe_file: Path):
    recipe, root, name = asked(str(recipe_file), ["training.epochs=3"], None, "mlp-16")
    assert (recipe.training.epochs, recipe.student) == (3, "mlp-16")
    assert (root, name) == (recipe_file.parent, "mine")


def test_a_teacher_beside_a_recipe_replaces_its_own(recipe_file: Path):
    assert asked(str(recipe_file), [], "some/model", None)[0].teacher == "some/model"
    recipe, _, name = asked("digits", [], "some/model", None)
    assert (recipe.teacher, recipe.data.train, name) == ("some/model", "sklearn:digits", "digits")


def test_a_run_folder_is_asked_for_again_under_its_own_name(tmp_path: Path):
    run = tmp_path / "first"
    run.mkdir()
    (run / "recipe.yaml").write_text(TEXT)
    recipe, root, name = asked(str(run), [], None, None)
    assert (recipe.student, root, name) == ("mlp-8", run, "first")


def test_data_with_a_teacher(rows_file: Path):
    recipe, root, name = asked(str(rows_file), ["control=false"], "mlp-32", "mlp-8")
    assert recipe.data.train == str(rows_file)
    assert recipe.teacher.train == "mlp-32"
    assert (recipe.student, recipe.control, name) == ("mlp-8", False, "rows")
    assert root == Path()


def test_bundled_data_with_a_teacher():
    recipe, _, name = asked("sklearn:digits", [], "mlp-32", None)
    assert (recipe.data.train, name) == ("sklearn:digits", "digits")


@pytest.mark.parametrize("what", ["file", "folder", "sklearn:digits"])
def test_data_alone_are_no_recipe(rows_file: Path, what: str):
    name = {"file": str(rows_file), "folder": str(rows_file.parent)}.get(what, what)
    with pytest.raises(RequestError, match="name a teacher with --teacher"):
        asked(name, [], None, None)


def test_a_name_that_is_nothing_gets_the_nearest(tmp_path: Path):
    with pytest.raises(RequestError, match="did you mean 'digits'"):
        asked("digit", [], None, None)
    with pytest.raises(RequestError, match=r"gone\.yaml' does not exist"):
        asked(str(tmp_path / "gone.yaml"), [], None, None)
