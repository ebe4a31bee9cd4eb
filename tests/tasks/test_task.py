"""Tasks are known by name."""

import pytest

from understudy.errors import RequestError
from understudy.tasks import TASKS, task_named


def test_every_task_is_found_by_its_name():
    for kind in TASKS:
        assert type(task_named(kind.name)) is kind


def test_an_unknown_task_is_told_with_the_nearest():
    with pytest.raises(RequestError) as caught:
        task_named("image-clasification")
    assert str(caught.value) == (
        "task 'image-clasification' is unknown; did you mean 'image-classification'?"
    )
