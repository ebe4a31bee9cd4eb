"""What a graph's outputs come to is what the networks make of them in torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from understudy.students.score_arrays import one_by_one, scores_from
from understudy.students.scoring import CosineScores, PairScores
from understudy.students.sentence import StaticEncoder


class FirstToken(nn.Module):
    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return ids[:, :1].float()


@pytest.mark.parametrize("apart", [False, True])
def test_scores_without_torch_are_those_of_the_network(apart: bool):
    torch.manual_seed(0)
    body = StaticEncoder(20, 4, normalise=False) if apart else FirstToken()
    network = (CosineScores if apart else PairScores)(body)
    ids = np.random.default_rng(0).integers(0, 20, (3, 5, 6))
    lists = {"ids": ids, "mask": np.ones_like(ids)}
    with torch.no_grad():
        wanted = network(*map(torch.from_numpy, lists.values())).numpy()
        outputs = body(*map(torch.from_numpy, one_by_one(lists).values())).numpy()
    found = scores_from(outputs, 3, apart)
    assert found.shape == ((3, 4) if apart else (3, 5))
    assert np.allclose(found, wanted, atol=1e-4)


def test_lists_become_rows_in_their_order():
    ids = np.arange(12).reshape(2, 3, 2)
    assert one_by_one({"ids": ids}, 4)["ids"].tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
