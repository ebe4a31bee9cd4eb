"""Heads that begin with how often each class occurs."""

import numpy as np
import pytest
import torch
from torch import nn

from understudy.students.bilstm import BiLstm
from understudy.students.rates import RAREST, rates_of, start_at_rates
from understudy.students.sentence import preset_encoder
from understudy.students.sentence_classifier import SentenceClassifier
from understudy.students.static import Static

RATES = np.array([0.5, 0.1, 0.01])


def test_rates_are_those_of_rows_with_labels():
    marks = np.array([[1, 0, 0], [1, 1, 0], [-1, -1, -1], [1, 0, 0], [0, 0, 0]], dtype=np.int8)
    assert rates_of(marks).tolist() == [0.75, 0.25, RAREST]


@pytest.mark.parametrize("kind", ["static", "bilstm", "encoder"])
def test_a_head_without_features_answers_the_rates(kind):
    torch.manual_seed(0)
    body: nn.Module = {
        "static": lambda: Static(50, 3, 8, 4),
        "bilstm": lambda: BiLstm(50, 3),
        "encoder": lambda: SentenceClassifier(preset_encoder("tiny", 50, 8, None), 3),
    }[kind]()
    start_at_rates(body, RATES)
    heads = [part for part in body.modules() if isinstance(part, nn.Linear)]
    with torch.no_grad():
        heads[-1].weight.zero_()
    ids = torch.tensor([[3, 4, 5]])
    said = body.eval()(ids, torch.ones_like(ids)).sigmoid()
    np.testing.assert_allclose(said.detach().numpy()[0], RATES, rtol=1e-5)


def test_a_network_without_such_a_head_stays_as_it_is():
    body = nn.Sequential(nn.Linear(4, 5))
    before = body[0].bias.clone()
    start_at_rates(body, RATES)
    assert torch.equal(body[0].bias, before)
