from __future__ import annotations

from dataclasses import replace

import pytest

from understudy.recipe.appraisal import IMAGES, TEXTS, Appraisal
from understudy.recipe.beside import Beside
from understudy.recipe.proposal import Advice, Seen, compose
from understudy.recipe.reading import read_text
from understudy.recipe.schema import Trained
from understudy.training.settings import Training

SEEN = Seen(
    source="a.npz",
    rows=5000,
    unlabelled=0,
    task=IMAGES,
    columns={"image": "x", "label": "y"},
    others=(),
    classes=("cat", "dog"),
    class_rows=(2400, 2600),
    skipped={},
)
ADVICE = Advice(
    form="28 x 28 pixels",
    data=("image_size: [28, 28]  # of every image",),
    teacher="cnn-large",
    teaching={"epochs": 10, "batch_size": 64, "learning_rate": "1.0e-3"},
    student=("student: cnn-small  # or another",),
    objective=("soft_labels: {weight: 0.9}", "hard_labels: {weight: 0.1}"),
    training={"epochs": 30, "learning_rate": "2.0e-3"},
    require=("accuracy >= 0.9",),
)


@pytest.mark.parametrize("task", [IMAGES, TEXTS])
def test_without_a_teacher_a_preset_is_trained(task: str):
    recipe = read_text(compose(replace(SEEN, task=task), ADVICE, {}, None))
    teaching = Training(epochs=10, batch_size=64, learning_rate=1e-3)
    assert recipe.teacher == Trained("cnn-large", training=teaching)
    assert (recipe.student, recipe.task) == ("cnn-small", task)
    assert recipe.training == Training(epochs=30, learning_rate=2e-3)
    assert recipe.objective.terms[0].weight == 0.9
    assert (recipe.data.test, recipe.data.image_size) == (None, (28, 28))
    assert (recipe.data.classes, recipe.require) == (None, ())


def test_the_rules_that_are_suggested_can_be_taken_in():
    text = compose(SEEN, ADVICE, {}, None)
    at = text.index("# require:")
    taken = text[:at] + text[at:].replace("# require", "require").replace("#   -", "  -")
    assert read_text(taken).require == ("accuracy >= 0.9",)


def test_what_was_seen_stands_in_comments():
    seen = replace(
        SEEN,
        unlabelled=7,
        others=("age", "no # comment"),
        classes=("cat\nteacher: x", *(f"c{number}" for number in range(14))),
        skipped={"hidden files": 1200},
    )
    text = compose(seen, ADVICE, {}, None)
    assert text.splitlines()[1:6] == [
        "# Seen: 5,000 rows; 28 x 28 pixels.",
        '# 15 classes, 2,400 to 2,600 rows each: "cat\\nteacher: x", '
        f"{', '.join(f'c{number}' for number in range(11))}, ...",
        "# 7 rows have no label; the teacher labels them.",
        "# Columns not used: age, 'no # comment'.",
        "# Passed over: 1,200 hidden files.",
    ]
    assert read_text(text).student == "cnn-small"


def test_parts_and_a_given_teacher_are_written_out():
    teacher = Appraisal("my teacher: big", "a model", classes=("dog", "no"))
    beside = {"test": Beside("b #1.npz", 9), "validation": Beside("c.npz", 8)}
    text = compose(SEEN, ADVICE, beside, teacher)
    recipe = read_text(text)
    assert (recipe.data.test, recipe.data.validation) == ("b #1.npz", "c.npz")
    assert recipe.data.classes == ("dog", "no")
    assert recipe.teacher == "my teacher: big"
    assert "# 9 rows, found beside it" in text


def test_a_part_that_lacks_a_column_is_not_used():
    text = compose(SEEN, ADVICE, {"test": Beside("b #1.npz", 9, lacks="x")}, None)
    assert "  test_share: 0.2  # 'b #1.npz' has no column x: split off train" in text
    assert read_text(text).data.test is None


@pytest.mark.parametrize("begins", ["preset", "encoder"])
def test_a_teacher_that_is_not_trained_yet_is_trained(begins):
    text = compose(SEEN, ADVICE, {}, Appraisal("mlp-64", "a thing", begins=begins))
    teaching = Training(epochs=10, batch_size=64, learning_rate=1e-3)
    assert read_text(text).teacher == Trained("mlp-64", training=teaching)
    assert "teacher:  # a thing, which is trained on the labels first, and kept" in text
