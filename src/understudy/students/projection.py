"""From a teacher's vectors to fewer dimensions, or to other axes: fitted once, kept in one file."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from understudy.errors import RequestError
from understudy.files import replace_atomically

FORMAT = "understudy.projection.1"
"""The key of the file's one piece of metadata, the digest: several would be in no fixed order."""


@dataclass(frozen=True)
class Projection:
    """Orthonormal directions in a teacher's space, along which a student's vectors are measured.

    Shapes: directions [D, K], float32; shares [K], the part of the squared length of the vectors it
    was fitted on that lies along each direction.
    """

    directions: Tensor
    shares: Tensor

    @classmethod
    def leading(cls, of: int, dimensions: int) -> Projection:
        """The first `dimensions` of a teacher's own `of`, as they are; its shares are unknown."""
        return cls(torch.eye(of)[:, :dimensions].contiguous(), torch.full((dimensions,), torch.nan))

    @property
    def dimensions(self) -> int:
        """K, the numbers of a projected vector."""
        return self.directions.shape[1]

    @property
    def kept(self) -> float | None:
        """The share of squared length that all directions together keep; None where unknown."""
        total = float(self.shares.double().sum())
        return None if np.isnan(total) else min(1.0, total)

    @property
    def digest(self) -> str:
        """The SHA-256 of its shapes and numbers."""
        digest = hashlib.sha256(str((*self.directions.shape,)).encode())
        for each in (self.directions, self.shares):
            digest.update(each.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def along(self, vectors: Tensor) -> Tensor:
        """The vectors along the directions. Shapes: [..., D] -> [..., K]."""
        return vectors @ self.directions.to(vectors.device, vectors.dtype)

    def of(self, vectors: Tensor) -> Tensor:
        """The same, brought to length one; a vector of length zero stays. [..., D] -> [..., K]."""
        return nn.functional.normalize(self.along(vectors), dim=-1)

    def of_array(self, vectors: Any) -> NDArray[np.float32]:
        """The same of an array.

        Raises: RequestError where the vectors are not the teacher's: not [N, D], or not finite.
        """
        given = np.asarray(vectors, dtype=np.float32)
        wide = self.directions.shape[0]
        if given.ndim != 2 or given.shape[1] != wide:
            raise RequestError(
                f"these vectors have the shape {list(given.shape)}; the teacher's have the shape "
                f"[texts, {wide}]"
            )
        if not np.isfinite(given).all():
            raise RequestError("some of these vectors are NaN or infinite; give finite ones")
        projected: NDArray[np.float32] = self.of(torch.from_numpy(given)).numpy()
        return projected

    def save(self, path: Path) -> None:
        """Write it, whole or not at all, with the hash of its numbers."""
        from safetensors.torch import save_file

        held = {"directions": self.directions.contiguous(), "shares": self.shares.contiguous()}
        replace_atomically(path, lambda file: save_file(held, str(file), {FORMAT: self.digest}))


def read_projection(path: Path) -> Projection:
    """The projection in a file.

    Raises: RequestError where it is missing, cannot be read, or its numbers are not those that were
    saved.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            told = file.metadata() or {}
            found = Projection(file.get_tensor("directions"), file.get_tensor("shares"))
    except (OSError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RequestError(f"the projection in '{path}' cannot be read: {reason}") from error
    if told.get(FORMAT) != found.digest:
        raise RequestError(
            f"the projection in '{path}' is damaged: its numbers are not those that were saved; "
            "delete it and run the same command, which fits it again"
        )
    return found


def fitted(
    blocks: Iterable[NDArray[Any]], dimensions: int, lengths: Sequence[int] | None = None
) -> Projection:
    """Directions of the leading principal space of vectors about the origin, without centring them.

    Each vector counts with length one, since it is compared by its direction. The sums are of
    float64, block after block; the largest entry of each component is above zero, so that the same
    vectors give the same directions. As many directions as the space has are a rotation, which
    changes no cosine; centring would.

    With `lengths` the first directions, so many of them, span the leading space of that number each
    time, and between two lengths, and within the whole where none is named, the components are
    turned so that each number carries about as much as the others: a student whose numbers are
    learnt one by one comes nearer so. Without, they are the components, the largest first.
    Shapes: blocks of [N, D] -> directions [D, dimensions].
    Raises: RequestError where there are fewer vectors than dimensions.
    """
    rows, gram = 0, None
    for block in blocks:
        vectors = np.asarray(block, dtype=np.float64)
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=1e-12)
        gram = vectors.T @ vectors if gram is None else gram + vectors.T @ vectors
        rows += len(vectors)
    if gram is None or rows < dimensions:
        raise RequestError(too_few(rows, dimensions))
    values, found = np.linalg.eigh(gram)
    values, found = values[::-1][:dimensions], found[:, ::-1][:, :dimensions]
    largest = found[np.abs(found).argmax(axis=0), np.arange(dimensions)]
    found = found * np.where(largest < 0, -1.0, 1.0)
    shares = values.clip(min=0.0) / max(float(np.trace(gram)), 1e-12)
    if lengths is not None:
        edges = [0, *sorted({*lengths, dimensions})]
        for start, stop in itertools.pairwise(edges):
            turn = evening(stop - start)
            found[:, start:stop] = found[:, start:stop] @ turn
            shares[start:stop] = shares[start:stop] @ turn**2
    return Projection(
        torch.from_numpy(np.ascontiguousarray(found, dtype=np.float32)),
        torch.from_numpy(np.ascontiguousarray(shares, dtype=np.float32)),
    )


def evening(size: int) -> NDArray[np.float64]:
    """A rotation after which numbers of any sizes carry about alike: the orthonormal cosine
    transform, whose columns have entries of like size. Shapes: [size, size].
    """
    rows, columns = np.mgrid[:size, :size]
    turn = np.sqrt(2.0 / size) * np.cos(np.pi * (rows + 0.5) * columns / size)
    turn[:, 0] /= np.sqrt(2.0)
    turned: NDArray[np.float64] = turn
    return turned


def too_few(rows: int, dimensions: int) -> str:
    """Why so many vectors show no such number of directions, and what to do."""
    return (
        f"{rows} texts to learn from do not show the {dimensions} principal dimensions of their "
        f"vectors; give {dimensions} texts or more, set student.dimensions lower, or set "
        "student.axes to teacher"
    )
