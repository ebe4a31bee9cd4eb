"""What a fitted estimator holds, as one number: equal after saving, loading and being used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import chain
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import Any

import numpy as np

IDLE = frozenset({"_stop_words_id", "_sklearn_version", "memory", "n_jobs", "verbose"})
"""Attributes that do not decide answers: an address, a version, a folder, how it is computed."""


def fitted_digest(estimator: Any) -> str:
    """SHA-256 over the types, parameters and arrays of an object, however deep they lie.

    Neither order of insertion, nor addresses, nor padding bytes of records count.
    """
    return _digest(estimator, ()).hex()


def _digest(value: Any, above: tuple[int, ...]) -> bytes:
    """SHA-256 of one value; `above` are the objects that it lies in, which may come round again."""
    if id(value) in above:
        return b"above"
    made = hashlib.sha256(_kind(value).encode())
    for part in _parts(value):
        made.update(part if isinstance(part, bytes) else _digest(part, (*above, id(value))))
    if isinstance(value, set | frozenset | Mapping):
        inner = [_digest(part, (*above, id(value))) for part in _members(value)]
        made.update(b"".join(sorted(inner)))
    return made.digest()


def _kind(value: Any) -> str:
    """The type, in words that no process and no folder changes."""
    kind = value if isinstance(value, type) else type(value)
    return f"{kind.__module__}.{kind.__qualname__} {isinstance(value, type)}"


def _members(value: Any) -> Iterator[Any]:
    """What a set or mapping holds, in no order."""
    return iter(value.items() if isinstance(value, Mapping) else value)


def _parts(value: Any) -> Iterator[Any]:
    """What a value is made of, in order: bytes, or values to look into."""
    from scipy.sparse import issparse

    if value is None or isinstance(value, bool | int | float | complex | str | bytes | slice):
        yield repr(value).encode()
    elif isinstance(value, np.dtype):
        yield str(value).encode()
    elif isinstance(value, np.ndarray | np.generic):
        yield from _of_array(np.asarray(value))
    elif issparse(value):
        plain = value.tocsr(copy=True)
        plain.sum_duplicates()
        yield from (plain.shape, plain.data, plain.indices.astype(np.int64), plain.indptr.tolist())
    elif isinstance(value, list | tuple):
        yield from value
    elif isinstance(value, FunctionType):
        yield from (value.__qualname__, value.__code__, value.__defaults__, value.__kwdefaults__)
    elif isinstance(value, CodeType):
        yield from (value.co_code, value.co_consts, value.co_names)
    elif isinstance(value, np.ufunc | BuiltinFunctionType):
        yield value.__name__.encode()
    elif not isinstance(value, type | set | frozenset | Mapping):
        yield from _of_object(value)


def _of_array(array: np.ndarray[Any, Any]) -> Iterator[Any]:
    yield f"{array.dtype} {array.shape}".encode()
    if array.dtype.names:  # between the fields of a record lie bytes that nobody set
        yield from (array[name] for name in array.dtype.names)
    elif array.dtype.hasobject:
        yield from array.ravel().tolist()
    else:
        yield np.ascontiguousarray(array).tobytes()


def _of_object(value: Any) -> Iterator[Any]:
    """Its attributes; compiled objects have none, and say how they would be made again."""
    if hasattr(value, "__dict__"):
        yield {name: part for name, part in vars(value).items() if name not in IDLE}
    else:
        made = value.__reduce_ex__(2)
        yield from chain(made[1:3] if not isinstance(made, str) else [made])
