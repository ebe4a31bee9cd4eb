import torch

from understudy.students.text_cnn import TextCnn

IDS = torch.randint(1, 50, (3, 9), generator=torch.Generator().manual_seed(0))
MASK = torch.tensor([[1] * 9, [1] * 2 + [0] * 7, [0] * 9])


def test_padding_does_not_matter_even_behind_two_tokens():
    network = TextCnn(50, 4, width=8, filters=6).eval()
    for convolution in network.filters:
        torch.nn.init.constant_(convolution.bias, 1.0)  # so that zeros answer too
    together = network(IDS, MASK)
    torch.testing.assert_close(network(IDS[1:2, :2], MASK[1:2, :2]), together[1:2])
    torch.testing.assert_close(network(IDS.masked_fill(MASK == 0, 0), MASK), together)
    assert together.shape == (3, 4)
    assert together.isfinite().all()


def test_a_phrase_is_found_wherever_it_stands():
    network = TextCnn(50, 4, width=8, filters=6).eval()
    filler, phrase = [1] * 6, [7, 8, 9, 10, 11]
    early = torch.tensor([filler + phrase + filler + filler])
    late = torch.tensor([filler + filler + phrase + filler])
    torch.testing.assert_close(
        network(early, torch.ones_like(early)), network(late, torch.ones_like(late))
    )


def test_it_has_filters_of_three_four_and_five_tokens():
    network = TextCnn(50, 4, width=8, filters=6)
    assert [tuple(c.weight.shape) for c in network.filters] == [(6, 8, n) for n in (3, 4, 5)]
    network.start_from(torch.randn(50, 12))
    torch.testing.assert_close(network.embedding.weight.mean(0), torch.zeros(8), atol=1e-5, rtol=0)
