import numpy as np
import torch

from understudy.objectives.probabilities import (
    log_probabilities,
    relative_entropy,
    widened,
)


def test_half_precision_is_widened_and_float64_is_kept():
    for given, wanted in ((torch.float16, torch.float32), (torch.bfloat16, torch.float32)):
        assert widened(torch.zeros(1, dtype=given)).dtype == wanted
    assert widened(torch.zeros(1, dtype=torch.float64)).dtype == torch.float64


def test_log_probabilities_equal_the_reference(pair, softmax, agree):
    logits, _ = pair()
    agree(
        lambda shown: log_probabilities(shown, temperature=3.0)[..., 0],
        lambda shown: np.log(softmax(shown, 3.0))[..., 0],
        logits,
    )


def test_relative_entropy_equals_the_reference(pair, softmax, agree):
    student, teacher = pair()
    said = np.log(softmax(teacher))

    def reference(shown):
        return (softmax(teacher) * (said - np.log(softmax(shown)))).sum(axis=-1)

    agree(
        lambda shown: relative_entropy(torch.tensor(said), log_probabilities(shown)),
        reference,
        student,
    )


def test_a_class_that_both_rule_out_changes_neither_value_nor_gradient():
    student, teacher = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0))
    never = torch.full((4, 1), -torch.inf)
    found = []
    for tail in (torch.empty(4, 0), never):
        shown = torch.cat([student, tail], dim=1).requires_grad_()
        said = log_probabilities(torch.cat([teacher, tail], dim=1))
        value = relative_entropy(said, log_probabilities(shown))
        value.sum().backward()
        found.append((value.detach(), shown.grad[:, :5]))
        assert torch.isfinite(shown.grad).all()
    torch.testing.assert_close(found[0], found[1])
