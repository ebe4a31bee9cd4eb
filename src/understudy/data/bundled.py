"""Small real data sets that come with scikit-learn: `sklearn:digits` and others."""

from __future__ import annotations

from typing import Any

import numpy as np

from understudy.data import fingerprint
from understudy.data.cells import Column
from understudy.data.rows import Rows
from understudy.errors import RequestError, did_you_mean

NAMES = ("digits", "breast_cancer", "wine", "iris", "diabetes")


def read(name: str) -> Rows:
    """The named data set: `image` [N, 8, 8] and `label` for digits, else one column a feature.

    Raises: RequestError for a name that scikit-learn does not bring along.
    """
    if name not in NAMES:
        raise RequestError(f"there is no data set 'sklearn:{name}'; {did_you_mean(name, NAMES)}")
    from sklearn import datasets

    # `diabetes` is scaled by default; its own units are what a user would have.
    options: dict[str, Any] = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(datasets, f"load_{name}")(**options)
    columns: dict[str, Column]
    if name == "digits":
        columns = {"image": bunch.images}
    else:
        columns = {
            str(feature): np.ascontiguousarray(values)
            for feature, values in zip(bunch.feature_names, bunch.data.T, strict=True)
        }
    if name == "diabetes":
        columns["target"], classes = bunch.target, None
    else:
        classes = tuple(str(title) for title in bunch.target_names)
        columns["label"] = np.array(classes, dtype=object)[bunch.target]
    return Rows(columns, f"sklearn:{name}", fingerprint.of_columns(columns), classes)
