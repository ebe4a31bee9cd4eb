"""What suits images: a look at their sizes, and the lines of a recipe that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from understudy.recipe.proposal import Advice

if TYPE_CHECKING:
    from understudy.data.cells import Column
    from understudy.recipe.appraisal import Appraisal

LARGEST_SIDE = 96
"""Pixels; larger images are made smaller for a student that is to run anywhere."""
SAMPLE = 64
"""Rows whose sizes are compared."""


@dataclass(frozen=True)
class Images:
    """Height and width in pixels, or where these `differ` what suits them all; how they are kept.

    `channels` are 1 or 3.
    """

    size: tuple[int, int]
    channels: int
    dtype: str
    differ: bool


def look(column: Column) -> Images:
    """The format of all images of a column.

    Raises: RequestError where they cannot be read.
    """
    import numpy as np

    from understudy.data.cells import take
    from understudy.data.images import pixel_format

    form = pixel_format(column)
    some = range(0, len(column), max(1, len(column) // SAMPLE))
    sizes = {pixel_format(take(column, np.array([row]))).size for row in some}
    return Images(form.size, form.channels, form.dtype, sizes != {form.size})


def advise(images: Images, rows: int, teacher: Appraisal | None) -> Advice:
    """By size of images and number of rows, so that a first run takes minutes on two cores."""
    size = _kept_size(images, teacher)
    side = min(size or images.size)
    batch_size, teacher_epochs, epochs = _lengths(rows)
    return Advice(
        form=_form(images),
        data=()
        if size is None
        else (f"image_size: {list(size)}  # height and width that every image is brought to",),
        teacher="cnn-large" if side >= 8 else "mlp-512-512",
        teaching={"epochs": teacher_epochs, "batch_size": batch_size},
        student=(
            f"student: {'cnn-small' if side >= 16 else 'mlp-32'}"
            "  # or another preset, or a model folder",
        ),
        objective=(
            "soft_labels: {temperature: 4, weight: 0.9}  # match the teacher's probabilities",
            "hard_labels: {weight: 0.1}                  # and the labels",
        ),
        training={"epochs": epochs, "batch_size": batch_size, "learning_rate": "2.0e-3"},
        require=("quality_retained >= 0.97", "latency_p95_ms <= 10"),
    )


def _lengths(rows: int) -> tuple[int, int, int]:
    """Batch size, epochs of the teacher, epochs of the student."""
    if rows < 3000:
        return 64, 20, 100
    if rows < 20_000:
        return 128, 10, 30
    return 128, 4, 10


def _form(images: Images) -> str:
    pixels = f"{images.size[0]} x {images.size[1]} pixels"
    form = f"images that differ in size, {pixels} suit them" if images.differ else pixels
    return f"{form}, {'grey' if images.channels == 1 else 'in colour'}, kept as {images.dtype}"


def _kept_size(images: Images, teacher: Appraisal | None) -> tuple[int, int] | None:
    """The size to bring images to, where it is not their own."""
    size = images.size
    if teacher is not None and teacher.begins is None:
        if teacher.reads is not None and max(size) > max(teacher.reads):
            return teacher.reads
    elif max(size) > LARGEST_SIDE:
        scale = LARGEST_SIDE / max(size)
        return (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    return size if images.differ else None
