from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.data.splits import split
from understudy.errors import RequestError

SHARES = {"train": 0.7, "test": 0.2, "validation": 0.1}


def test_shares_are_met_in_every_class() -> None:
    labels = np.repeat([0, 1, 2], [100, 50, 30])
    parts = split(labels, SHARES, seed=0)
    for part, share in SHARES.items():
        assert np.bincount(labels[parts[part]]).tolist() == [
            round(share * rows) for rows in (100, 50, 30)
        ]


def test_the_seed_decides() -> None:
    labels = np.arange(100) % 4
    first, again, other = (split(labels, SHARES, seed)["test"].tolist() for seed in (1, 1, 2))
    assert first == again != other


@settings(max_examples=60, deadline=None)
@given(
    labels=st.lists(st.integers(-1, 3), min_size=30, max_size=80),
    copies=st.integers(1, 60),
    seed=st.integers(0, 5),
)
def test_laws(labels: list[int], copies: int, seed: int) -> None:
    """Every row once, sorted; groups whole; unlabelled groups in train; each class everywhere."""
    found = np.array([0] * 8 + labels)
    groups = np.concatenate([np.arange(1000, 1008), np.arange(len(labels)) % copies])
    parts = split(found, SHARES, seed, groups)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(found)))
    of_groups = [set(groups[rows].tolist()) for rows in parts.values()]
    assert not (of_groups[0] & of_groups[1] or of_groups[0] & of_groups[2])
    assert not of_groups[1] & of_groups[2]
    assert all((np.diff(rows) > 0).all() for rows in parts.values())
    for group in np.unique(groups[~np.isin(groups, groups[found >= 0])]):
        assert group in of_groups[0]
    if copies >= len(labels):
        for number in range(4):
            if (found == number).sum() >= 3:
                assert all((found[rows] == number).any() for rows in parts.values())


def test_a_rare_class_goes_to_train_first() -> None:
    labels = np.array([0] * 20 + [1] + [2] * 2)
    parts = split(labels, SHARES, seed=3)
    assert 20 in parts["train"]
    assert {21, 22} & set(parts["train"].tolist())
    assert {21, 22} & set(parts["test"].tolist())


def test_rows_without_a_label_go_to_train() -> None:
    labels = np.array([-1] * 50 + [0, 1] * 20)
    parts = split(labels, SHARES, seed=0)
    assert set(range(50)) <= set(parts["train"].tolist())


def test_everything_in_one_part() -> None:
    assert split(np.array([0, 1, -1]), {"train": 1.0}, seed=0)["train"].tolist() == [0, 1, 2]


def test_an_empty_split_is_told() -> None:
    with pytest.raises(
        RequestError, match=r"empty split: no row is left for 'validation' \(4 rows"
    ):
        split(np.array([0, 0, 1, 1]), SHARES, seed=0)
    with pytest.raises(RequestError, match=r"empty split.*'test' .*0 with a label"):
        split(np.full(9, -1), SHARES, seed=0)
    with pytest.raises(RequestError, match="1 of them different"):
        split(np.zeros(9, dtype=np.int64), SHARES, seed=0, groups=np.zeros(9))


def test_shares_that_are_none_are_told() -> None:
    with pytest.raises(RequestError, match=r"sum to 1, not train 0\.7, test 0\.7"):
        split(np.array([0, 1]), {"train": 0.7, "test": 0.7}, seed=0)
