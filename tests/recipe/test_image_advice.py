from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from understudy.data.cells import objects
from understudy.recipe.appraisal import Appraisal
from understudy.recipe.image_advice import Images, advise, look

DIGITS = Images((28, 28), 1, "uint8", differ=False)


def size_line(images: Images, teacher: Appraisal | None = None) -> str | None:
    """What is advised as `image_size`, without the comment."""
    return next((line.partition("  #")[0] for line in advise(images, 100, teacher).data), None)


def test_arrays_and_pictures_are_looked_at():
    assert look(np.zeros((5, 28, 28), "uint8")) == DIGITS
    pictures = [Image.new("RGB", (20 + number % 2, 10)) for number in range(5)]
    assert look(objects(pictures)) == Images((10, 20), 3, "uint8", differ=True)


def test_the_form_is_told():
    assert advise(DIGITS, 100, None).form == "28 x 28 pixels, grey, kept as uint8"
    mixed = advise(Images((10, 20), 3, "uint8", differ=True), 100, None)
    assert mixed.form == (
        "images that differ in size, 10 x 20 pixels suit them, in colour, kept as uint8"
    )


@pytest.mark.parametrize(
    ("images", "kept"),
    [
        (DIGITS, None),
        (replace(DIGITS, size=(192, 96)), "image_size: [96, 48]"),
        (replace(DIGITS, size=(96, 96)), None),
        (replace(DIGITS, differ=True), "image_size: [28, 28]"),
    ],
)
def test_large_images_are_made_smaller(images: Images, kept: str | None):
    assert size_line(images) == kept
    assert size_line(images, Appraisal("mlp-64", "a preset", begins="preset")) == kept


def test_images_are_brought_to_what_a_teacher_reads():
    large = replace(DIGITS, size=(192, 96))
    assert size_line(large, Appraisal("it", "a model", reads=(24, 24))) == "image_size: [24, 24]"
    assert size_line(large, Appraisal("it", "a model", reads=(224, 224))) is None
    assert size_line(large, Appraisal("it", "a model")) is None


def test_networks_follow_the_size_of_images():
    small = advise(replace(DIGITS, size=(8, 8)), 100, None)
    assert (small.teacher, small.student[0].split()[1]) == ("cnn-large", "mlp-32")
    assert advise(replace(DIGITS, size=(4, 8)), 100, None).teacher == "mlp-512-512"
    assert advise(replace(DIGITS, size=(16, 16)), 100, None).student[0].split()[1] == "cnn-small"


def test_lengths_of_training_follow_the_number_of_rows():
    assert advise(DIGITS, 100, None) == advise(DIGITS, 2999, None)
    epochs = [advise(DIGITS, rows, None).training["epochs"] for rows in (2999, 3000, 20_000)]
    taught = [advise(DIGITS, rows, None).teaching["epochs"] for rows in (2999, 3000, 20_000)]
    assert (epochs, taught) == ([100, 30, 10], [20, 10, 4])
