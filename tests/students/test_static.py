import pytest
import torch

from understudy.students.static import Static

IDS = torch.randint(1, 50, (3, 7), generator=torch.Generator().manual_seed(0))
MASK = torch.tensor([[1] * 7, [1] * 3 + [0] * 4, [0] * 7])


@pytest.mark.parametrize("hidden", [0, 16])
def test_padding_does_not_matter_and_a_text_without_tokens_is_finite(hidden: int):
    network = Static(50, 4, width=8, hidden=hidden).eval()
    together = network(IDS, MASK)
    assert together.shape == (3, 4)
    torch.testing.assert_close(network(IDS[1:2, :3], MASK[1:2, :3]), together[1:2])
    torch.testing.assert_close(network(IDS.masked_fill(MASK == 0, 0), MASK), together)
    assert together.isfinite().all()


def test_it_is_the_weighted_mean_of_its_tokens():
    network = Static(50, 4, width=8, hidden=0)
    with torch.no_grad():
        network.weights.copy_(torch.arange(50.0).unsqueeze(1))
    ids = torch.tensor([[3, 5]])
    mean = (3 * network.embedding.weight[3] + 5 * network.embedding.weight[5]) / 2
    expected = network.head(network.normalise(mean)).unsqueeze(0)
    torch.testing.assert_close(network(ids, torch.ones_like(ids)), expected)


def test_its_order_of_words_is_not_read_and_hidden_zero_is_one_linear_map():
    network = Static(50, 4, width=8, hidden=0)
    torch.testing.assert_close(network(IDS.flip(1), MASK)[:1], network(IDS, MASK)[:1])
    assert sum(weight.numel() for weight in network.parameters()) == 50 * 9 + 16 + 8 * 4 + 4


def test_it_starts_from_a_table_and_counts():
    network = Static(50, 4, width=8)
    network.start_from(torch.randn(50, 12), torch.arange(50))
    assert network.weights[0] == 1.0
    assert network.weights.detach().squeeze().diff().lt(0).all()
    torch.testing.assert_close(network.embedding.weight.mean(0), torch.zeros(8), atol=1e-5, rtol=0)
