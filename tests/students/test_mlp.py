import torch

from understudy.students.mlp import Mlp


def test_the_hidden_widths_are_those_that_were_asked_for():
    network = Mlp((28, 28, 1), 10, (800, 800))
    assert (
        sum(weight.numel() for weight in network.parameters()) == 784 * 800 + 800 + 640_800 + 8_010
    )
    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
