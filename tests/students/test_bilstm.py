import torch
from torch import nn

from understudy.students.bilstm import BiLstm

IDS = torch.randint(1, 50, (3, 9), generator=torch.Generator().manual_seed(0))
MASK = torch.tensor([[1] * 9, [1] * 2 + [0] * 7, [0] * 9])


def test_padding_does_not_matter_and_a_text_without_tokens_is_finite():
    network = BiLstm(50, 4, width=8, hidden=6).eval()
    together = network(IDS, MASK)
    torch.testing.assert_close(network(IDS[1:2, :2], MASK[1:2, :2]), together[1:2])
    torch.testing.assert_close(network(IDS.masked_fill(MASK == 0, 0), MASK), together)
    assert together.shape == (3, 4)
    assert together.isfinite().all()


def test_its_states_are_the_last_ones_of_torchs_own_two_way_lstm():
    network = BiLstm(50, 4, width=8, hidden=6).eval()
    theirs = nn.LSTM(8, 6, batch_first=True, bidirectional=True)
    theirs.load_state_dict(
        network.onwards.state_dict()
        | {f"{name}_reverse": value for name, value in network.backwards.state_dict().items()}
    )
    lengths = MASK[:2].sum(1)
    packed = nn.utils.rnn.pack_padded_sequence(
        network.embedding(IDS[:2]), lengths, batch_first=True, enforce_sorted=False
    )
    _, (last, _) = theirs(packed)
    expected = network.head(torch.cat([last[0], last[1]], 1))
    torch.testing.assert_close(network(IDS[:2], MASK[:2]), expected)


def test_it_starts_from_a_table():
    network = BiLstm(50, 4, width=8, hidden=6)
    network.start_from(torch.randn(50, 12))
    torch.testing.assert_close(network.embedding.weight.mean(0), torch.zeros(8), atol=1e-5, rtol=0)
