import inspect

import pytest

from understudy.objectives import OBJECTIVES
from understudy.objectives.hidden import METHODS
from understudy.objectives.notes import METHOD_NOTES, NOTES


def test_what_a_recipe_can_name_has_its_note_and_nothing_else_has():
    assert set(NOTES) == set(OBJECTIVES)
    assert set(METHOD_NOTES) == set(METHODS)


@pytest.mark.parametrize("kind", NOTES, ids=lambda kind: kind.__name__)
def test_a_note_says_when_at_what_cost_and_where_it_is_from(kind):
    note = NOTES[kind]
    assert len(note.when) > 5
    assert note.cost.split()[0].strip(",") in ("least", "low", "medium", "high", "by", "its")
    assert note.known_as
    assert "Source:" in inspect.getdoc(note.source_in)
