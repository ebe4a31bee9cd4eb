"""Teachers and torch networks as predictors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from understudy.evaluation.networks import TeacherPredictor, load
from understudy.evaluation.predictor import ask
from understudy.students import Blueprint
from understudy.tasks import Prepared
from understudy.tasks.folders import ModelFacts, save_network
from understudy.teachers import NetworkTeacher


def test_a_predictor_answers_what_its_network_does(
    prepared: Prepared, small_network: Callable[..., nn.Module]
):
    network = small_network(0, "cnn-small", 0.5)
    predictor = TeacherPredictor("student", NetworkTeacher(network))
    inputs = prepared.inputs(np.arange(30), ("image",))
    found = predictor.predict(inputs)
    with torch.no_grad():
        wanted = network.eval()(torch.from_numpy(inputs["image"])).numpy()
    np.testing.assert_array_equal(found, wanted)
    assert (found.dtype, found.shape) == (np.float32, (30, 10))
    assert predictor.name == "student"
    assert ask(predictor, inputs).classes.tolist() == wanted.argmax(axis=1).tolist()


def test_rows_in_any_order_of_memory_are_read_all_the_same(
    prepared: Prepared, small_network: Callable[..., nn.Module]
):
    inputs = prepared.inputs(np.arange(3), ("image",))
    wanted = TeacherPredictor("t", NetworkTeacher(small_network())).predict(inputs)
    fixed = inputs["image"].copy()
    fixed.flags.writeable = False
    for image in (fixed, np.asfortranarray(fixed), fixed[::-1].copy()[::-1]):
        found = TeacherPredictor("t", NetworkTeacher(small_network())).predict({"image": image})
        np.testing.assert_array_equal(found, wanted)


def test_a_model_folder_is_a_predictor(
    tmp_path: Path, prepared: Prepared, small_network: Callable[..., nn.Module]
):
    network, form = small_network(), prepared.facts.form
    blueprint = Blueprint("preset", "mlp-16", tuple(form["shape"]), 10)
    facts = ModelFacts("image-classification", blueprint, form, prepared.facts.classes)
    save_network(tmp_path / "student", network.body, facts)
    inputs = prepared.inputs(np.arange(30), ("image",))
    found = load(tmp_path / "student")
    assert found.name == "student"
    wanted = TeacherPredictor("t", NetworkTeacher(network)).predict(inputs)
    np.testing.assert_array_equal(found.predict(inputs), wanted)
