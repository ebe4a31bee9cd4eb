"""A recipe that reads inside its teacher: settled, planned, stored, trained, continued."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from understudy.errors import RequestError
from understudy.objectives import HardLabels, HiddenFeatures, SoftLabels, SparseLabels
from understudy.pipeline.distilling import Production
from understudy.pipeline.features import Features, refuse_unrecorded
from understudy.pipeline.running import distill, plan
from understudy.recipe.schema import Ensembled, Knowledge, Recipe, Trained
from understudy.store import open_store
from understudy.training.settings import Training

HINT = 0.9 * SoftLabels() + 0.1 * HardLabels() + 1.0 * HiddenFeatures()
PAIRS = {f"stages.{at}": f"stages.{at}" for at in (0, 2, 4)}
NUMBERS = (16 + 32) * 16 + 64 * 4
"""Of cnn-medium on 8 x 8 pixels, with 4 x 4 places at most."""
QUICK = Training(epochs=2, batch_size=32, checkpoint_seconds=1e-6)


@pytest.fixture
def cnns(recipe: Recipe) -> Recipe:
    teacher = Trained("cnn-medium", training=Training(epochs=3, batch_size=32))
    return replace(
        recipe,
        teacher=teacher,
        student="cnn-small",
        objective=HINT,
        training=QUICK,
        control=False,
        rivals="none",
    )


@pytest.fixture
def hinting(producing: Callable[..., Production], cnns: Recipe) -> Callable[..., Production]:
    """Makes the recipe with convolutions and a hint a production."""
    names = ("teacher", "student", "objective", "training", "control", "rivals")

    def make(folder: str = "run", **changes: Any) -> Production:
        return producing(folder, **{name: getattr(cnns, name) for name in names} | changes)

    return make


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "student" / "model.safetensors")


def test_pairs_are_settled_from_the_architectures_alone(
    hinting: Callable[..., Production], own_cache: Path
):
    made = hinting()
    found = made.features
    assert found.objective == 0.9 * SoftLabels() + 0.1 * HardLabels() + HiddenFeatures(PAIRS)
    assert found.paths == tuple(PAIRS)
    assert (found.pool, found.numbers_per_row) == (4, NUMBERS)
    assert made.bytes_per_row == 40 + 2 * NUMBERS
    assert not (own_cache / "teachers").exists()


def test_the_plan_counts_the_features(cnns: Recipe, tmp_path: Path, own_cache: Path):
    step = next(step for step in plan(cnns, tmp_path / "run").steps if step.name == "knowledge")
    assert step.bytes == 300 * (40 + 2 * NUMBERS)
    assert not (own_cache / "teachers").exists()


def test_features_that_do_not_fit_the_budget_are_asked_live(hinting: Callable[..., Production]):
    assert hinting(knowledge=Knowledge(budget_bytes=300 * 40)).asks_live
    assert not hinting(knowledge=Knowledge(budget_bytes=300 * 40), objective=None).asks_live
    whole = hinting(knowledge=Knowledge(pool=None))
    assert whole.features.numbers_per_row == 16 * 64 + 32 * 16 + 64 * 4


def test_without_hidden_features_nothing_is_looked_up(producing: Callable[..., Production]):
    made = producing()
    assert made.features == Features(made.asked_objective)
    assert "student" not in vars(made)
    assert made.tapped is made.teacher.teacher


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"objective": HINT + HiddenFeatures({"stages.9": "stages.0"})},
            "the student has no module 'stages.9'; nearest are: 'stages.",
        ),
        (
            {"objective": 1.0 * HiddenFeatures({"head.0": "stages.4"}, "attention_transfer")},
            "hidden_features: attention_transfer of head.0 and stages.4, 128 and 64 x 2 x 2 a row",
        ),
        ({"objective": 1.0 * SparseLabels()}, "objective: sparse_labels reads 'top_ids', which is"),
        (
            {"teacher": Ensembled((Trained("mlp-8"), Trained("mlp-16")))},
            "need one network as teacher; an ensemble, or an object",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_before_anything_is_trained(
    hinting: Callable[..., Production],
    own_cache: Path,
    changes: Mapping[str, Any],
    sentence: str,
):
    with pytest.raises(RequestError) as error:
        _ = hinting(**changes).features
    assert sentence in str(error.value)
    assert not (own_cache / "teachers").exists()


def test_a_plan_refuses_a_wrong_path_for_a_live_teacher_too(
    cnns: Recipe, tmp_path: Path, own_cache: Path
):
    wrong = HINT + HiddenFeatures({"stages.0": "stage"})
    asked = replace(cnns, objective=wrong, knowledge=Knowledge(mode="live"))
    with pytest.raises(RequestError, match="the teacher has no module 'stage'"):
        plan(asked, tmp_path / "run")
    assert not (own_cache / "teachers").exists()


def test_what_is_recorded_is_let_through():
    assert refuse_unrecorded(HINT) is HINT
    given = HINT + HiddenFeatures({"a": "b"})
    assert refuse_unrecorded(given) is given


def test_from_recipe_to_student_and_on_from_where_it_was_killed(
    cnns: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Killed(Exception):
        pass

    whole = distill(cnns, tmp_path / "whole")
    assert whole.scorecard["knowledge"]["bytes_per_row"] > 40 + 2 * NUMBERS
    step = (tmp_path / "whole/checkpoints/knowledge.json").read_text()
    root = step.partition('"root": "')[2].partition('"')[0]
    told = open_store(root).index.provenance
    assert told["recorded"] == ["logits", *(f"tap/{path}" for path in PAIRS)]

    def dies(record: Mapping[str, Any]) -> None:
        if record["event"] == "epoch" and record.get("model") == "student":
            raise Killed

    with pytest.raises(Killed):
        distill(cnns, tmp_path / "killed", emit=dies)
    heard: list[Mapping[str, Any]] = []
    distill(cnns, tmp_path / "killed", emit=heard.append)
    again = [record for record in heard if record["event"] == "epoch"]
    assert len(again) >= 1
    found, wanted = weights(tmp_path / "killed"), weights(tmp_path / "whole")
    assert found.keys() == wanted.keys()
    assert not any("adapter" in name or "projection" in name for name in found)
    assert all(torch.equal(found[name], value) for name, value in wanted.items())


def test_live_and_stored_features_are_both_trained_on(hinting: Callable[..., Production]):
    losses = []
    for mode in ("stored", "live"):
        made = hinting(mode, knowledge=Knowledge(mode=mode))
        losses.append(made.trained("student")["curve"][-1]["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)
