from __future__ import annotations

import re
from pathlib import Path

import pytest

from understudy.errors import RequestError
from understudy.recipe import bundled
from understudy.recipe.reading import read_recipe

NAMES = ", ".join(bundled.names())


def test_every_bundled_recipe_reads():
    assert "digits" in bundled.names()
    for name in bundled.names():
        assert bundled.find(name).name == f"{name}.yaml"
        assert read_recipe(bundled.find(name)).data.train


def test_a_file_or_a_run_folder_comes_before_a_bundled_name(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert bundled.find("digits") == bundled.folder() / "digits.yaml"
    (tmp_path / "digits" / "recipe.yaml").write_text("task: x\n")
    assert bundled.find("digits") == Path("digits/recipe.yaml")
    (tmp_path / "mine.yaml").write_text("task: x\n")
    assert bundled.find("mine.yaml") == Path("mine.yaml")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "digts",
            "'digts' is neither a recipe file nor a bundled recipe; did you mean 'digits'?; "
            f"bundled recipes are: {NAMES}",
        ),
        ("zebra", f"'zebra' is neither a recipe file nor a bundled recipe; known are: {NAMES}"),
        ("none.yaml", f"the recipe file 'none.yaml' does not exist; bundled recipes are: {NAMES}"),
        ("a/none", f"the recipe file 'a/none' does not exist; bundled recipes are: {NAMES}"),
    ],
)
def test_unknown_names_are_refused_with_those_that_exist(name: str, sentence: str):
    with pytest.raises(RequestError, match=f"^{re.escape(sentence)}$"):
        bundled.find(name)
