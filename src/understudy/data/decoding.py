"""Image files to pixels, through Pillow, on several threads."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from understudy.data.cells import Column, source_row
from understudy.errors import RequestError

if TYPE_CHECKING:
    from PIL.Image import Image

Result = TypeVar("Result")

THREADS = 8
BATCH = 64
"""Images a thread takes at a time."""
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""Plain pixels; Pillow would run other programs for some other formats."""
LARGEST_PIXELS = 100_000_000
"""Of one image; a small file that claims more is likely made to fill the memory."""
DEEP = ("I", "I;16", "I;16B", "I;16L")
ORIENTATION, SIDEWAYS = 0x0112, (5, 6, 7, 8)
"""The EXIF tag, and its values for a camera that was held upright."""


def survey(column: Column, largest_side: int) -> tuple[tuple[int, int], int]:
    """(height, width) and channels that suit all images, from their headers.

    The size is their own where they agree, else the median with no side above `largest_side`; the
    channels are 1 where all are grey, else 3.

    Raises: RequestError naming the images that cannot be read.
    """
    headers = _each(column, _header)
    sizes = np.array([header[:2] for header in headers])
    channels = max(header[2] for header in headers)
    if (sizes == sizes[0]).all():
        return (int(sizes[0, 0]), int(sizes[0, 1])), channels
    height, width = np.minimum(np.median(sizes, axis=0), largest_side).astype(int)
    return (int(height), int(width)), channels


def decode(column: Column, size: tuple[int, int], channels: int) -> NDArray[np.uint8]:
    """File paths, bytes or PIL images, upright, grey or RGB, all of one size.

    Shapes: N objects -> [N, height, width, channels].
    Raises: RequestError naming the images that cannot be read.
    """
    out = np.empty((len(column), *size, channels), dtype=np.uint8)
    images = _each(column, lambda image: _pixels(image, size, channels))
    for row, pixels in enumerate(images):
        out[row] = pixels
    return out


def resize(pixels: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Bilinear and antialiased, as for files. Shapes: [N, H, W, C] -> [N, height, width, C]."""
    if pixels.shape[1:3] == size:
        return pixels
    from PIL.Image import Resampling, fromarray

    out = np.empty((len(pixels), *size, pixels.shape[3]), dtype=pixels.dtype)
    for row, channel in np.ndindex(len(pixels), pixels.shape[3]):
        plane = fromarray(np.ascontiguousarray(pixels[row, :, :, channel]))
        out[row, :, :, channel] = np.asarray(plane.resize(size[::-1], Resampling.BILINEAR))
    return out


def _each(column: Column, work: Callable[[Image], Result]) -> list[Result]:
    """The result for each image, in order; all that fail are told of together."""

    def batch(start: int) -> list[Result | str]:
        rows = range(start, min(start + BATCH, len(column)))
        return [_attempt(column[row], work) for row in rows]

    with ThreadPoolExecutor(THREADS) as pool:
        results = [one for many in pool.map(batch, range(0, len(column), BATCH)) for one in many]
    failed = [row for row, result in enumerate(results) if isinstance(result, str)]
    if failed:
        told = "; ".join(
            f"row {source_row(column, row)}{_named(column[row])}: {results[row]}"
            for row in failed[:3]
        )
        raise RequestError(
            f"{len(failed)} of {len(column)} images cannot be read ({told}); "
            "replace these files or take them out"
        )
    return [result for result in results if not isinstance(result, str)]


def _attempt(cell: Any, work: Callable[[Image], Result]) -> Result | str:
    """The result, or why there is none."""
    from PIL import Image, UnidentifiedImageError

    try:
        if isinstance(cell, Image.Image):
            return work(_sane(cell))
        given = io.BytesIO(cell) if isinstance(cell, bytes) else Path(cell)
        with Image.open(given, formats=FORMATS) as image:
            return work(_sane(image))
    except UnidentifiedImageError:
        return f"it is no image of a known kind ({', '.join(FORMATS)})"
    # Pillow's readers raise whatever their parsers happen to raise on damaged bytes.
    except Exception as error:
        return " ".join(str(error).split()) or type(error).__name__


def _sane(image: Image) -> Image:
    if image.width * image.height > LARGEST_PIXELS:
        raise ValueError(
            f"{image.width} x {image.height} pixels are more than {LARGEST_PIXELS:,}, "
            "which looks like a decompression bomb"
        )
    return image


def _header(image: Image) -> tuple[int, int, int]:
    """(height, width, channels) of the upright image, without decoding it."""
    grey = image.mode in ("1", "L", "LA", "La", *DEEP)
    # Other formats would have to be decoded first to tell their orientation.
    tagged = getattr(image, "format", None) in ("JPEG", "MPO", "TIFF", "WEBP")
    sideways = tagged and image.getexif().get(ORIENTATION) in SIDEWAYS
    height, width = (image.width, image.height) if sideways else (image.height, image.width)
    return height, width, 1 if grey else 3


def _pixels(image: Image, size: tuple[int, int], channels: int) -> NDArray[np.uint8]:
    from PIL import ImageOps
    from PIL.Image import Resampling

    plain = _flat(ImageOps.exif_transpose(image)).convert("L" if channels == 1 else "RGB")
    if plain.size != size[::-1]:
        plain = plain.resize(size[::-1], Resampling.BILINEAR)
    return np.asarray(plain, dtype=np.uint8).reshape(*size, channels)


def _flat(image: Image) -> Image:
    """Eight bits a channel, what is transparent on white."""
    from PIL.Image import alpha_composite, fromarray, new

    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers; give it as an array instead")
    if image.mode in DEEP:
        # Sixteen bits: 65535 is white, and Pillow would cut at 255 instead.
        return fromarray(np.rint(np.asarray(image) / 257).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        shown = image.convert("RGBA")
        return alpha_composite(new("RGBA", shown.size, "white"), shown)
    return image


def _named(cell: Any) -> str:
    return f", {cell}" if isinstance(cell, str | Path) else ""
