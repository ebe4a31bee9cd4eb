from pathlib import Path
from typing import get_args

import pytest

from understudy.objectives import OBJECTIVES, recipe_name
from understudy.objectives.catalogue import (
    BEGIN,
    END,
    UNMEASURED,
    WAYS,
    main,
    measured_in,
    page,
)
from understudy.objectives.corrected import WhenWrong
from understudy.objectives.hidden import METHODS
from understudy.objectives.notes import NOTES

PAGE = Path(__file__).parents[2] / "docs" / "objectives.md"


def test_the_committed_page_is_what_the_code_writes():
    text = PAGE.read_text(encoding="utf-8")
    again = page(measured_in(text))
    assert text == again, "run: python -m understudy.objectives.catalogue docs/objectives.md"


def test_what_was_measured_survives_writing_the_page_again(tmp_path):
    path = tmp_path / "objectives.md"
    main([str(path)])
    assert path.read_text(encoding="utf-8") == page(UNMEASURED)
    path.write_text(page("## Measured\n\n97.3%\n"), encoding="utf-8")
    main([str(path)])
    text = path.read_text(encoding="utf-8")
    assert f"{BEGIN}\n## Measured\n\n97.3%\n{END}" in text


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_every_objective_has_a_row_with_its_source(kind):
    rows = [line for line in page().splitlines() if line.startswith(f"| `{recipe_name(kind)}`")]
    assert len(rows) == 1
    assert rows[0].replace("\\|", "").count("|") == 9
    source = rows[0].split(" | ")[-1]
    assert len(source) > len(NOTES[kind].known_as) + 10


@pytest.mark.parametrize("name", METHODS)
def test_every_method_of_hidden_features_has_a_row_with_its_source(name):
    rows = [line for line in page().splitlines() if line.startswith(f"| `{name}`")]
    assert len(rows) == 1
    cells = rows[0].strip("| ").split(" | ")
    assert len(cells) == 8
    assert float(cells[1]) == METHODS[name].weight
    assert "arXiv:" in cells[-1]


def test_every_way_to_correct_is_described():
    assert set(WAYS) == set(get_args(WhenWrong))
