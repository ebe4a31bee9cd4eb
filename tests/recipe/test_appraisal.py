from __future__ import annotations

import pytest

from understudy.errors import RequestError
from understudy.recipe.appraisal import IMAGES, TEXTS, Appraisal, Labels, named, other_task

CATS = Labels("a.npz", ("cat", "dog"))


@pytest.mark.parametrize(
    ("names", "labels", "classes"),
    [
        (("cat", "dog"), CATS, None),
        (("LABEL_0", "LABEL_1"), CATS, None),
        (("dog", "cat"), CATS, ("dog", "cat")),
        (("low", "high"), Labels("a.npz", ("0", "1"), numbered=True), ("low", "high")),
        (("low", "high"), CATS, None),
    ],
)
def test_names_of_outputs_settle_classes_where_they_can(names, labels: Labels, classes):
    found = named("it", "a model", names, labels)
    assert found.classes == classes
    assert found.comment.startswith("a model, 2 classes")


def test_other_names_are_shown():
    told = "a model, 2 classes; check their order: low, high"
    assert named("it", "a model", ("low", "high"), CATS) == Appraisal("it", told)


def test_another_number_of_classes_is_refused():
    with pytest.raises(RequestError) as caught:
        named("it", "a model", ("cat",), CATS)
    assert str(caught.value) == (
        "teacher: 'it' answers 1 classes, but a.npz has 2: cat, dog; "
        "give a teacher of these classes"
    )


def test_another_task_is_told_with_whether_it_is_there():
    assert str(other_task("it", "a net", IMAGES, CATS, TEXTS)) == (
        "teacher: 'it' is a net, which is for image-classification, but a.npz is for "
        "text-classification; give a teacher of texts"
    )
    assert str(other_task("it", "a net", "sorting", CATS, IMAGES)) == (
        "teacher: 'it' is a net, which is for sorting, but a.npz is for image-classification; "
        "that task is not there yet; give a teacher of images"
    )
