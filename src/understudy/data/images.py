"""Images of every kind as one array of pixels [N, H, W, C]: bytes where they are bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.data import decoding
from understudy.data.rows import Column, source_row
from understudy.errors import RequestError

CHANNELS = (1, 3)
LARGEST_SIDE = 64
"""Pixels; of the size chosen where images differ in size and none is asked for."""
LARGEST_EXACT = 1 << 24
"""Up to here float32 holds every integer."""
CHUNK = 1 << 24
"""Numbers looked at in one go."""


@dataclass(frozen=True)
class PixelFormat:
    """How the pixels of a data set are kept: (height, width), 1 or 3 channels, uint8 or float32."""

    size: tuple[int, int]
    channels: int
    dtype: str


def pixel_format(
    column: Column, size: tuple[int, int] | None = None, channels: int | None = None
) -> PixelFormat:
    """The format that loses nothing of any row, with the size and channels where they are given.

    Looks at every number of an array, and at the header of every file. Where sizes differ it is
    their median, no side above 64 pixels.

    Raises: RequestError as `to_pixels` does.
    """
    array = dense(column)
    if array is None:
        own, seen = decoding.survey(column, LARGEST_SIDE)
        return PixelFormat(size or own, channels or seen, "uint8")
    layout = _layout(array)
    height, width = layout.shape[1:3]
    exact = all(_fits_bytes(chunk) for chunk in _finite_chunks(layout, column))
    return PixelFormat(
        size or (height, width), channels or layout.shape[3], "uint8" if exact else "float32"
    )


def to_pixels(
    column: Column,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    dtype: str | None = None,
) -> tuple[NDArray[Any], PixelFormat]:
    """Images as pixels, and the format they are in; what is not given is as `pixel_format` says.

    Integers (or floats that are integers) from 0 to 255 are kept exactly as uint8, without
    rescaling; other numbers as float32. Files, bytes and PIL images are decoded upright, made grey
    or RGB, and resized (bilinear, antialiased).

    Shapes: [N, H, W], [N, H, W, C], [N, C, H, W], [N, H*W] (square), or N objects -> [N, H, W, C].
    Raises: RequestError for NaN or infinity, images that cannot be read, shapes that are no images,
    and values that `dtype` cannot hold; it names the rows.
    """
    form = pixel_format(column, size, channels) if dtype is None or size is None else None
    target = PixelFormat(
        size or (form or _unknown()).size,
        channels or (form or pixel_format(column, size)).channels,
        dtype or (form or _unknown()).dtype,
    )
    array = dense(column)
    if array is None:
        return decoding.decode(column, target.size, target.channels).astype(target.dtype), target
    layout = _layout(array)
    out = np.empty((len(layout), *target.size, target.channels), dtype=target.dtype)
    start = 0
    for chunk in _finite_chunks(layout, column):
        if target.dtype == "uint8" and not _fits_bytes(chunk):
            raise RequestError(
                f"rows {start} to {start + len(chunk) - 1} hold values that are no integers from 0 "
                "to 255, unlike the other images; bring all images to the same scale"
            )
        out[start : start + len(chunk)] = _fitted(chunk.astype(target.dtype), target)
        start += len(chunk)
    return out, target


def _unknown() -> PixelFormat:
    raise AssertionError
