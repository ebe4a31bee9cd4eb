"""The loop: killed anywhere, it ends with the same weights; and what it promises besides."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from understudy.errors import RequestError
from understudy.objectives import Correlations, HardLabels, as_objective
from understudy.store import Store
from understudy.tasks import Prepared
from understudy.training import loop
from understudy.training.knowledge import Knowledge, Nothing
from understudy.training.loop import Outcome, probe_seconds, train, validate
from understudy.training.settings import Training
from understudy.training.step import Lesson, Worker

TWO_PROCESSES = """
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from understudy.objectives import HardLabels, SoftLabels
from understudy.store import open_store
from understudy.students import build, read_blueprint
from understudy.tasks import open_prepared
from understudy.tasks.image_classification import ImageClassification
from understudy.training.knowledge import Stored
from understudy.training.loop import train
from understudy.training.settings import Training
from understudy.training.step import Lesson, Worker

rows, said, weights, out = map(Path, sys.argv[1:])
prepared = open_prepared(rows)
form = prepared.facts.form
body = build(read_blueprint("mlp-16", tuple(form["shape"]), 10))
network = ImageClassification().network(body, form)
network.load_state_dict(load_file(weights))
objective = 0.9 * SoftLabels(4.0) + 0.1 * HardLabels()
knowledge = Stored(open_store(said), frozenset({"logits"}))
lesson = Lesson(prepared, ("image",), knowledge, objective)
training = Training(epochs=3, batch_size=63, learning_rate=1e-3, accumulate=3)
outcome = train(network, lesson, training, key="k", path=out / "checkpoint")
losses = torch.tensor([point["loss"] for point in outcome.curve], dtype=torch.float64)
assert torch.distributed.get_world_size() == 2
assert torch.distributed.get_backend() == "gloo"
name = f"{torch.distributed.get_rank()}.safetensors"
trained = {name: value.clone() for name, value in network.state_dict().items()}
worker = Worker.of(network, Training(clip=None))
worker.optimizer.register_step_pre_hook(
    lambda *_: trained.update({f"slope.{n}": w.grad for n, w in network.named_parameters()})
)
worker.step(lesson, lesson.rows()[:61])
save_file({**trained, "losses": losses}, out / name)
torch.distributed.destroy_process_group()
"""

QUICK = Training(epochs=3, batch_size=64, learning_rate=0.01, checkpoint_seconds=1e-9)
ALWAYS = 10**9


class Killed(BaseException):
    """Stands for a signal: nobody catches it."""


@dataclass
class Watched:
    """Knowledge that notes who asks, and dies at a given call."""

    inner: Knowledge
    dies_at: int = ALWAYS
    asked: list[np.ndarray] = field(default_factory=list)

    def of(self, rows: np.ndarray, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        if len(self.asked) == self.dies_at:
            raise Killed
        self.asked.append(rows)
        return self.inner.of(rows, inputs)

    def announce(self, rows: np.ndarray) -> None:
        self.inner.announce(rows)


def watched(lesson: Lesson, dies_at: int = ALWAYS) -> Lesson:
    return replace(lesson, knowledge=Watched(lesson.knowledge, dies_at))


def same(outcome: Outcome, other: Outcome) -> bool:
    """Equal in all but the clock."""
    return (list(map(dict, outcome.curve)), outcome.best) == (
        list(map(dict, other.curve)),
        other.best,
    )


def assert_equal_states(one: nn.Module, other: nn.Module) -> None:
    for name, value in one.state_dict().items():
        assert value.numpy().tobytes() == other.state_dict()[name].numpy().tobytes(), name


@pytest.mark.parametrize("keep", ["best", "last"])
@pytest.mark.parametrize(
    ("source", "dropout", "accumulate"),
    [("mlp-16", 0.3, 1), ("mlp-16", 0.3, 4), ("cnn-small", 0.1, 1), ("cnn-small", 0.1, 2)],
)
def test_killed_anywhere_it_ends_with_the_same_weights_bit_for_bit(
    tmp_path: Path,
    lesson: Callable[..., Lesson],
    small_network: Callable[..., nn.Module],
    source: str,
    dropout: float,
    accumulate: int,
    keep: str,
):
    training = replace(QUICK, accumulate=accumulate, keep=keep)
    whole = small_network(0, source, dropout)
    wanted = train(whole, lesson(), training, key="k", path=tmp_path / "whole")
    random = np.random.default_rng((accumulate, len(source)))
    path, deaths = tmp_path / "killed", 0
    while True:
        # What is continued begins with other weights and another random state.
        network = small_network(deaths if path.exists() else 0, source, dropout)
        torch.manual_seed(deaths)
        calls = int(random.integers(1, 5 * accumulate))
        try:
            found = train(network, watched(lesson(), calls), training, key="k", path=path)
            break
        except Killed:
            deaths += 1
    assert deaths >= 2
    assert same(found, wanted)
    assert_equal_states(network, whole)


def test_checkpoints_may_be_rare_and_the_listener_may_die(
    tmp_path: Path,
    lesson: Callable[..., Lesson],
    small_network: Callable[..., nn.Module],
    monkeypatch: pytest.MonkeyPatch,
):
    ticks = iter(range(10**6))
    monkeypatch.setattr(loop.time, "monotonic", lambda: float(next(ticks)))
    training = replace(QUICK, checkpoint_seconds=2.5)
    whole = small_network(0, "mlp-16", 0.3)
    wanted = train(whole, lesson(), training, key="k", path=tmp_path / "whole")

    def dies(record: Mapping[str, Any]) -> None:
        heard.append(record["event"])
        if len(heard) in (1, 3):
            raise Killed

    heard: list[str] = []
    path, deaths = tmp_path / "killed", 0
    for calls in (1, 3, 2, ALWAYS, 2, ALWAYS, ALWAYS):
        network = small_network(9 if path.exists() else 0, "mlp-16", 0.3)
        try:
            found = train(
                network, watched(lesson(), calls), training, key="k", path=path, emit=dies
            )
            break
        except Killed:
            deaths += 1
    assert deaths >= 4
    assert same(found, wanted)
    assert_equal_states(network, whole)


def test_a_finished_training_is_not_run_again(
    tmp_path: Path, lesson: Callable[..., Lesson], small_network: Callable[..., nn.Module]
):
    whole, again = small_network(0), small_network(1)
    wanted = train(whole, lesson(), QUICK, key="k", path=tmp_path / "c")
    found = train(again, watched(lesson(), 0), QUICK, key="k", path=tmp_path / "c")
    assert same(found, wanted)
    assert found.seconds == wanted.seconds > 0
    assert_equal_states(again, whole)


def test_a_checkpoint_of_another_key_is_not_continued(
    tmp_path: Path, lesson: Callable[..., Lesson], small_network: Callable[..., nn.Module]
):
    first, second = small_network(0), small_network(0)
    with pytest.raises(Killed):
        train(first, watched(lesson(), 4), QUICK, key="a", path=tmp_path / "c")
    watching = watched(lesson())
    train(second, watching, QUICK, key="b", path=tmp_path / "c")
    assert len(watching.knowledge.asked) == 4 * QUICK.epochs


@pytest.mark.parametrize("accumulate", [2, 4])
def test_micro_batches_give_the_weights_of_whole_batches(
    tmp_path: Path,
    lesson: Callable[..., Lesson],
    small_network: Callable[..., nn.Module],
    accumulate: int,
):
    whole, parts = small_network(0), small_network(0)
    training = replace(QUICK, learning_rate=1e-3)
    train(whole, lesson(), training, key="k", path=tmp_path / "a")
    train(parts, lesson(), replace(training, accumulate=accumulate), key="k", path=tmp_path / "b")
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[name], value, rtol=0, atol=1e-6)


def test_every_epoch_visits_every_row_once_in_another_order(
    tmp_path: Path, lesson: Callable[..., Lesson], small_network: Callable[..., nn.Module]
):
    watching = watched(lesson())
    train(small_network(), watching, QUICK, key="k", path=tmp_path / "c")
    rows = watching.rows()
    batches = watching.knowledge.asked
    steps = math.ceil(len(rows) / 64)
    epochs = [batches[start : start + steps] for start in range(0, len(batches), steps)]
    assert len(epochs) == QUICK.epochs
    for epoch in epochs:
        assert np.sort(np.concatenate(epoch)).tolist() == rows.tolist()
        assert all((np.diff(batch) > 0).all() for batch in epoch)
        sizes = [len(batch) for batch in epoch]
        assert max(sizes) <= 64
        assert max(sizes) - min(sizes) <= 1
    assert epochs[0][0].tolist() != epochs[1][0].tolist()


def test_a_row_too_many_makes_no_batch_of_one(
    tmp_path: Path,
    lesson: Callable[..., Lesson],
    prepared: Prepared,
    small_network: Callable[..., nn.Module],
):
    short = replace(prepared, splits={**prepared.splits, "train": prepared.splits["train"][:65]})
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 10))
    network = type(small_network())(small_network().pixels, network)
    watching = watched(lesson(rows=short))
    train(network, watching, replace(QUICK, epochs=1), key="k", path=tmp_path / "c")
    assert [len(rows) for rows in watching.knowledge.asked] == [33, 32]


def test_the_seed_decides(
    tmp_path: Path, lesson: Callable[..., Lesson], small_network: Callable[..., nn.Module]
):
    made = []
    for run, seed in enumerate((0, 0, 1)):
        network = small_network(0, "mlp-16", 0.2)
        training = replace(QUICK, seed=seed)
        train(network, lesson(), training, key="k", path=tmp_path / str(run))
        made.append(network.state_dict()["body.layers.1.weight"])
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_it_learns(
    tmp_path: Path, lesson: Callable[..., Lesson], small_network: Callable[..., nn.Module]
):
    network = small_network(0, "mlp-32")
    heard: list[Mapping[str, Any]] = []
    training = replace(QUICK, epochs=20)
    outcome = train(network, lesson(), training, key="k", path=tmp_path / "c", emit=heard.append)
    assert outcome.curve[-1]["loss"] < 0.2 * outcome.curve[0]["loss"]
    assert max(point["validation"] for point in outcome.curve) > 0.8
    assert [(record["epoch"], record["of"]) for record in heard] == [
        (epoch, 20) for epoch in range(1, 21)
    ]
    assert [{name: record[name] for name in outcome.curve[0]} for record in heard] == [
        dict(point) for point in outcome.curve
    ]
    assert not network.training


@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_weights_kept_are_those_of_the_epoch_named(
    tmp_path: Path,
    lesson: Callable[..., Lesson],
    small_network: Callable[..., nn.Module],
    keep: str,
):
    network = small_network()
    # So fast that validation goes up and down.
    training = replace(QUICK, epochs=8, learning_rate=0.3, schedule="constant", keep=keep)
    outcome = train(network, lesson(), training, key="k", path=tmp_path / "c")
    order = [(point["validation"], -point["validation_loss"]) for point in outcome.curve]
    assert outcome.best == order.index(max(order)) != len(order) - 1
    kept = outcome.curve[outcome.best if keep == "best" else -1]
    found = validate(network, lesson(), 64)
    assert found == {name: kept[name] for name in ("validation", "validation_loss")}


def test_training_stops_when_patience_is_used_up(
    tmp_path: Path, lesson: Callable[..., Lesson], small_network: Callable[..., nn.Module]
):
    standing = replace(QUICK, epochs=30, learning_rate=1e-30, patience=2)
    outcome = train(small_network(), lesson(), standing, key="k", path=tmp_path / "a")
    assert (outcome.best, len(outcome.curve)) == (0, 3)
    learning = replace(QUICK, epochs=6, patience=5)
    outcome = train(small_network(), lesson(), learning, key="k", path=tmp_path / "b")
    assert len(outcome.curve) == 6


def test_the_validation_figures_are_numpys(
    prepared: Prepared, lesson: Callable[..., Lesson], small_network: Callable[..., nn.Module]
):
    network, rows = small_network(), prepared.splits["validation"]
    with torch.no_grad():
        logits = network(torch.from_numpy(prepared.inputs(rows, ("image",))["image"]))
    logits, labels = logits.double().numpy(), prepared.labels[rows]
    nats = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(rows)), labels]
    for batch_size in (1, 3, 64):
        found = validate(network.train(), lesson(), batch_size)
        assert found["validation"] == (logits.argmax(axis=1) == labels).mean()
        assert found["validation_loss"] == pytest.approx(nats.mean(), rel=1e-5)


def test_a_loss_that_is_not_finite_is_told(
    tmp_path: Path, lesson: Callable[..., Lesson], small_network: Callable[..., nn.Module]
):
    wild = replace(QUICK, learning_rate=1e38, schedule="constant", warmup=0.0)
    with pytest.raises(RequestError) as caught:
        train(small_network(), lesson(), wild, key="k", path=tmp_path / "c")
    assert str(caught.value) == (
        "the training loss is nan in epoch 1; lower training.learning_rate, or set training.clip"
    )


def test_a_validation_loss_that_is_not_finite_is_told(
    tmp_path: Path, lesson: Callable[..., Lesson], small_network: Callable[..., nn.Module]
):
    # One step an epoch: its loss is taken before the weights are spoilt.
    wild = replace(QUICK, learning_rate=1e38, schedule="constant", warmup=0.0, batch_size=300)
    with pytest.raises(RequestError) as caught:
        train(small_network(), lesson(), wild, key="k", path=tmp_path / "c")
    assert str(caught.value) == (
        "the validation loss is nan in epoch 1; lower training.learning_rate, or set training.clip"
    )


def test_a_control_learns_from_labels_alone(
    tmp_path: Path, lesson: Callable[..., Lesson], small_network: Callable[..., nn.Module]
):
    control = lesson(as_objective(HardLabels()), Nothing())
    outcome = train(small_network(), control, QUICK, key="k", path=tmp_path / "c")
    assert outcome.curve[-1]["loss"] < outcome.curve[0]["loss"]


def test_a_probe_of_the_speed_takes_a_few_steps(
    lesson: Callable[..., Lesson], small_network: Callable[..., nn.Module]
):
    watching = watched(lesson())
    assert 0 < probe_seconds(small_network(), watching, QUICK, 2) < 5
    assert len(watching.knowledge.asked) == 3


def test_two_processes_learn_what_one_does(
    tmp_path: Path,
    lesson: Callable[..., Lesson],
    prepared: Prepared,
    store: Store,
    small_network: Callable[..., nn.Module],
):
    network = small_network()
    save_file(network.state_dict(), tmp_path / "begin")
    script = tmp_path / "script.py"
    script.write_text(TWO_PROCESSES)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    rows = Path(prepared.store.root).parent
    given = [script, rows, store.root, tmp_path / "begin", tmp_path]
    done = subprocess.run(
        [sys.executable, *launch, *given], capture_output=True, text=True, timeout=150
    )
    assert done.returncode == 0, done.stderr
    training = Training(epochs=3, batch_size=63, learning_rate=1e-3)
    outcome = train(network, lesson(), training, key="k", path=tmp_path / "one")
    state = {name: value.clone() for name, value in network.state_dict().items()}
    # Adam hardly sees how long a gradient is, so that is compared by itself.
    slopes: dict[str, Tensor] = {}
    worker = Worker.of(network, Training(clip=None))
    worker.optimizer.register_step_pre_hook(
        lambda *_: slopes.update({n: w.grad.clone() for n, w in network.named_parameters()})
    )
    worker.step(lesson(), lesson().rows()[:61])
    for process in (0, 1):
        found = load_file(tmp_path / f"{process}.safetensors")
        losses = found.pop("losses").tolist()
        assert losses == pytest.approx([point["loss"] for point in outcome.curve], rel=1e-5)
        for name, value in state.items():
            torch.testing.assert_close(found[name], value, rtol=0, atol=1e-5)
        for name, value in slopes.items():
            torch.testing.assert_close(found[f"slope.{name}"], value, rtol=1e-3, atol=1e-4)


def test_micro_batches_are_refused_where_rows_are_related(
    prepared: Prepared, small_network: Callable[..., nn.Module], tmp_path: Path
):
    lesson = Lesson(prepared, ("image",), Nothing(), as_objective(Correlations()))
    with pytest.raises(RequestError, match="accumulate is 2, but correlations relates the rows"):
        train(
            small_network(), lesson, Training(accumulate=2), key="k", path=tmp_path / "checkpoint"
        )
