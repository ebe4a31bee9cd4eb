"""docs/recipe.md shows every key with its true default."""

import re
from pathlib import Path

import yaml

from understudy.recipe.reading import read_text
from understudy.recipe.writing import as_mapping
from understudy.requirements import PLACES

PAGE = (Path(__file__).parents[2] / "docs" / "recipe.md").read_text()
BLOCK = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL).group(1)


def test_the_page_shows_every_key_with_its_default():
    least = "{data: {train: 'sklearn:digits'}, teacher: {train: cnn-large}, student: cnn-small}"
    defaults = as_mapping(read_text(least))
    shown = yaml.safe_load(BLOCK)
    shown["teacher"]["training"] = shown["training"]
    shown["training"]["learning_rate"] = float(shown["training"]["learning_rate"])
    assert set(shown) == set(defaults)
    for key in set(defaults) - {"task", "objective"}:
        assert shown[key] == defaults[key], key


def test_the_page_names_every_figure_that_a_requirement_can_name():
    assert [name for name in PLACES if name not in PAGE] == []


def test_the_block_is_a_recipe():
    assert read_text(BLOCK).student == "cnn-small"
