from __future__ import annotations

from dataclasses import replace

import pytest

from understudy.recipe.appraising import Appraisal
from understudy.recipe.proposal import Beside, Seen, choose, compose
from understudy.recipe.reading import read_text
from understudy.recipe.schema import Trained
from understudy.training.settings import Training

SEEN = Seen(
    source="a.npz",
    rows=5000,
    unlabelled=0,
    columns={"image": "x", "label": "y"},
    others=(),
    size=(28, 28),
    channels=1,
    dtype="uint8",
    sizes_differ=False,
    classes=("cat", "dog"),
    class_rows=(2400, 2600),
    skipped={},
)


def test_without_a_teacher_a_preset_is_trained():
    recipe = read_text(compose(SEEN, {}, None))
    assert recipe.teacher == Trained("cnn-large", training=Training(epochs=10, batch_size=128))
    assert (recipe.student, recipe.task) == ("cnn-small", "image-classification")
    assert (recipe.data.test, recipe.data.image_size, recipe.data.classes) == (None, None, None)


def test_what_was_seen_stands_in_comments():
    seen = replace(
        SEEN,
        unlabelled=7,
        others=("age", "no # comment"),
        classes=("cat\nteacher: x", *(f"c{number}" for number in range(14))),
        skipped={"hidden files": 1200},
        channels=3,
        sizes_differ=True,
    )
    text = compose(seen, {}, None)
    assert text.splitlines()[1:6] == [
        "# Seen: 5,000 rows; images that differ in size, 28 x 28 pixels suit them, in colour, "
        "kept as uint8.",
        '# 15 classes, 2,400 to 2,600 rows each: "cat\\nteacher: x", '
        f"{', '.join(f'c{number}' for number in range(11))}, ...",
        "# 7 rows have no label; the teacher labels them.",
        "# Columns not used: age, 'no # comment'.",
        "# Passed over: 1,200 hidden files.",
    ]
    assert read_text(text).data.image_size == (28, 28)


def test_parts_and_a_given_teacher_are_written_out():
    teacher = Appraisal("my teacher: big", "a model", classes=("dog", "no"), reads=(24, 24))
    beside = {"test": Beside("b #1.npz", 9), "validation": Beside("c.npz", 8)}
    text = compose(SEEN, beside, teacher)
    recipe = read_text(text)
    assert (recipe.data.test, recipe.data.validation) == ("b #1.npz", "c.npz")
    assert recipe.data.classes == ("dog", "no")
    assert recipe.data.image_size == (24, 24)
    assert recipe.teacher == "my teacher: big"
    assert "# 9 rows, found beside it" in text


def test_a_preset_as_teacher_is_trained():
    recipe = read_text(compose(SEEN, {}, Appraisal("mlp-64", "a preset", is_preset=True)))
    assert recipe.teacher == Trained("mlp-64", training=Training(epochs=10, batch_size=128))


@pytest.mark.parametrize(("size", "kept"), [((192, 96), (96, 48)), ((96, 96), None)])
def test_large_images_are_made_smaller(size, kept):
    assert read_text(compose(replace(SEEN, size=size), {}, None)).data.image_size == kept


def test_choices_follow_the_size_of_images_and_the_number_of_rows():
    assert choose(100, (8, 8)) == choose(2999, (8, 15))
    assert choose(100, (8, 8)).student == "mlp-32"
    assert choose(100, (4, 8)).teacher == "mlp-512-512"
    assert choose(100, (16, 16)).student == "cnn-small"
    assert choose(100, (8, 8)).epochs > choose(3000, (8, 8)).epochs > choose(20_000, (8, 8)).epochs
