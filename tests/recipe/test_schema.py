from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from understudy.errors import RequestError
from understudy.recipe.schema import Ensembled, Evaluation, Given, Knowledge, Trained


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: Given("m", mean=(1.0,)),
            "teacher.mean and teacher.std go together; give both or neither",
        ),
        (
            lambda: Given("m", mean=(1.0,), std=(1.0, 2.0)),
            "teacher.std has 2 numbers and teacher.mean 1; give one a channel in both",
        ),
        (
            lambda: Given("m", mean=(1.0,), std=(0.0,)),
            "teacher.std is [0.0]; each must be above 0",
        ),
        (lambda: Trained("m", dropout=1.0), "teacher.dropout is 1.0; it must lie in [0, 1)"),
        (lambda: Ensembled(("a",)), "teacher.ensemble needs at least two teachers"),
        (
            lambda: Ensembled(("a", "b"), (1.0,)),
            "teacher.weights has 1 numbers for 2 teachers; give one each",
        ),
        (
            lambda: Ensembled(("a", "b"), (1.0, 0.0)),
            "teacher.weights is [1.0, 0.0]; each must be above 0",
        ),
        (
            lambda: Knowledge(budget_bytes=-1),
            "knowledge.budget_bytes is -1; it must be 0 or more",
        ),
        (lambda: Evaluation(resamples=0), "evaluation.resamples is 0; it must be 1 or more"),
        (lambda: Evaluation(threads=0), "evaluation.threads is 0; it must be 1 or more"),
        (lambda: Evaluation(seconds=0.0), "evaluation.seconds is 0.0; it must be above 0"),
        (
            lambda: Evaluation(price_per_hour=-1.0),
            "evaluation.price_per_hour is -1.0; it must be 0 or more",
        ),
    ],
)
def test_what_cannot_be_is_refused_at_birth(make: Callable[[], object], sentence: str):
    with pytest.raises(RequestError) as caught:
        make()
    assert str(caught.value) == sentence


def test_asking_needs_neither_torch_nor_numpy():
    code = (
        "import sys, understudy.recipe.reading, understudy.recipe.bundled, "
        "understudy.recipe.writing, understudy.recipe.looking; "
        "print(sorted({'torch', 'numpy', 'pandas', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
