"""Labels as numbers: class 0, 1, 2 ... in a fixed order, -1 for none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.data.cells import Column
from understudy.errors import RequestError, did_you_mean

IntArray = NDArray[np.integer[Any]]

INTEGER = re.compile(r"-?\d+")
UNLABELLED = -1


def encode(
    labels: Column, classes: Sequence[str] | None = None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The class number of each label, and the names of the classes in the order of the numbers.

    Without `classes` they are sorted: integers by value, False before True, texts by character.
    Integers name classes by their digits where every class is called by an integer, and are
    positions in `classes` otherwise. None, NaN, blank text and the number -1
    (unless a class is called so) are no label.

    Shapes: [N] -> int64 [N].
    Raises: RequestError for labels outside `classes`, numbers that are no classes, and fewer than
    two classes.
    """
    keys = _keys(labels)
    if classes is None or str(UNLABELLED) not in classes:
        keys = [None if key == UNLABELLED else key for key in keys]
    found: set[str | int] = {key for key in keys if key is not None}
    if classes is None:
        names, numbers = _sorted(found, keys, np.asarray(labels))
    else:
        names = tuple(classes)
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise RequestError(f"data.classes names '{twice}' twice")
        numbers = _numbers(found, names)
    if len(names) < 2:
        told = f"one class only ('{names[0]}')" if names else "no label at all"
        raise RequestError(f"the labels hold {told}; a classifier needs at least two classes")
    get = numbers.get
    encoded = (UNLABELLED if key is None else get(key, UNLABELLED) for key in keys)
    return np.fromiter(encoded, dtype=np.int64, count=len(keys)), names


def has_label(labels: IntArray) -> NDArray[np.bool_]:
    """Which rows have a label, or a set of labels. Shapes: [N] or [N, C] -> [N]."""
    return np.asarray(labels >= 0 if labels.ndim == 1 else (labels >= 0).all(axis=1))


def _sorted(
    found: set[str | int], keys: list[str | int | None], labels: NDArray[Any]
) -> tuple[tuple[str, ...], dict[str | int, int]]:
    """The classes that are there, in order, and the number of each."""
    if len({type(key) for key in found}) > 1:
        raise RequestError("the labels mix numbers and texts; write all of them the same way")
    if found == {1} and bool((labels == UNLABELLED).any()):
        raise RequestError(
            "the labels are -1 and 1, and -1 means 'no label'; write 0 for the one and 1 for the "
            "other class"
        )
    ordered = sorted(found, key=lambda key: (isinstance(key, str), key))
    return tuple(map(str, ordered)), {key: number for number, key in enumerate(ordered)}


def _numbers(found: set[str | int], names: tuple[str, ...]) -> dict[str | int, int]:
    """The class number of each label found, as the given classes say."""
    numbers: dict[str | int, int] = {name: number for number, name in enumerate(names)}
    if all(INTEGER.fullmatch(name) for name in names):
        numbers |= {int(name): number for number, name in enumerate(names)}
    else:
        numbers |= {number: number for number in range(len(names))}
    unknown = sorted((key for key in found if key not in numbers), key=str)
    if unknown:
        raise RequestError(
            f"the label '{unknown[0]}' is not among the {len(names)} classes"
            f"{f', nor are {len(unknown) - 1} others' if len(unknown) > 1 else ''}; "
            f"{did_you_mean(str(unknown[0]), names)}"
        )
    return numbers


def _keys(labels: Column) -> list[str | int | None]:
    """Each label as a text or an integer; None where there is none."""
    array = labels if isinstance(labels, np.ndarray) else None
    if array is not None and array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array is not None and array.ndim != 1:
        raise RequestError(
            f"labels of shape {list(array.shape)} are not one class a row; where they are one-hot, "
            "give their argmax over the last axis"
        )
    if array is None or array.dtype.kind not in "biuf":
        return [_key(value) for value in labels]
    if array.dtype.kind == "b":
        return [str(value) for value in array.tolist()]
    if array.dtype.kind == "f":
        there = array[~np.isnan(array)]
        broken = there[there != np.rint(there)]
        if len(broken) or np.isinf(there).any():
            value = broken[0] if len(broken) else "infinity"
            raise RequestError(
                f"the label {value} is no class but a measurement; is it the right column?"
            )
        return [None if value != value else int(value) for value in array.tolist()]
    return list(array.tolist())


def _key(value: Any) -> str | int | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, list | tuple | set | frozenset | dict | np.ndarray):
        raise RequestError(
            f"the label {value} is several in one; where a row may have several labels, set "
            "task: text-multilabel"
        )
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, float | np.floating) and (value != value or value == int(value)):
        return None if value != value else int(value)
    if isinstance(value, int | np.integer):
        return int(value)
    return str(value)
