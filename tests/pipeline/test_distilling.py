import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from understudy.errors import RequestError
from understudy.objectives import HardLabels, SoftLabels
from understudy.pipeline.distilling import Production
from understudy.pipeline.workspace import Workspace
from understudy.recipe.schema import Knowledge
from understudy.training.knowledge import Live, Stored


def weights(production: Production, name: str = "student") -> dict[str, torch.Tensor]:
    return load_file(production.folder(name) / "model.safetensors")


def again(production: Production, heard: Callable, **changes: object) -> Production:
    """The same run folder, opened anew."""
    recipe = replace(production.recipe, **changes)
    return Production(recipe, Workspace(production.workspace.out, heard))


def test_student_and_control_learn_different_things_from_one_start(production: Production):
    student, control = weights(production), weights(production, "control")
    assert student.keys() == control.keys()
    assert any(not torch.equal(student[name], control[name]) for name in student)
    assert production.trained("student")["parameters"] == 610


def test_a_finished_step_is_passed_over(production: Production, heard):
    same = again(production, heard)
    assert all(same.is_done(name) for name in ("student", "control", "rivals"))
    same.trained("student")
    same.rivals()
    assert heard.steps("begun") == []
    assert "student" in heard.steps("kept")


def test_a_step_depends_on_what_goes_into_it_and_on_nothing_else(production: Production, heard):
    training = production.recipe.training
    slower = again(production, heard, training=replace(training, epochs=5))
    assert not slower.is_done("student")
    assert not slower.is_done("control")
    assert slower.is_done("rivals")
    harder = again(production, heard, objective=0.5 * SoftLabels(2.0) + 0.5 * HardLabels())
    assert not harder.is_done("student")
    assert harder.is_done("control")
    fewer = again(production, heard, rivals=("linear",))
    assert fewer.is_done("student")
    assert not fewer.is_done("rivals")
    often = again(production, heard, training=replace(training, checkpoint_seconds=1.0))
    assert often.is_done("student")


def test_what_was_deleted_is_made_again(producing: Callable, heard):
    made = producing(control=False)
    made.trained("student")
    before = weights(made)
    shutil.rmtree(made.folder("student"))
    other = again(made, heard)
    assert not other.is_done("student")
    other.trained("student")
    after = weights(other)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_asking_what_is_done_makes_nothing(producing: Callable, own_cache: Path, heard):
    made = producing()
    made.teacher  # noqa: B018
    before = len(heard.records)
    names = ("student", "control", "rivals", "export-onnx", "score")
    assert not any(made.is_done(name) for name in names)
    assert len(heard.records) == before
    assert not (own_cache / "knowledge").exists()


def test_knowledge_is_kept_where_the_recipe_says(producing: Callable, tmp_path: Path, heard):
    here = producing("a")
    there = producing("b", knowledge=Knowledge(store=f"{tmp_path / 'mine'}/"))
    assert here.knowledge_key == there.knowledge_key
    assert there.knowledge_root == f"{tmp_path / 'mine'}/{there.knowledge_key}"
    assert there.store is not None
    assert there.store.root == there.knowledge_root
    np.testing.assert_array_equal(
        here.store.read("logits", 0, 300), there.store.read("logits", 0, 300)
    )
    # What a student learns is the same, so that it is not trained again for another place.
    here.trained("student")
    moved = again(here, heard, knowledge=there.recipe.knowledge)
    assert moved.is_done("student")


def test_the_codec_is_part_of_the_knowledge(producing: Callable):
    assert (
        producing("a").knowledge_key
        != producing("b", knowledge=Knowledge(codec="int8")).knowledge_key
    )


def test_auto_asks_live_where_answers_do_not_fit(producing: Callable):
    fits = producing("a", knowledge=Knowledge(budget_bytes=300 * 40))
    assert not fits.asks_live
    assert isinstance(fits.knowledge, Stored)
    tight = producing("b", knowledge=Knowledge(budget_bytes=300 * 40 - 1))
    assert tight.asks_live
    assert tight.store is None
    assert isinstance(tight.knowledge, Live)
    half = producing("c", knowledge=Knowledge(codec="fp16", budget_bytes=300 * 20))
    assert not half.asks_live
    assert producing("d", knowledge=Knowledge(mode="live")).asks_live
    assert not producing("e", knowledge=Knowledge(mode="stored", budget_bytes=0)).asks_live


def test_a_live_teacher_makes_the_student_that_a_stored_one_makes(producing: Callable):
    stored = producing("a", control=False)
    live = producing("b", control=False, knowledge=Knowledge(mode="live"))
    for made in (stored, live):
        made.trained("student")
    for name, value in weights(stored).items():
        torch.testing.assert_close(value, weights(live)[name], rtol=1e-6, atol=1e-6)


def test_knowledge_that_was_deleted_is_asked_for_again(producing: Callable, own_cache: Path, heard):
    made = producing()
    made.store  # noqa: B018
    asked = sum(record["rows"] for record in heard.of("taught"))
    shutil.rmtree(own_cache / "knowledge")
    store = again(made, heard).store
    assert store is not None
    assert store.complete
    assert sum(record["rows"] for record in heard.of("taught")) == 2 * asked == 600


def test_the_settled_recipe_has_no_hole(producing: Callable, production: Production):
    settled = producing(task=None, objective=None).settled
    assert settled.task == "image-classification"
    assert settled.objective == production.task.objective(10)


def test_auto_is_settled_once_and_remembered(producing: Callable, heard):
    objective = 0.9 * SoftLabels("auto") + 0.1 * HardLabels()
    made = producing(objective=objective)
    found = made.objective
    tried = list(heard.of("probe"))
    assert len(tried) == 4
    best = max(tried, key=lambda record: (record["validation"], -record["validation_loss"]))
    assert f"temperature={found.terms[0].term.temperature:g}" in best["objective"]
    assert repr(again(made, heard).objective) == repr(found)
    assert len(heard.of("probe")) == 4
    # The recipe that is written keeps the question, so that it can be asked of other data.
    assert made.settled.objective.terms[0].term.temperature == "auto"


def test_rivals_are_left_out_where_none_is_wanted(producing: Callable, heard):
    made = producing(rivals="none")
    assert made.rivals() == ()
    assert "rivals" not in heard.steps("begun")
    assert producing("b", rivals=("linear",)).rivals() == ("rival-linear",)


def test_an_unknown_format_is_refused_before_anything_is_trained(producing: Callable, heard):
    with pytest.raises(RequestError, match="there is no format 'onxx'; did you mean 'onnx'"):
        producing().export("onxx")
    assert heard.of("epoch") == []


def test_folders_of_a_run(production: Production):
    out = production.workspace.out
    assert production.folder("student") == out / "student"
    assert production.folder("export-onnx-int8") == out / "export" / "onnx-int8"
