"""What a look at a teacher told, held against the classes of the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from understudy.errors import RequestError
from understudy.recipe.writing import on_one_line

TEXTS, IMAGES = "text-classification", "image-classification"
SETS = "text-multilabel"
"""Texts with several classes each; their teachers are those of texts."""
READS = {TEXTS: "texts", IMAGES: "images"}
"""What the models of a task read."""


@dataclass(frozen=True)
class Appraisal:
    """A teacher as a recipe names it.

    `begins` says from what it is still to be trained on the labels: a preset, or an encoder, which
    is a pretrained network without a head. `classes` are the names of the outputs in their order,
    where these settle what the labels mean. `reads` is height and width of its inputs, `tokens`
    how many it reads of a text, `layers` how many a student could be cut from.
    """

    name: str
    comment: str
    begins: Literal["preset", "encoder"] | None = None
    classes: tuple[str, ...] | None = None
    reads: tuple[int, int] | None = None
    tokens: int | None = None
    layers: int | None = None


@dataclass(frozen=True)
class Labels:
    """The classes of the data in their order; `numbered` where the rows hold integers for them."""

    source: str
    classes: tuple[str, ...]
    numbered: bool = False


def other_task(teacher: str, kind: str, its: str, labels: Labels, task: str) -> RequestError:
    """That a teacher is for another task than the data."""
    from understudy.tasks import TASKS

    known = any(each.name == its for each in TASKS)
    ending = "" if known else "; that task is not there yet"
    return RequestError(
        f"teacher: '{teacher}' is {kind}, which is for {its}, but {labels.source} is for "
        f"{task}{ending}; give a teacher of {READS[task]}"
    )


def named(teacher: str, kind: str, names: tuple[str, ...], labels: Labels) -> Appraisal:
    """A teacher whose outputs have names, held against the classes of the data.

    Its names become those of the data where the data only number them, or order them otherwise.
    Raises: RequestError where it answers another number of classes.
    """
    classes = labels.classes
    if len(names) != len(classes):
        listed = ", ".join(classes[:10]) + (", ..." if len(classes) > 10 else "")
        raise RequestError(
            f"teacher: '{teacher}' answers {len(names)} classes, but {labels.source} has "
            f"{len(classes)}: {listed}; give a teacher of these classes"
        )
    told = f"{kind}, {len(names)} classes"
    if names == classes or names[0] == "LABEL_0":
        return Appraisal(teacher, told)
    if labels.numbered or set(names) == set(classes):
        return Appraisal(teacher, told, classes=names)
    return Appraisal(teacher, f"{told}; check their order: {on_one_line(list(names))[1:-1]}")
