from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from understudy.store.shards import ALIGNMENT, KINDS, Mapped, Tensor, write_shard


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    """Every kind, with sizes that would misalign the next one, and an empty one."""
    made = {
        name: Tensor(kind, np.arange(7).reshape(7, 1).repeat(3, axis=1).astype(name))
        for name, kind in KINDS.items()
    }
    return {"a": made["uint8"], "empty": Tensor("I8", np.zeros((0, 4), np.int8)), **made}


def test_what_is_written_is_mapped_and_read_by_safetensors(tmp_path: Path, tensors) -> None:
    path = tmp_path / "x.safetensors"
    written = write_shard(path, tensors)
    assert written.bytes == path.stat().st_size
    assert written.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    mapped = Mapped(path)
    with safe_open(path, "numpy") as theirs:
        assert set(theirs.keys()) == set(tensors) == set(mapped.tensors)
        for name, tensor in tensors.items():
            assert mapped.kinds[name] == tensor.kind
            np.testing.assert_array_equal(mapped.tensors[name], tensor.values)
            np.testing.assert_array_equal(theirs.get_tensor(name), tensor.values)


def test_every_tensor_is_aligned_and_read_only(tmp_path: Path, tensors) -> None:
    path = tmp_path / "x.safetensors"
    write_shard(path, tensors)
    assert (8 + int.from_bytes(path.read_bytes()[:8], "little")) % ALIGNMENT == 0
    for values in Mapped(path).tensors.values():
        assert values.flags.aligned
        assert not values.flags.writeable


def test_arrays_that_are_not_contiguous_are_written_as_they_look(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.int32).reshape(4, 6).T
    write_shard(tmp_path / "x", {"x": Tensor("I32", values)})
    np.testing.assert_array_equal(Mapped(tmp_path / "x").tensors["x"], values)


class Recorded:
    """Stands where the mapping does, and keeps the ranges that are announced."""

    def __init__(self, size: int) -> None:
        self.ranges: list[tuple[int, int]] = []
        self._size = size

    def __len__(self) -> int:
        return self._size

    def madvise(self, advice: int, start: int, length: int) -> None:
        self.ranges.append((start, length))


def test_announced_rows_are_merged_to_ranges_of_pages(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_shard(path, {"x": Tensor("U8", np.zeros((100, 4096), np.uint8))})
    mapped = Mapped(path)
    memory = mapped._memory
    mapped._memory = Recorded(len(memory))
    mapped.announce("x", np.array([0, 1, 2, 5, 50, 50, 99]), 8 * 4096)
    # The header shifts every row, so each touches two pages; the last range ends with the file.
    assert mapped._memory.ranges == [
        (0, 4 * 4096),
        (5 * 4096, 2 * 4096),
        (50 * 4096, 2 * 4096),
        (99 * 4096, len(memory) - 99 * 4096),
    ]
    mapped._memory = memory
    mapped.announce("x", np.array([0, 99]), 8 * 4096)
    mapped.announce("x", np.array([], np.int64), 8 * 4096)
