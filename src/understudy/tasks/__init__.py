"""The tasks, one file each."""

from __future__ import annotations

from understudy.errors import RequestError, did_you_mean
from understudy.tasks.image_classification import ImageClassification
from understudy.tasks.prepared import Facts, Prepared, open_prepared
from understudy.tasks.reranking import Reranking
from understudy.tasks.task import Task
from understudy.tasks.text_classification import TextClassification
from understudy.tasks.text_embedding import TextEmbedding
from understudy.tasks.text_multilabel import TextMultilabel

TASKS: tuple[type[Task], ...] = (
    ImageClassification,
    TextClassification,
    TextMultilabel,
    TextEmbedding,
    Reranking,
)


def task_named(name: str) -> Task:
    """The task of this name.

    Raises: RequestError where there is none.
    """
    known = {kind.name: kind for kind in TASKS}
    if name not in known:
        raise RequestError(f"task '{name}' is unknown; {did_you_mean(name, known)}")
    return known[name]()


__all__ = [
    "TASKS",
    "Facts",
    "Prepared",
    "Reranking",
    "Task",
    "TextEmbedding",
    "open_prepared",
    "task_named",
]
