import pytest
import torch

from understudy.errors import RequestError
from understudy.objectives import (
    OBJECTIVES,
    HardLabels,
    Objective,
    SoftLabels,
    Weighted,
    as_objective,
    is_joint,
)
from understudy.objectives.binary import HardBinaryLabels
from understudy.objectives.term import settled

ROW_BY_ROW = [
    kind()
    for kind in OBJECTIVES
    if set(kind().reads) <= {"logits"} and not is_joint(kind()) and kind is not HardBinaryLabels
]
"""Of one label a row; all others are put to the same in `test_laws.py`."""
OBJECTIVE = 0.9 * SoftLabels(temperature=4) + 0.1 * HardLabels()


def batch(rows: int = 12, classes: int = 5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    student, teacher = (torch.randn(rows, classes, generator=generator) for _ in range(2))
    labels = torch.randint(-1, classes, (rows,), generator=generator)
    return student, teacher, labels


def counts(labels: torch.Tensor) -> dict[str, int]:
    return {"rows": len(labels), "labelled": int((labels >= 0).sum())}


def test_terms_add_and_scale():
    assert [part.weight for part in OBJECTIVE.terms] == [0.9, 0.1]
    assert (2 * OBJECTIVE).terms[0].weight == 1.8
    assert as_objective(SoftLabels()).terms == (Weighted(SoftLabels(), 1.0),)
    assert (SoftLabels() + HardLabels()).terms[1] == Weighted(HardLabels(), 1.0)


def test_an_objective_is_the_weighted_sum_of_means_over_the_rows_each_term_reads():
    student, teacher, labels = batch()
    shown, said = {"logits": student}, {"logits": teacher}
    soft = SoftLabels(4).per_row(shown, said, labels).mean()
    hard = HardLabels().per_row(shown, said, labels)[labels >= 0].mean()
    found = OBJECTIVE.loss(shown, said, labels, **counts(labels))
    torch.testing.assert_close(found, 0.9 * soft + 0.1 * hard)


@pytest.mark.parametrize("term", ROW_BY_ROW)
def test_micro_batches_and_order_do_not_matter(term):
    student, teacher, labels = batch()
    objective = as_objective(term)

    def loss(rows):
        return objective.loss(
            {"logits": student[rows]}, {"logits": teacher[rows]}, labels[rows], **counts(labels)
        )

    whole = loss(slice(None))
    torch.testing.assert_close(loss(slice(5)) + loss(slice(5, None)), whole)
    torch.testing.assert_close(loss(torch.randperm(len(labels))), whole)


@pytest.mark.parametrize("term", ROW_BY_ROW)
def test_a_row_s_number_does_not_depend_on_its_neighbours(term):
    student, teacher, labels = batch()
    together = term.per_row({"logits": student}, {"logits": teacher}, labels)
    alone = term.per_row({"logits": student[3:4]}, {"logits": teacher[3:4]}, labels[3:4])
    torch.testing.assert_close(alone[0], together[3])


def test_a_batch_without_labels_has_a_finite_loss():
    student, teacher, labels = batch()
    none = torch.full_like(labels, -1)
    loss = OBJECTIVE.loss({"logits": student}, {"logits": teacher}, none, rows=12, labelled=0)
    assert torch.isfinite(loss)


def test_auto_must_be_settled_before_use():
    assert not as_objective(SoftLabels("auto")).is_settled
    assert OBJECTIVE.is_settled
    with pytest.raises(RequestError, match="still holds 'auto'"):
        settled("auto")


def test_an_empty_objective_and_a_negative_weight_are_refused():
    with pytest.raises(RequestError, match="it has no term"):
        Objective(())
    with pytest.raises(RequestError, match=r"the weight of HardLabels is -1; it must be 0 or more"):
        Weighted(HardLabels(), -1)
