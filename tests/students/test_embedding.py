import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn

from understudy.students.embedding import fill, principal, rareness


def test_the_main_directions_are_those_of_an_independent_pca():
    table = torch.randn(200, 12) @ torch.randn(12, 12) + 3.0
    found = principal(table, 4)
    theirs = PCA(4, svd_solver="full").fit_transform(table.double().numpy())
    theirs = theirs / np.sqrt(np.square(theirs).mean())
    assert np.allclose(np.abs(found.numpy()), np.abs(theirs), atol=1e-5)
    torch.testing.assert_close(found.square().mean(), torch.tensor(1.0))


def test_the_signs_do_not_hang_on_how_the_directions_were_found():
    table = torch.randn(50, 6)
    mirrored = principal(table, 3)
    assert torch.allclose(principal(torch.cat([table, table]), 3)[:50], mirrored, atol=1e-5)


def test_a_narrow_table_fills_what_it_can_and_leaves_the_rest():
    embedding = nn.Embedding(10, 8)
    before = embedding.weight.detach().clone()
    fill(embedding, torch.randn(10, 5))
    assert torch.equal(embedding.weight[:, 5:], before[:, 5:])
    assert not torch.isclose(embedding.weight[:, :5], before[:, :5]).all()


def test_frequent_tokens_weigh_little_and_unseen_ones_one():
    weights = rareness(np.array([0, 1, 999]))
    expected = [1.0, 0.001 / (0.001 + 0.001), 0.001 / (0.001 + 0.999)]
    torch.testing.assert_close(weights, torch.tensor(expected))
    assert rareness(np.zeros(3)).tolist() == [1.0, 1.0, 1.0]
