"""One step: the loss that was asked for, over all rows of the batch, whatever they are cut into."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from torch import nn

from understudy.objectives import HardLabels, SoftLabels, as_objective
from understudy.store import Store
from understudy.tasks import Prepared
from understudy.training.knowledge import Nothing
from understudy.training.optimizer import optimizer_of
from understudy.training.settings import Training
from understudy.training.step import Lesson, Worker, tensors

BATCH = np.arange(0, 50)


@pytest.fixture
def half_labelled(prepared: Prepared) -> Prepared:
    labels = prepared.labels.copy()
    labels[::2] = -1
    return replace(prepared, labels=labels)


def reference(
    network: nn.Module, prepared: Prepared, store: Store, batch: np.ndarray
) -> tuple[float, float]:
    """Soft (T = 4, times T squared) and hard loss of a batch, in float64 numpy."""
    pixels = torch.from_numpy(prepared.inputs(batch, ("image",))["image"])
    with torch.no_grad():
        shown = network(pixels).numpy().astype(np.float64)
    said = np.asarray(store.read("logits", 0, 300))[batch].astype(np.float64)
    p, q = log_softmax(said / 4, axis=1), log_softmax(shown / 4, axis=1)
    soft = 16 * (np.exp(p) * (p - q)).sum(axis=1).mean()
    labels = prepared.labels[batch]
    there = labels >= 0
    plain = log_softmax(shown, axis=1)
    return soft, -plain[there, labels[there]].mean()


@pytest.mark.parametrize("accumulate", [1, 2, 5, 10])
def test_the_loss_is_that_of_the_formula_over_the_whole_batch(
    lesson: Callable[..., Lesson],
    half_labelled: Prepared,
    store: Store,
    small_network: Callable[..., nn.Module],
    accumulate: int,
):
    network = small_network()
    soft, hard = reference(network, half_labelled, store, BATCH)
    worker = Worker.of(network, Training(batch_size=50, accumulate=accumulate))
    loss = worker.step(lesson(rows=half_labelled), BATCH)
    assert float(loss) == pytest.approx(0.9 * soft + 0.1 * hard, rel=1e-5)


def test_micro_batches_give_the_gradient_of_the_whole_batch(
    lesson: Callable[..., Lesson], half_labelled: Prepared, small_network: Callable[..., nn.Module]
):
    found = []
    for accumulate in (1, 4):
        network = small_network()
        worker = Worker.of(network, Training(batch_size=52, accumulate=accumulate, clip=None))
        worker.optimizer.register_step_pre_hook(
            lambda optimizer, *_, network=network: found.append(
                [weight.grad.clone() for weight in network.parameters()]
            )
        )
        worker.step(lesson(rows=half_labelled), BATCH)
    for whole, parts in zip(*found, strict=True):
        torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-7)


def test_micro_batches_hold_every_row_once_and_are_never_empty(
    small_network: Callable[..., nn.Module],
):
    worker = Worker.of(small_network(), Training(batch_size=8, accumulate=4))
    for rows in (1, 3, 4, 5, 8):
        batch = np.arange(rows)
        parts = worker._micro_batches(batch, batch + 100)
        assert len(parts) == min(4, rows)
        assert all(len(part) for part, _ in parts)
        assert np.concatenate([part for part, _ in parts]).tolist() == batch.tolist()
        assert all((known == part + 100).all() for part, known in parts)


def test_rows_without_a_label_do_not_pull(
    lesson: Callable[..., Lesson], half_labelled: Prepared, small_network: Callable[..., nn.Module]
):
    labels_alone = as_objective(HardLabels())
    states = []
    for batch in (BATCH, BATCH[half_labelled.labels[BATCH] >= 0]):
        network = small_network()
        worker = Worker.of(network, Training())
        worker.step(lesson(labels_alone, Nothing(), half_labelled), batch)
        states.append(network.state_dict())
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name], rtol=1e-5, atol=1e-7)


def test_a_lesson_of_labels_alone_has_only_labelled_rows(
    lesson: Callable[..., Lesson], half_labelled: Prepared
):
    train = half_labelled.splits["train"]
    rows = lesson(as_objective(HardLabels()), Nothing(), half_labelled).rows()
    assert rows.tolist() == [row for row in train if row % 2]
    for objective in (as_objective(SoftLabels()), SoftLabels() + HardLabels()):
        assert lesson(objective, rows=half_labelled).rows().tolist() == train.tolist()


@pytest.mark.parametrize("clip", [None, 0.01])
def test_the_gradient_is_no_longer_than_the_clip(
    lesson: Callable[..., Lesson], small_network: Callable[..., nn.Module], clip: float | None
):
    network = small_network()
    worker = Worker.of(network, Training(clip=clip))
    lengths = []
    worker.optimizer.register_step_pre_hook(
        lambda *_: lengths.append(
            float(torch.cat([weight.grad.flatten() for weight in network.parameters()]).norm())
        )
    )
    worker.step(lesson(), BATCH)
    assert lengths[0] > 0.5 if clip is None else lengths[0] == pytest.approx(clip, rel=1e-3)
    assert all(weight.grad is None for weight in network.parameters())


def test_a_step_is_adamws_at_the_rate_that_was_set(
    lesson: Callable[..., Lesson], small_network: Callable[..., nn.Module]
):
    network = small_network()
    before = copy.deepcopy(network)
    worker = Worker.of(network, Training(learning_rate=0.5, weight_decay=0.2, clip=None))
    worker.set_rate(0.1)
    worker.step(lesson(), BATCH)
    # The first step of Adam moves every weight by the rate, against the sign of its gradient.
    for was, now in zip(before.parameters(), network.parameters(), strict=True):
        decay = 0.2 if was.ndim > 1 else 0.0
        moved = (was * (1 - 0.05 * decay) - now).abs()
        reached = moved > 1e-4  # units that no row excites have no gradient
        assert reached.any()
        torch.testing.assert_close(
            moved[reached], torch.full_like(moved[reached], 0.05), atol=1e-3, rtol=0.02
        )


def test_biases_norms_and_frozen_weights_are_not_decayed():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2), nn.Linear(2, 2))
    network[3].requires_grad_(False)
    groups = optimizer_of(network, Training(weight_decay=0.3)).param_groups
    held = {group["weight_decay"]: group["params"] for group in groups}
    assert [id(w) for w in held[0.3]] == [id(network[0].weight), id(network[2].weight)]
    assert {id(w) for w in held[0.0]} == {
        id(w) for w in (network[0].bias, network[1].weight, network[1].bias, network[2].bias)
    }


def test_bfloat16_computes_forward_and_keeps_weights_in_float32(
    lesson: Callable[..., Lesson], small_network: Callable[..., nn.Module]
):
    exact, rounded = small_network(), small_network()
    losses = [
        float(Worker.of(network, Training(precision=precision)).step(lesson(), BATCH))
        for network, precision in ((exact, "fp32"), (rounded, "bf16"))
    ]
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert all(weight.dtype == torch.float32 for weight in rounded.parameters())


def test_arrays_become_tensors_without_a_copy():
    array = np.ones((2, 3), np.float32)
    made = tensors({"image": array}, "cpu")
    array[0, 0] = 5
    assert made["image"][0, 0] == 5
