"""Images of every kind as one array of pixels [N, H, W, C]: bytes where they are bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.data import decoding
from understudy.data.cells import Column, as_column, source_row
from understudy.errors import RequestError

CHANNELS = (1, 3)
LARGEST_SIDE = 64
"""Pixels; of the size chosen where images differ in size and none is asked for."""
LUMINANCE = (0.299, 0.587, 0.114)
"""Of red, green and blue (ITU-R BT.601), as in Pillow."""
CHUNK = 1 << 24
"""Numbers looked at in one go."""


@dataclass(frozen=True)
class PixelFormat:
    """How the pixels of a data set are kept: (height, width), 1 or 3 channels, uint8 or float32."""

    size: tuple[int, int]
    channels: int
    dtype: str


def pixel_format(
    column: Any, size: tuple[int, int] | None = None, channels: int | None = None
) -> PixelFormat:
    """The format that loses nothing of any row, with the size and channels where they are given.

    Looks at every number of an array, and at the header of every file. Where files differ in size
    it is their median, no side above 64 pixels; they are grey where all of them are.

    Raises: RequestError as `to_pixels` does.
    """
    column = as_column(column)
    array = _dense(column)
    if array is None:
        return _decoded_format(column, size, channels)
    return _array_format(_checked(array, column), size, channels)


def to_pixels(
    column: Any,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    dtype: str | None = None,
) -> tuple[NDArray[Any], PixelFormat]:
    """Images as pixels, and the format they are in; what is not given is as `pixel_format` says.

    Integers, and floats that are integers, from 0 to 255 are kept exactly as uint8, without
    rescaling; other numbers as float32. Files, bytes and PIL images are decoded upright, made grey
    or RGB, and resized (bilinear, antialiased).

    Shapes: [N, H, W], [N, H, W, C], [N, C, H, W], [N, H*W] (square), or N objects -> [N, H, W, C].
    Raises: RequestError for NaN or infinity, images that cannot be read, shapes that are no images,
    and values that `dtype` cannot hold; it names the rows.
    """
    column = as_column(column)
    array = _dense(column)
    if array is None:
        form = _decoded_format(column, size, channels)
        form = PixelFormat(form.size, form.channels, dtype or form.dtype)
        pixels = decoding.decode(column, form.size, form.channels)
        return pixels.astype(form.dtype, copy=False), form
    layout = _checked(array, column)
    form = _array_format(layout, size, channels)
    if dtype == "uint8" and form.dtype != "uint8":
        raise RequestError(
            "images hold values that are no integers from 0 to 255, and others of these data are; "
            "bring all of them to the same scale"
        )
    form = PixelFormat(form.size, form.channels, dtype or form.dtype)
    pixels = _with_channels(layout.astype(form.dtype, copy=False), form.channels)
    return decoding.resize(pixels, form.size), form


def _dense(column: Column) -> NDArray[Any] | None:
    """The column as one array of numbers, or None where its cells must be decoded."""
    if isinstance(column, np.ndarray) and column.dtype != object:
        return column
    if not len(column):
        raise RequestError("there are no images: the column has no rows")
    if not isinstance(column[0], np.ndarray):
        return None
    shapes = [np.shape(cell) for cell in column]
    odd = next((row for row, shape in enumerate(shapes) if shape != shapes[0]), None)
    if odd is not None:
        raise RequestError(
            f"images given as arrays differ in shape: row {source_row(column, 0)} is "
            f"{list(shapes[0])}, row {source_row(column, odd)} is {list(shapes[odd])}; bring them "
            "to one shape, or give files or PIL images, which are resized"
        )
    return np.stack(list(column))


def _decoded_format(
    column: Column, size: tuple[int, int] | None, channels: int | None
) -> PixelFormat:
    if size is None or channels is None:
        own_size, own_channels = decoding.survey(column, LARGEST_SIDE)
        size, channels = size or own_size, channels or own_channels
    return PixelFormat(size, channels, "uint8")


def _array_format(
    layout: NDArray[Any], size: tuple[int, int] | None, channels: int | None
) -> PixelFormat:
    own = (layout.shape[1], layout.shape[2])
    exact = all(_fits_bytes(chunk) for chunk in _chunks(layout))
    # Resizing makes values in between, which matter where 16 and not 255 is white.
    kept = exact and (layout.dtype.kind in "biu" or size in (None, own))
    return PixelFormat(size or own, channels or layout.shape[3], "uint8" if kept else "float32")


def _checked(array: NDArray[Any], column: Column) -> NDArray[Any]:
    """The array as [N, H, W, C], every number finite."""
    layout = _layout(array)
    if layout.dtype.kind != "f":
        return layout
    finite = [np.isfinite(chunk).all(axis=(1, 2, 3)) for chunk in _chunks(layout)]
    bad = np.flatnonzero(~np.concatenate(finite)) if finite else np.array([], dtype=np.int64)
    if len(bad):
        first = ", ".join(str(source_row(column, int(row))) for row in bad[:3])
        raise RequestError(
            f"{len(bad)} of {len(layout)} images hold NaN or infinite values, "
            f"row {first} first; mend these rows or leave them out"
        )
    return layout


def _layout(array: NDArray[Any]) -> NDArray[Any]:
    """[N, H, W], [N, H, W, C], [N, C, H, W] or [N, H*W] -> [N, H, W, C]; a view."""
    if array.ndim == 2 and math.isqrt(array.shape[1]) ** 2 == array.shape[1]:
        side = math.isqrt(array.shape[1])
        return array.reshape(len(array), side, side, 1)
    if array.ndim == 3:
        return array[..., None]
    if array.ndim == 4:
        first, last = array.shape[1] in CHANNELS, array.shape[3] in CHANNELS
        if first and last:
            raise RequestError(
                f"images of shape {list(array.shape)} could have their channels first or last; "
                "give them as [N, H, W, C] with H not 1 or 3, or as PIL images"
            )
        if first or last:
            return array if last else array.transpose(0, 2, 3, 1)
    raise RequestError(
        f"an array of shape {list(array.shape)} holds no images; expected [N, H, W], "
        "[N, H, W, C] or [N, C, H, W] with C 1 or 3, or [N, H*W] of square images"
    )


def _chunks(layout: NDArray[Any]) -> Iterator[NDArray[Any]]:
    rows = max(1, CHUNK // max(1, layout[:1].size))
    return (layout[start : start + rows] for start in range(0, len(layout), rows))


def _fits_bytes(chunk: NDArray[Any]) -> bool:
    if chunk.dtype in (np.uint8, np.bool_) or not chunk.size:
        return True
    if chunk.min() < 0 or chunk.max() > 255:
        return False
    return chunk.dtype.kind != "f" or bool((chunk == np.rint(chunk)).all())


def _with_channels(pixels: NDArray[Any], channels: int) -> NDArray[Any]:
    """Grey repeated to RGB, or RGB weighed to grey. Shapes: [N, H, W, C] -> [N, H, W, channels]."""
    if pixels.shape[3] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=3)
    grey = (pixels.astype(np.float32) @ np.array(LUMINANCE, dtype=np.float32))[..., None]
    return np.rint(grey).astype(np.uint8) if pixels.dtype == np.uint8 else grey
