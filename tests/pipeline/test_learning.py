from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from understudy.errors import RequestError
from understudy.pipeline.distilling import Production
from understudy.pipeline.learning import candidate, labels_alone, learn, lesson_key
from understudy.training.settings import Training


@pytest.fixture
def make(production: Production) -> Callable:
    def make(spec: object, seed: int = 0, **rest: object):
        rest = {"allow_code": False, **rest}
        return candidate(spec, production.task, production.prepared, seed, **rest)

    return make


def test_a_preset_is_the_same_for_the_same_seed(make: Callable):
    assert make("mlp-8").identity == make("mlp-8").identity
    assert make("mlp-8").identity != make("mlp-8", seed=1).identity
    assert make("mlp-8").identity != make("mlp-9").identity
    assert make("mlp-8", dropout=0.1).identity != make("mlp-8").identity
    assert make("mlp-8").parameters == 64 * 8 + 8 + 8 * 10 + 10


def test_making_a_candidate_leaves_the_random_state_alone(make: Callable):
    before = torch.get_rng_state()
    make("mlp-8").fresh()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_module_is_copied(make: Callable):
    own = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    made = make(own)
    assert made.is_given
    fresh = made.fresh()
    with torch.no_grad():
        fresh[1].weight.zero_()
    assert own[1].weight.abs().sum() > 0
    assert made.fresh()[1].weight.abs().sum() > 0


def test_what_is_no_network_is_refused(make: Callable):
    with pytest.raises(RequestError, match="a int is no network; give a preset"):
        make(3)
    with pytest.raises(RequestError, match="did you mean 'mlp-32'"):
        make("mpl-32")


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ((nn.Linear(63, 10),), r"cannot read these inputs \(8 x 8 x 1\): mat1 and mat2"),
        ((nn.Linear(64, 9),), r"answers two rows with \(2, 9\); expected a tensor \(2, 10\)"),
        ((nn.Linear(64, 10), nn.LSTM(10, 10)), "answers two rows with a tuple"),
    ],
)
def test_what_does_not_fit_is_refused_before_it_is_trained(
    make: Callable, layers: tuple[nn.Module, ...], sentence: str
):
    with pytest.raises(RequestError, match=sentence):
        make(nn.Sequential(nn.Flatten(), *layers))


def test_looking_at_a_network_does_not_change_it(make: Callable):
    own = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Dropout(0.5), nn.Linear(64, 10))
    before, state = torch.get_rng_state(), {k: v.clone() for k, v in own.state_dict().items()}
    fresh = make(own.train()).fresh()
    assert fresh.training
    assert all(torch.equal(state[name], value) for name, value in fresh.state_dict().items())
    assert torch.equal(torch.get_rng_state(), before)


def test_the_key_is_that_of_the_weights(make: Callable):
    made, training = make("mlp-8"), Training()
    key = lesson_key(made, "rows", training)
    assert key == lesson_key(make("mlp-8"), "rows", replace(training, checkpoint_seconds=1.0))
    others = [
        lesson_key(make("mlp-9"), "rows", training),
        lesson_key(made, "other rows", training),
        lesson_key(made, "rows", replace(training, epochs=31)),
    ]
    assert len({key, *others}) == 4


def test_learning_saves_a_model_folder_and_clears_its_checkpoint(
    make: Callable, production: Production, tmp_path: Path
):
    heard: list = []
    facts = learn(
        make("mlp-8"),
        production.task,
        labels_alone(production.prepared, ("image",)),
        Training(epochs=2, batch_size=64),
        key="k",
        folder=tmp_path / "model",
        checkpoint=tmp_path / "checkpoint.safetensors",
        emit=heard.append,
    )
    assert [record["epoch"] for record in heard] == [1, 2]
    assert [point["loss"] for point in facts["curve"]] == [record["loss"] for record in heard]
    assert facts["best_epoch"] in (1, 2)
    assert facts["bytes"] == (tmp_path / "model" / "model.safetensors").stat().st_size
    assert not (tmp_path / "checkpoint.safetensors").exists()
    assert (tmp_path / "model" / "understudy.json").is_file()


def test_labels_alone_ask_no_teacher(production: Production):
    lesson = labels_alone(production.prepared, ("image",))
    assert lesson.knowledge.of(lesson.rows()[:2], {}) == {}
    assert [part.term.needs_labels for part in lesson.objective.terms] == [True]
