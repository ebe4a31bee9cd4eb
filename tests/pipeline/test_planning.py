from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from understudy.pipeline.distilling import Production
from understudy.pipeline.planning import Plan, Step, plan_of
from understudy.recipe.schema import Ensembled, Knowledge, Trained
from understudy.training.settings import Training


def named(plan: Plan) -> dict[str, Step]:
    return {step.name: step for step in plan.steps}


def test_nothing_is_there_at_first_and_nothing_is_made_to_say_so(
    producing: Callable, own_cache: Path, heard
):
    made = producing(export=("onnx",))
    steps = named(plan_of(made))
    assert list(steps) == [
        *("rows", "teacher", "knowledge", "student", "control", "rivals", "export onnx", "score")
    ]
    assert [name for name, step in steps.items() if step.kept] == ["rows"]
    for name in ("teacher", "knowledge", "student", "control"):
        assert steps[name].seconds > 0
    assert steps["knowledge"].rows == 300
    assert steps["knowledge"].bytes == 300 * 40
    assert steps["student"].bytes == 4 * 610
    assert heard.of("epoch") == heard.of("taught") == []
    assert not list(own_cache.rglob("model.safetensors"))
    assert not (own_cache / "knowledge").exists()


def test_what_is_there_takes_no_time(production: Production):
    plan = plan_of(production)
    steps = named(plan)
    assert [name for name, step in steps.items() if not step.kept] == ["score"]
    assert plan.seconds == 0


def test_a_plan_reads_and_asks_nothing_it_does_not_need(production: Production, heard):
    # The knowledge is gone, but the student that was made from it is there.
    recipe = replace(production.recipe, knowledge=Knowledge(store=str(production.workspace.out)))
    made = replace(production, recipe=recipe)
    steps = named(plan_of(made))
    assert not steps["knowledge"].kept
    assert steps["student"].kept
    assert not Path(made.knowledge_root).exists()


def test_another_student_is_to_do_and_the_knowledge_is_not(production: Production):
    made = replace(production, recipe=replace(production.recipe, student="mlp-9"))
    steps = named(plan_of(made))
    assert steps["knowledge"].kept
    assert not steps["student"].kept
    assert steps["student"].seconds > 0


def test_twice_the_epochs_take_about_twice_as_long(production: Production):
    def seconds(epochs: int) -> float:
        training = replace(production.recipe.training, epochs=epochs)
        recipe = replace(production.recipe, training=training)
        return named(plan_of(replace(production, recipe=recipe)))["student"].seconds

    assert 20 < seconds(4000) / seconds(40) < 500


def test_every_teacher_that_is_to_be_trained_is_a_step(producing: Callable, own_cache: Path):
    quick = Training(epochs=1)
    teacher = Ensembled((Trained("mlp-16", training=quick), Trained("mlp-24", training=quick)))
    steps = [step.name for step in plan_of(producing(teacher=teacher)).steps]
    assert steps.count("teacher") == 2


def test_a_live_teacher_leaves_nothing_to_ask(producing: Callable, own_cache: Path):
    steps = named(plan_of(producing(knowledge=Knowledge(mode="live"))))
    assert steps["knowledge (live)"].bytes == 0


def test_what_was_not_asked_for_is_no_step(producing: Callable):
    steps = named(plan_of(producing(control=False, rivals="none")))
    assert {"control", "rivals"}.isdisjoint(steps)


def test_the_record_of_a_plan_adds_up():
    plan = Plan((Step("rows", True, 10, 10, 0.0), Step("a", False, seconds=1.5), Step("b", False)))
    assert plan.seconds == 1.5
    assert plan.record()["seconds"] == 1.5
    assert plan.record()["steps"][2] == {
        "name": "b",
        "kept": False,
        "rows": None,
        "bytes": None,
        "seconds": None,
    }
