"""What a recipe can say of a student, read and written, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.errors import RequestError
from understudy.recipe.reading import read_text
from understudy.recipe.students import Cut, FromTeacher, Preset
from understudy.recipe.writing import as_mapping

RECIPE = "task: text-classification\ndata: rows.csv\nteacher: {train: tiny}\nstudent: "


@pytest.mark.parametrize(
    ("written", "student"),
    [
        ("static", "static"),
        ("{preset: static-64, vocabulary: used}", Preset("static-64", "used")),
        (
            "{preset: cnn, vocabulary: 2000, start: random, dropout: 0.2}",
            Preset("cnn", 2000, "random", 0.2),
        ),
        ("{from_teacher: {layers: [0, 3]}}", FromTeacher(Cut((0, 3)))),
        (
            "{from_teacher: {layers: [1], heads: 2, width: 64, vocabulary: 500}}",
            FromTeacher(Cut((1,), 2, 64, 500)),
        ),
        (
            "{preset: static, dimensions: 128, axes: teacher}",
            Preset("static", dimensions=128, axes="teacher"),
        ),
        (
            "{from_teacher: {layers: [1], dimensions: 64, axes: principal}}",
            FromTeacher(Cut((1,), dimensions=64, axes="principal")),
        ),
    ],
)
def test_a_student_is_read_as_it_is_written(written: str, student: object):
    recipe = read_text(RECIPE + written)
    assert recipe.student == student
    again = as_mapping(recipe)["student"]
    if isinstance(student, str):
        assert again == written
    else:
        assert read_text(RECIPE + str(again).replace("None", "null")).student == student


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("{preset: static, vocabluary: used}", "did you mean 'vocabulary'?"),
        ("{preset: static, vocabulary: 50}", "student.vocabulary is 50; it must be 100 tokens"),
        ("{preset: static, vocabulary: all}", "student.vocabulary"),
        ("{preset: static, start: fresh}", "student.start"),
        ("{preset: static, dropout: 1}", "student.dropout is 1"),
        ("{preset: static, dimensions: 0}", "student.dimensions is 0; it must be 1 or more"),
        (
            "{preset: static, dimensions: 1.5}",
            "student.dimensions is 1.5; it must be a whole number",
        ),
        ("{preset: static, axis: teacher}", "did you mean 'axes'?"),
        ("{from_teacher: {layers: [0], dimensions: -3}}", "dimensions is -3; it must be 1 or more"),
        ("{from_teacher: {layers: []}}", "from_teacher.layers is []; give at least one layer"),
        ("{from_teacher: {layers: [2, 0]}}", "counted from 0, each once and in order"),
        ("{from_teacher: {layers: [0, 0]}}", "each once"),
        ("{from_teacher: {layers: [-1]}}", "counted from 0"),
        ("{from_teacher: {layers: [0], vocabulary: 3}}", "must be 100 tokens or more"),
        ("{from_teacher: {layer: [0]}}", "did you mean 'layers'?"),
    ],
)
def test_what_is_wrong_is_told(written: str, words: str, tmp_path: Path):
    with pytest.raises(RequestError) as caught:
        read_text(RECIPE + written)
    assert words in str(caught.value)
