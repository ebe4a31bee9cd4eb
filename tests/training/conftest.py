"""A teacher that knows the digits, what it said of them, and lessons made of both."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from understudy.objectives import HardLabels, Objective, SoftLabels
from understudy.store import Store
from understudy.tasks import Prepared
from understudy.teachers import NetworkTeacher
from understudy.teachers.teaching import teach
from understudy.training.knowledge import Knowledge, Stored
from understudy.training.step import Lesson

DEFAULT = 0.9 * SoftLabels(4.0) + 0.1 * HardLabels()


@pytest.fixture(scope="session")
def teacher(prepared: Prepared, small_network: Callable[..., nn.Module]) -> NetworkTeacher:
    """Trained in a plain loop on the labels until it is right on nearly all training rows."""
    network = small_network(7, "mlp-32")
    rows = prepared.splits["train"]
    pixels = torch.from_numpy(prepared.inputs(rows, ("image",))["image"])
    labels = torch.from_numpy(prepared.labels[rows])
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(40):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(pixels), labels).backward()
        optimizer.step()
    return NetworkTeacher(network, prepared.facts.classes)


@pytest.fixture(scope="session")
def store(
    teacher: NetworkTeacher, prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Store:
    """What the teacher says of every row, in five shards."""
    root = tmp_path_factory.mktemp("knowledge") / "store"
    return teach(teacher, prepared, ("image",), root, rows_per_shard=60)


@pytest.fixture
def lesson(prepared: Prepared, store: Store) -> Callable[..., Lesson]:
    """Makes a lesson on the digits, from stored knowledge unless told otherwise."""

    def make(
        objective: Objective = DEFAULT,
        knowledge: Knowledge | None = None,
        rows: Prepared = prepared,
    ) -> Lesson:
        said = knowledge or Stored(store, frozenset({"logits"}))
        return Lesson(rows, ("image",), said, objective)

    return make
