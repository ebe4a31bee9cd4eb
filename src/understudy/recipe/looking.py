"""`understudy init`: look at data and teacher, and propose a recipe that runs as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.recipe import image_advice, text_advice
from understudy.recipe.appraisal import IMAGES, SETS, TEXTS, Labels
from understudy.recipe.appraising import appraise
from understudy.recipe.beside import labelled_beside, texts_beside, train_file
from understudy.recipe.guessing import guessed_columns, guessed_task
from understudy.recipe.proposal import Seen, compose

if TYPE_CHECKING:
    from understudy.data.cells import Column
    from understudy.data.rows import Rows


def propose(data_path: str, teacher: str | None = None) -> str:
    """A recipe, as YAML with comments, for these data and this teacher (or one to be trained).

    Raises: RequestError where the data or the teacher cannot be read, do not fit each other, or
    need a task that is not there yet.
    """
    from understudy.data import sources

    source = train_file(str(data_path))
    rows = sources.read(source)
    task = guessed_task(rows)
    columns = guessed_columns(rows, task)
    seen = _seen(source, rows, task, columns)
    named = Labels(source, seen.classes, _are_numbers(rows.columns[columns["label"]]))
    found = appraise(teacher, named, TEXTS if task == SETS else task) if teacher else None
    if task == IMAGES:
        images = image_advice.look(rows.columns[columns["image"]])
        advice = image_advice.advise(images, seen.rows, found)
        return compose(seen, advice, labelled_beside(source), found)
    texts = [name for want, name in columns.items() if want != "label"]
    beside = labelled_beside(source, columns.values()) | texts_beside(source, texts)
    lengths = text_advice.look(rows, columns)
    several = task == SETS
    advice = text_advice.advise(lengths, seen.rows, beside, found, several)
    return compose(seen, advice, beside, found)


def _seen(source: str, rows: Rows, task: str, columns: dict[str, str]) -> Seen:
    from understudy.data import checks, labels, several

    encode = several.encode_sets if task == SETS else labels.encode
    numbers, classes = encode(rows.columns[columns["label"]], rows.classes)
    counts = checks.class_counts(numbers, classes).values()
    return Seen(
        source=source,
        rows=len(rows),
        unlabelled=int((~labels.has_label(numbers)).sum()),
        task=task,
        columns=columns,
        others=tuple(name for name in rows.columns if name not in columns.values()),
        classes=classes,
        class_rows=(min(counts), max(counts)),
        skipped=rows.skipped,
    )


def _are_numbers(column: Column) -> bool:
    import numpy as np

    return np.asarray(column[0]).dtype.kind in "iuf" and np.ndim(column[0]) == 0
