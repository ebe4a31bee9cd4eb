"""How the values of a column become bytes, and come back.

    plain    as they are
    fp16     float32 in half precision: 2 bytes, 11 bits of precision, up to 65504
    bf16     float32 in bfloat16: 2 bytes, 8 bits of precision, the range of float32
    int8     float32 in 1 byte each, and one float32 scale an entry: the entry's absmax / 127
    bitsN    whole numbers from 0 to 2**N - 1 in N bits each (N <= 32), without gaps

An *entry* is one row of a dense column, one element of a ragged one: its shape is the column's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from understudy.errors import RequestError, did_you_mean
from understudy.store.ragged import Array
from understudy.store.shards import KINDS, TYPES, Tensor, elements_in

CHUNK = 8 * 8192
"""Numbers packed at a time: a multiple of eight, so that every chunk ends at a whole byte."""


@dataclass(frozen=True)
class Part:
    """One tensor of an encoded column: its kind, its shape an entry, and the bits that one takes.

    `shape` is None where entries are packed without gaps: the tensor is then flat bytes.
    """

    kind: str
    shape: tuple[int, ...] | None
    bits: int

    def shape_of(self, entries: int) -> tuple[int, ...]:
        """The shape of the tensor that holds so many entries."""
        return (-(-entries * self.bits // 8),) if self.shape is None else (entries, *self.shape)


class Codec(Protocol):
    """A way to keep entries. Parts are named by what is added to the name of the column."""

    def parts(self) -> dict[str, Part]:
        """The tensors that it makes."""
        ...

    def encode(self, values: Array) -> dict[str, Tensor]:
        """Values [n, *shape] -> one tensor a part. Raises RequestError where they do not fit."""
        ...

    def take(self, parts: Mapping[str, Array], entries: Array, out: Array) -> None:
        """Decode some entries: entries [n] int64 -> out [n, *shape]."""
        ...


@dataclass(frozen=True)
class Plain:
    """Values as they are."""

    dtype: str
    shape: tuple[int, ...]

    def parts(self) -> dict[str, Part]:
        return {"": whole(KINDS[self.dtype], self.shape)}

    def encode(self, values: Array) -> dict[str, Tensor]:
        return {"": Tensor(KINDS[self.dtype], values)}

    def take(self, parts: Mapping[str, Array], entries: Array, out: Array) -> None:
        # Entries were checked before; "clip" spares numpy a copy that "raise" makes of `out`.
        parts[""].take(entries, 0, out, "clip")


@dataclass(frozen=True)
class Half:
    """float32 kept as float16."""

    shape: tuple[int, ...]

    def parts(self) -> dict[str, Part]:
        return {"": whole("F16", self.shape)}

    def encode(self, values: Array) -> dict[str, Tensor]:
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        refuse_overflow(values, np.isinf(half), "fp16 holds up to 65504; use bf16 or int8")
        return {"": Tensor("F16", half)}

    def take(self, parts: Mapping[str, Array], entries: Array, out: Array) -> None:
        out[...] = parts[""].take(entries, 0, None, "clip")


@dataclass(frozen=True)
class Brain:
    """float32 kept as bfloat16: the upper half of its bits, rounded to the nearest even."""

    shape: tuple[int, ...]

    def parts(self) -> dict[str, Part]:
        return {"": whole("BF16", self.shape)}

    def encode(self, values: Array) -> dict[str, Tensor]:
        bits = np.ascontiguousarray(values).view(np.uint32)
        upper = ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype(np.uint16)
        upper = np.where(np.isnan(values), np.uint16(0x7FC0), upper)
        refuse_overflow(values, (upper & 0x7FFF) == 0x7F80, "bf16 holds up to 3.39e38")
        return {"": Tensor("BF16", upper)}

    def take(self, parts: Mapping[str, Array], entries: Array, out: Array) -> None:
        np.left_shift(
            parts[""].take(entries, 0, None, "clip"), 16, out=out.view(np.uint32), dtype=np.uint32
        )


@dataclass(frozen=True)
class Byte:
    """float32 kept as int8, with one scale an entry. The error is at most half a scale."""

    shape: tuple[int, ...]

    def parts(self) -> dict[str, Part]:
        return {"": whole("I8", self.shape), ".scale": whole("F32", ())}

    def encode(self, values: Array) -> dict[str, Tensor]:
        if not np.isfinite(values).all():
            raise RequestError("int8 holds finite numbers only; use fp16 or bf16")
        flat = values.reshape(len(values), elements_in(self.shape))
        scale = np.abs(flat).max(axis=1) / np.float32(127)
        steps = np.rint(flat / np.where(scale > 0, scale, np.float32(1))[:, None])
        bytes_ = np.clip(steps, -127, 127).astype(np.int8).reshape(values.shape)
        return {"": Tensor("I8", bytes_), ".scale": Tensor("F32", scale)}

    def take(self, parts: Mapping[str, Array], entries: Array, out: Array) -> None:
        scale = parts[".scale"].take(entries, 0, None, "clip")
        steps = parts[""].take(entries, 0, None, "clip")
        np.multiply(steps, scale.reshape(-1, *(1 for _ in self.shape)), out=out)


@dataclass(frozen=True)
class Bits:
    """Whole numbers in `width` bits each, the lowest bit first, one after another."""

    width: int
    shape: tuple[int, ...]

    def parts(self) -> dict[str, Part]:
        return {"": Part("U8", None, self.width * elements_in(self.shape))}

    def encode(self, values: Array) -> dict[str, Tensor]:
        if values.size and (values.min() < 0 or values.max() >= 1 << self.width):
            raise RequestError(
                f"bits{self.width} holds whole numbers from 0 to {(1 << self.width) - 1}; "
                f"{values.min()} to {values.max()} came"
            )
        return {"": Tensor("U8", pack(values.reshape(-1), self.width))}

    def take(self, parts: Mapping[str, Array], entries: Array, out: Array) -> None:
        each = elements_in(self.shape)
        numbers = (entries[:, None] * each + np.arange(each)).reshape(-1)
        out[...] = unpack(parts[""], numbers, self.width).reshape(out.shape)


def codec_named(codec: str, dtype: str, shape: tuple[int, ...]) -> Codec:
    """The codec that a column asks for. Raises RequestError where it does not suit the column."""
    if codec == "plain":
        return Plain(dtype, shape)
    bits = re.fullmatch(r"bits([1-9]|[12]\d|3[012])", codec)
    if bits:
        if np.dtype(dtype).kind not in "iu":
            raise RequestError(f"codec '{codec}' is for whole numbers, not for {dtype}")
        return Bits(int(bits[1]), shape)
    if codec not in ("fp16", "bf16", "int8"):
        known = ("plain", "fp16", "bf16", "int8", "bits1", "bits32")
        raise RequestError(f"there is no codec '{codec}'; {did_you_mean(codec, known)}")
    if dtype != "float32":
        raise RequestError(f"codec '{codec}' is for float32, not for {dtype}")
    if codec == "int8":
        if elements_in(shape) < 2:
            raise RequestError("codec 'int8' would add a scale to every single number; use fp16")
        return Byte(shape)
    return Half(shape) if codec == "fp16" else Brain(shape)


def bits_for(largest: int) -> str:
    """The codec with the fewest bits for whole numbers from 0 to `largest`.

    Token ids of a vocabulary of 32,768 take 15 bits: `bits_for(32_767) == "bits15"`.
    """
    return f"bits{max(1, largest.bit_length())}"


def whole(kind: str, shape: tuple[int, ...]) -> Part:
    """A part with an axis of entries, each of some whole bytes."""
    return Part(kind, shape, 8 * TYPES[kind].itemsize * elements_in(shape))


def refuse_overflow(values: Array, infinite: Array, advice: str) -> None:
    """Raise RequestError where a finite value became infinite."""
    lost = infinite & np.isfinite(values)
    if lost.any():
        raise RequestError(f"{np.abs(values[lost]).max():g} came, and {advice}")


def pack(numbers: Array, width: int) -> Array:
    """Whole numbers [n], each below 2**width, without gaps: [ceil(n * width / 8)] uint8."""
    packed = [
        np.packbits(
            np.unpackbits(
                numbers[start : start + CHUNK].astype("<u4").view(np.uint8).reshape(-1, 4),
                axis=1,
                count=width,
                bitorder="little",
            ),
            bitorder="little",
        )
        for start in range(0, len(numbers), CHUNK)
    ]
    return np.concatenate(packed) if packed else np.zeros(0, np.uint8)


def unpack(packed: Array, numbers: Array, width: int) -> Array:
    """Some of the packed numbers, by where they stand: numbers [n] int64 -> [n] uint64."""
    first_bit = numbers * width
    first_byte = first_bit >> 3
    word = np.zeros(len(numbers), np.uint64)
    for byte in range((width + 14) // 8):
        # Beyond the last byte "clip" repeats it, into bits that the mask removes.
        piece = packed.take(first_byte + byte, mode="clip").astype(np.uint64)
        word |= piece << np.uint64(8 * byte)
    return (word >> (first_bit & 7).astype(np.uint64)) & np.uint64((1 << width) - 1)
