"""A recipe in words: YAML whose comments say what was seen and what each line does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from understudy.recipe.writing import on_one_line

if TYPE_CHECKING:
    from understudy.recipe.appraising import Appraisal

LARGEST_SIDE = 96
"""Pixels; larger images are made smaller for a student that is to run anywhere."""
SHOWN = 12
"""Classes named in a comment."""


@dataclass(frozen=True)
class Seen:
    """What a look at the training rows showed.

    `size` is height and width in pixels; where `sizes_differ`, the one that suits them all.
    `class_rows` are the rows of the rarest and of the most frequent class.
    """

    source: str
    rows: int
    unlabelled: int
    columns: Mapping[str, str]
    others: tuple[str, ...]
    size: tuple[int, int]
    channels: int
    dtype: str
    sizes_differ: bool
    classes: tuple[str, ...]
    class_rows: tuple[int, int]
    skipped: Mapping[str, int]


@dataclass(frozen=True)
class Beside:
    """A part that was found beside the training rows."""

    source: str
    rows: int


@dataclass(frozen=True)
class Choices:
    """Networks and lengths of training that suit the rows."""

    teacher: str
    student: str
    batch_size: int
    teacher_epochs: int
    epochs: int


def choose(rows: int, size: tuple[int, int]) -> Choices:
    """By size of images and number of rows; so that a first run takes minutes on two cores."""
    side = min(size)
    teacher = "cnn-large" if side >= 8 else "mlp-512-512"
    student = "cnn-small" if side >= 16 else "mlp-32"
    if rows < 3000:
        return Choices(teacher, student, 64, 20, 100)
    if rows < 20_000:
        return Choices(teacher, student, 128, 10, 30)
    return Choices(teacher, student, 128, 4, 10)


def compose(seen: Seen, beside: Mapping[str, Beside], teacher: Appraisal | None) -> str:
    """The whole text; it reads as a recipe."""
    size = _kept_size(seen, teacher)
    choices = choose(seen.rows, size or seen.size)
    lines = [
        "# Proposed by `understudy init` after a look at the data; it runs as it is.",
        *(f"# {sentence}" for sentence in _sentences(seen)),
        "",
        "task: image-classification",
        "",
        "data:",
        *_data(seen, beside, size, teacher.classes if teacher else None),
        "",
        *_teacher(teacher, choices),
        "",
        f"student: {choices.student}  # or another preset, or a model folder",
        "",
        "objective:  # what the student minimises: a weighted sum",
        "  - soft_labels: {temperature: 4, weight: 0.9}  # match the teacher's probabilities",
        "  - hard_labels: {weight: 0.1}                  # and the labels",
        "",
        "training:  # of the student, and of the control that has no teacher",
        f"  epochs: {choices.epochs}",
        f"  batch_size: {choices.batch_size}",
        "  learning_rate: 2.0e-3",
        "  seed: 0",
        "",
        "export: [onnx]  # written, loaded back and scored beside the student",
        "",
        "# require:  # rules that an artefact must meet to ship",
        "#   - quality_retained >= 0.97",
        "#   - latency_p95_ms <= 10",
    ]
    return "\n".join(lines) + "\n"


def _sentences(seen: Seen) -> Iterator[str]:
    """What was seen, a sentence a line."""
    pixels = f"{seen.size[0]} x {seen.size[1]} pixels"
    form = f"images that differ in size, {pixels} suit them" if seen.sizes_differ else pixels
    colour = "grey" if seen.channels == 1 else "in colour"
    yield f"Seen: {seen.rows:,} rows; {form}, {colour}, kept as {seen.dtype}."
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


def _kept_size(seen: Seen, teacher: Appraisal | None) -> tuple[int, int] | None:
    """The size to bring images to, where it is not their own."""
    if teacher is not None and not teacher.is_preset:
        if teacher.reads is not None and max(seen.size) > max(teacher.reads):
            return teacher.reads
    elif max(seen.size) > LARGEST_SIDE:
        scale = LARGEST_SIDE / max(seen.size)
        return (max(1, round(seen.size[0] * scale)), max(1, round(seen.size[1] * scale)))
    return seen.size if seen.sizes_differ else None


def _data(
    seen: Seen,
    beside: Mapping[str, Beside],
    size: tuple[int, int] | None,
    classes: tuple[str, ...] | None,
) -> Iterator[str]:
    yield f"  train: {on_one_line(seen.source)}  # {seen.rows:,} rows"
    for role, share in (("validation", 0.1), ("test", 0.2)):
        if role in beside:
            found = beside[role]
            yield f"  {role}: {on_one_line(found.source)}  # {found.rows:,} rows, found beside it"
        else:
            yield f"  {role}_share: {share}  # no {role} rows were found: split off train"
    yield f"  columns: {on_one_line(dict(seen.columns))}"
    if size is not None:
        yield f"  image_size: {list(size)}  # height and width that every image is brought to"
    if classes is not None:
        yield f"  classes: {on_one_line(list(classes))}  # in the order of the teacher's outputs"


def _teacher(teacher: Appraisal | None, choices: Choices) -> Iterator[str]:
    if teacher is not None and not teacher.is_preset:
        yield f"teacher: {on_one_line(teacher.name)}  # {teacher.comment}"
        return
    preset = choices.teacher if teacher is None else teacher.name
    told = "none was given, so a preset" if teacher is None else "a preset, which"
    yield f"teacher:  # {told} is trained on the labels first, and kept"
    yield f"  train: {preset}"
    training: dict[str, Any] = {
        "epochs": choices.teacher_epochs,
        "batch_size": choices.batch_size,
    }
    yield f"  training: {on_one_line(training)}"
