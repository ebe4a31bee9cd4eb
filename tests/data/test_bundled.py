from __future__ import annotations

import numpy as np
import pytest

from understudy.data import bundled
from understudy.errors import RequestError


def test_digits_are_images_with_classes_in_order() -> None:
    rows = bundled.read("digits")
    assert rows.columns["image"].shape == (1797, 8, 8)
    assert rows.classes == tuple("0123456789")
    assert list(rows.columns["label"][:3]) == ["0", "1", "2"]
    assert rows.fingerprint == bundled.read("digits").fingerprint


@pytest.mark.parametrize(("name", "size"), [("breast_cancer", 569), ("wine", 178), ("iris", 150)])
def test_tables_have_a_column_a_feature(name: str, size: int) -> None:
    rows = bundled.read(name)
    assert len(rows) == size
    assert set(rows.columns["label"]) == set(rows.classes or ())
    assert all(np.issubdtype(rows.columns[key].dtype, np.floating) for key in [*rows.columns][:-1])


def test_diabetes_has_a_target_and_its_own_units() -> None:
    rows = bundled.read("diabetes")
    assert rows.classes is None
    assert rows.columns["age"].max() > 50
    assert len(np.unique(rows.columns["target"])) > 100


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(RequestError, match=r"no data set 'sklearn:digit'; did you mean 'digits'\?"):
        bundled.read("digit")
