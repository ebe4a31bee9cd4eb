"""One shard: a safetensors file that we write in one stream and map into memory ourselves.

The file is 8 bytes with the length of a JSON header, the header, and the tensors without gaps.
`safetensors.safe_open` reads it too, but hides its mapping, and the mapping is where the advice
goes that makes cold reading fast.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from understudy.store.ragged import Array

KINDS = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "uint32": "U32",
    "int32": "I32",
    "uint64": "U64",
    "int64": "I64",
    "float16": "F16",
    "float32": "F32",
    "float64": "F64",
}
"""numpy's name of a type -> the name that safetensors has for it."""

TYPES = {kind: np.dtype(name).newbyteorder("<") for name, kind in KINDS.items()}
TYPES["BF16"] = np.dtype("<u2")  # numpy has no bfloat16: its bits are kept as they are
"""The name of a type in safetensors -> how its bytes are read."""

ALIGNMENT = 64
"""The tensors begin at a multiple of this many bytes, the widest tensors first: all are aligned."""

Advice = Literal["random", "sequential"]
ADVICE: Mapping[Advice, int] = {
    "random": mmap.MADV_RANDOM,
    "sequential": mmap.MADV_SEQUENTIAL,
}


@dataclass(frozen=True)
class Tensor:
    """What goes into a shard under one name: the kind that safetensors calls it, and its values."""

    kind: str
    values: Array


@dataclass(frozen=True)
class Written:
    """What a written file must be found to be, whenever it is read again."""

    bytes: int
    sha256: str


def write_shard(path: Path, tensors: Mapping[str, Tensor]) -> Written:
    """Write a safetensors file, and hash it on the way."""
    # No tensor follows one that is narrower, so every one starts at a multiple of its width.
    ordered = sorted(tensors.items(), key=lambda item: (-TYPES[item[1].kind].itemsize, item[0]))
    header: dict[str, object] = {}
    end = 0
    for name, tensor in ordered:
        start, end = end, end + tensor.values.nbytes
        header[name] = {
            "dtype": tensor.kind,
            "shape": list(tensor.values.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for piece in (len(text).to_bytes(8, "little"), text):
            digest.update(piece)
            file.write(piece)
        for _, tensor in ordered:
            flat = np.ascontiguousarray(tensor.values, TYPES[tensor.kind]).reshape(-1)
            piece_bytes = flat.view(np.uint8).data
            digest.update(piece_bytes)
            file.write(piece_bytes)
    return Written(8 + len(text) + end, digest.hexdigest())


class Mapped:
    """A shard in memory: nothing is read before it is used, and nothing of it is ours to keep.

    The file is mapped once; a process that forks shares the mapping, threads may read it together.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        length = int.from_bytes(self._memory[:8], "little")
        header = json.loads(self._memory[8 : 8 + length])
        header.pop("__metadata__", None)
        self.tensors: dict[str, Array] = {}
        self.kinds: dict[str, str] = {}
        self._starts: dict[str, int] = {}
        for name, entry in header.items():
            start = 8 + length + entry["data_offsets"][0]
            self._starts[name] = start
            self.kinds[name] = entry["dtype"]
            # Not np.frombuffer: that one refuses an empty tensor at the end of the file.
            self.tensors[name] = np.ndarray(
                entry["shape"], TYPES[entry["dtype"]], self._memory, start
            )

    def advise(self, advice: Advice) -> None:
        """Tell the operating system in which order the pages will be read."""
        self._memory.madvise(ADVICE[advice])

    def announce(self, name: str, entries: npt.NDArray[np.int64], bits: int) -> None:
        """Have the pages of some entries of a tensor read in the background.

        Shapes: entries [n], ascending; each is `bits` wide.
        """
        if not len(entries):
            return
        start = self._starts[name]
        first = (start + entries * bits // 8) // mmap.PAGESIZE
        last = (start + ((entries + 1) * bits - 1) // 8) // mmap.PAGESIZE
        # A range that touches the one before it is the same range.
        gaps = np.flatnonzero(first[1:] > last[:-1] + 1)
        begins = np.append(0, gaps + 1)
        ends = np.append(gaps, len(entries) - 1)
        offsets = first[begins] * mmap.PAGESIZE
        lengths = (last[ends] + 1) * mmap.PAGESIZE - offsets
        advise, size = self._memory.madvise, len(self._memory)
        for offset, length in zip(offsets.tolist(), lengths.tolist(), strict=True):
            advise(mmap.MADV_WILLNEED, offset, min(length, size - offset))


def elements_in(shape: tuple[int, ...]) -> int:
    """How many numbers one entry of this shape holds."""
    return math.prod(shape)
