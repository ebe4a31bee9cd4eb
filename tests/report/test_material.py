"""What a report is drawn from cannot be changed on its way."""

import dataclasses

import pytest

from understudy.report import Example, Material


def test_material_and_examples_are_frozen(material, examples):
    for thing in (material, examples[0]):
        name = dataclasses.fields(thing)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, name, "another")


def test_an_example_needs_no_picture_and_material_no_class_names():
    example = Example("duplicate", 3, "cat", {})
    assert (example.picture, example.text) == (None, None)
    assert Material("t", {}, {}, {}, {}, [], "", "", {}).classes == ()
