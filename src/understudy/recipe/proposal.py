"""A recipe in words: YAML whose comments say what was seen and what each line does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from understudy.recipe.writing import on_one_line

if TYPE_CHECKING:
    from understudy.recipe.appraisal import Appraisal
    from understudy.recipe.beside import Beside

SHOWN = 12
"""Classes named in a comment."""


@dataclass(frozen=True)
class Seen:
    """What a look at the training rows showed, whatever they hold.

    `class_rows` are the rows of the rarest and of the most frequent class.
    """

    source: str
    rows: int
    unlabelled: int
    task: str
    columns: Mapping[str, str]
    others: tuple[str, ...]
    classes: tuple[str, ...]
    class_rows: tuple[int, int]
    skipped: Mapping[str, int]


@dataclass(frozen=True)
class Advice:
    """What suits the rows of one task: all of a recipe in which tasks differ.

    `form` says what the inputs look like. `data`, `student`, `objective` and `require` are lines
    of the recipe as they stand there. `teacher` is the preset to train where none was given,
    `teaching` how a teacher that was not trained yet is trained, `training` how the student is.
    """

    form: str
    data: tuple[str, ...]
    teacher: str
    teaching: Mapping[str, int | str]
    student: tuple[str, ...]
    objective: tuple[str, ...]
    training: Mapping[str, int | str]
    require: tuple[str, ...]


def compose(
    seen: Seen, advice: Advice, beside: Mapping[str, Beside], teacher: Appraisal | None
) -> str:
    """The whole text; it reads as a recipe."""
    lines = [
        "# Proposed by `understudy init` after a look at the data; it runs as it is.",
        *(f"# {sentence}" for sentence in _sentences(seen, advice.form)),
        "",
        f"task: {seen.task}",
        "",
        "data:",
        *_data(seen, advice.data, beside, teacher.classes if teacher else None),
        "",
        *_teacher(teacher, advice),
        "",
        *advice.student,
        "",
        "objective:  # what the student minimises: a weighted sum",
        *(f"  - {line}" for line in advice.objective),
        "",
        "training:  # of the student, and of the control that has no teacher",
        *(f"  {name}: {value}" for name, value in advice.training.items()),
        "  seed: 0",
        "",
        "export: [onnx]  # written, loaded back and scored beside the student",
        "",
        "# require:  # rules that an artefact must meet to ship",
        *(f"#   - {rule}" for rule in advice.require),
    ]
    return "\n".join(lines) + "\n"


def _sentences(seen: Seen, form: str) -> Iterator[str]:
    """What was seen, a sentence a line."""
    yield f"Seen: {seen.rows:,} rows; {form}."
    some = on_one_line(list(seen.classes[:SHOWN]))[1:-1]
    more = ", ..." if len(seen.classes) > SHOWN else "."
    fewest, most = seen.class_rows
    each = f"{fewest:,} rows each" if fewest == most else f"{fewest:,} to {most:,} rows each"
    yield f"{len(seen.classes)} classes, {each}: {some}{more}"
    if seen.unlabelled:
        yield f"{seen.unlabelled:,} rows have no label; the teacher labels them."
    if seen.others:
        yield f"Columns not used: {on_one_line(list(seen.others))[1:-1]}."
    if seen.skipped:
        told = ", ".join(f"{count:,} {reason}" for reason, count in seen.skipped.items())
        yield f"Passed over: {told}."


def _data(
    seen: Seen,
    more: tuple[str, ...],
    beside: Mapping[str, Beside],
    classes: tuple[str, ...] | None,
) -> Iterator[str]:
    yield f"  train: {on_one_line(seen.source)}  # {seen.rows:,} rows"
    for role, share in (("validation", 0.1), ("test", 0.2)):
        told = f"no {role} rows were found"
        if role in beside:
            found = beside[role]
            line = f"  {role}: {on_one_line(found.source)}"
            if found.lacks is None:
                yield f"{line}  # {found.rows:,} rows, found beside it"
                continue
            told = f"{on_one_line(found.source)} has no column {on_one_line(found.lacks)}"
        yield f"  {role}_share: {share}  # {told}: split off train"
    yield f"  columns: {on_one_line(dict(seen.columns))}"
    yield from (f"  {line}" for line in more)
    if classes is not None:
        yield f"  classes: {on_one_line(list(classes))}  # in the order of the teacher's outputs"


def _teacher(teacher: Appraisal | None, advice: Advice) -> Iterator[str]:
    if teacher is not None and teacher.begins is None:
        yield f"teacher: {on_one_line(teacher.name)}  # {teacher.comment}"
        return
    told = "none was given, so a preset" if teacher is None else f"{teacher.comment}, which"
    yield f"teacher:  # {told} is trained on the labels first, and kept"
    yield f"  train: {on_one_line(advice.teacher if teacher is None else teacher.name)}"
    training = ", ".join(f"{name}: {value}" for name, value in advice.teaching.items())
    yield f"  training: {{{training}}}"
