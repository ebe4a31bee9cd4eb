"""Sparse knowledge, against references written here in plain float64 numpy."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from understudy.objectives import SampledLabels, SparseLabels, forward_kl
from understudy.objectives.sparse import sampled_cross_entropy, sparse_kl


def top(teacher, kept):
    said = torch.log_softmax(torch.as_tensor(teacher), dim=-1).topk(kept, dim=-1)
    return said.indices, said.values


@pytest.mark.parametrize(("classes", "kept"), [(5, 2), (5, 1), (30, 7), (2, 1)])
def test_sparse_kl(pair, softmax, agree, classes, kept):
    student, teacher = pair(classes=classes)
    ids, said = top(teacher, kept)

    def reference(shown):
        values = []
        for p, q, chosen in zip(softmax(shown), softmax(teacher), ids.numpy(), strict=True):
            p, q = (
                np.append(p[chosen], 1 - p[chosen].sum()),
                np.append(q[chosen], 1 - q[chosen].sum()),
            )
            values.append((q * np.log(q / p)).sum())
        return np.array(values)

    agree(lambda shown: sparse_kl(shown, ids, said), reference, student)


def test_sparse_kl_is_below_the_whole_and_equal_to_it_once_all_is_kept(pair):
    student, teacher = (torch.tensor(table) for table in pair(classes=12))
    whole = forward_kl(student, teacher)
    found = [sparse_kl(student, *top(teacher, kept)) for kept in (1, 4, 11, 12)]
    for less, more in pairwise(found):
        assert (less <= more + 1e-6).all()
    torch.testing.assert_close(found[-1], whole, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found[-2], whole)


def test_zero_and_no_gradient_where_the_student_gives_the_kept_classes_their_probabilities(pair):
    _, teacher = (torch.tensor(table) for table in pair(classes=12))
    shown = (teacher + 3).requires_grad_()
    value = sparse_kl(shown, *top(teacher, 4))
    value.sum().backward()
    assert value.abs().max() < 1e-12
    assert shown.grad.abs().max() < 1e-12


def test_mass_outside_the_kept_classes_is_seen():
    """A loss of renormalised probabilities would be 0 here."""
    teacher = torch.tensor([[10.0, 9.0, 0.0, 0.0]])
    student = torch.tensor([[10.0, 9.0, 25.0, 0.0]])
    assert float(sparse_kl(student, *top(teacher, 2))) > 14


@pytest.mark.parametrize("excess", [0.0, 1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_kept_mass_of_one_and_more_is_finite(excess, dtype):
    """Half-precision rounding can lift the kept mass above 1."""
    kept = torch.tensor([[0.7 + excess, 0.2, 0.1]]).log().to(dtype)
    ids = torch.tensor([[3, 1, 0]])
    for student in (torch.zeros(1, 6), torch.tensor([[0.0, 30.0, -60.0, 90.0, 0.0, 0.0]])):
        student.requires_grad_()
        value = sparse_kl(student, ids, kept)
        value.sum().backward()
        assert torch.isfinite(value).all()
        assert value.item() > -0.02
        assert torch.isfinite(student.grad).all()


def test_padding_and_classes_that_are_ruled_out_change_nothing(pair):
    student, teacher = (torch.tensor(table) for table in pair(classes=12))
    ids, said = top(teacher, 4)
    padded_ids = torch.cat([ids, torch.full((6, 2), -1)], dim=1)
    for filler in (0.0, -torch.inf):
        padded = torch.cat([said, torch.full((6, 2), filler, dtype=said.dtype)], dim=1)
        torch.testing.assert_close(
            sparse_kl(student, padded_ids, padded), sparse_kl(student, ids, said)
        )
    shown = student.clone().requires_grad_()
    sparse_kl(shown, padded_ids, padded).sum().backward()
    assert torch.isfinite(shown.grad).all()


def test_nothing_kept_teaches_nothing():
    student = torch.randn(2, 5, requires_grad=True)
    value = sparse_kl(student, torch.full((2, 3), -1), torch.zeros(2, 3))
    value.sum().backward()
    assert value.abs().max().item() == 0.0
    assert float(student.grad.abs().max()) == 0.0


def test_sampled_cross_entropy(pair, softmax, agree):
    student, _ = pair()
    ids = np.array([[0, 2, 4], [1, 0, 0], [3, 1, -1], [4, 0, 2], [2, 3, 1], [0, 1, 2]])
    counts = np.array([[30, 15, 5], [50, 0, 0], [49, 1, 0], [20, 20, 10], [1, 1, 1], [9, 1, 2]])

    def reference(shown):
        logs = np.log(softmax(shown))
        return np.array(
            [
                -sum(c * row[i] for i, c in zip(at, count, strict=True)) / count.sum()
                for row, at, count in zip(logs, ids, counts, strict=True)
            ]
        )

    agree(
        lambda shown: sampled_cross_entropy(shown, torch.tensor(ids), torch.tensor(counts)),
        reference,
        student,
    )


def test_sampling_is_not_biased():
    """Over many draws the gradient is q's, p - q, where keeping the likeliest classes is not."""
    generator = torch.Generator().manual_seed(0)
    teacher, student = 2 * torch.randn(2, 8, generator=generator)
    draws = torch.multinomial(teacher.softmax(-1), 50 * 4000, True, generator=generator)
    shown = student.repeat(4000, 1).requires_grad_()
    counts = torch.ones(4000, 50, dtype=torch.uint8)
    sampled_cross_entropy(shown, draws.reshape(4000, 50), counts).sum().backward()
    wanted = student.softmax(-1) - teacher.softmax(-1)
    torch.testing.assert_close(shown.grad.mean(0), wanted, atol=3e-3, rtol=0)


def test_a_row_without_draws_counts_nothing():
    student = torch.randn(1, 4, requires_grad=True)
    value = sampled_cross_entropy(student, torch.full((1, 3), -1), torch.zeros(1, 3))
    value.sum().backward()
    assert value.item() == 0.0
    assert float(student.grad.abs().max()) == 0.0


def test_choices_read_the_columns_that_a_store_holds(pair):
    student, teacher = (torch.tensor(table, dtype=torch.float32) for table in pair(classes=12))
    ids, said = top(teacher, 4)
    shown, none = {"logits": student}, torch.full((6,), -1)
    packed = {"top_ids": ids.to(torch.uint16), "top_log_probabilities": said.half()}
    torch.testing.assert_close(
        SparseLabels().per_row(shown, packed, none),
        sparse_kl(student, ids, said),
        rtol=0,
        atol=0.01,
    )
    counts = torch.tensor([[30, 10, 5, 5]]).expand(6, 4)
    drawn = {"sampled_ids": ids.to(torch.int32), "sampled_counts": counts.to(torch.uint8)}
    torch.testing.assert_close(
        SampledLabels().per_row(shown, drawn, none), sampled_cross_entropy(student, ids, counts)
    )
