from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from understudy.data import folders, sources
from understudy.data.images import PixelFormat, pixel_format, to_pixels
from understudy.data.rows import Rows
from understudy.errors import RequestError

BYTES = np.random.default_rng(0).integers(0, 256, (5, 6, 4, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (BYTES, BYTES),
        (BYTES.transpose(0, 3, 1, 2), BYTES),
        (BYTES[..., 0], BYTES[..., :1]),
        (BYTES[:, None, :, :, 0], BYTES[..., :1]),
        (BYTES[:, :4, :, 0].reshape(5, 16), BYTES[:, :4, :, :1]),
        (BYTES.astype(np.int64), BYTES),
        (BYTES.astype(np.float64), BYTES),
        (list(BYTES), BYTES),
        (BYTES > 100, (BYTES > 100).astype(np.uint8)),
    ],
)
def test_every_layout_gives_the_same_pixels(given: np.ndarray, wanted: np.ndarray) -> None:
    pixels, form = to_pixels(given)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, wanted)
    assert form == PixelFormat(wanted.shape[1:3], wanted.shape[3], "uint8") == pixel_format(given)


@pytest.mark.parametrize("shift", [0.5, -300.0, 300.0])
def test_other_numbers_are_kept_as_floats(shift: float) -> None:
    given = BYTES.astype(np.float32) + shift
    pixels, form = to_pixels(given)
    assert form.dtype == "float32"
    np.testing.assert_array_equal(pixels, given)


def test_digits_keep_their_seventeen_levels() -> None:
    column = sources.read("sklearn:digits").columns["image"]
    pixels, form = to_pixels(column)
    assert form == PixelFormat((8, 8), 1, "uint8")
    assert np.unique(pixels).tolist() == list(range(17))
    np.testing.assert_array_equal(pixels[..., 0], column)
    flat, _ = to_pixels(np.asarray(column).reshape(-1, 64))
    np.testing.assert_array_equal(flat, pixels)
    # Between few levels, resizing needs fractions.
    assert pixel_format(column, (16, 16)).dtype == "float32"


def test_grey_and_colour_are_made_what_is_asked_for() -> None:
    grey, _ = to_pixels(BYTES, channels=1)
    wanted = np.asarray(Image.fromarray(BYTES[0]).convert("L"), dtype=int)
    assert np.abs(grey[0, ..., 0].astype(int) - wanted).max() <= 1
    colour, _ = to_pixels(grey, channels=3)
    np.testing.assert_array_equal(colour, np.repeat(grey, 3, axis=3))
    floats, form = to_pixels(BYTES + 0.5, channels=1)
    assert form == PixelFormat((6, 4), 1, "float32")
    assert floats.shape == (5, 6, 4, 1)


def test_arrays_are_resized_as_files_are(tmp_path: Path) -> None:
    for row, image in enumerate(BYTES):
        Image.fromarray(image).save(tmp_path / f"{row}.png")
    files, _ = to_pixels(sorted(tmp_path.iterdir()), (3, 2))
    arrays, form = to_pixels(BYTES, (3, 2))
    assert form == PixelFormat((3, 2), 3, "uint8")
    np.testing.assert_array_equal(files, arrays)
    floats, _ = to_pixels(BYTES + 0.25, (3, 2))
    assert np.abs(floats - 0.25 - arrays).max() <= 1


def test_files_of_one_size_keep_it(pictures: Path) -> None:
    column = folders.read(pictures, "pictures").columns["image"]
    pixels, form = to_pixels(column)
    assert form == PixelFormat((6, 5), 3, "uint8") == pixel_format(column)
    np.testing.assert_array_equal(pixels[0], np.asarray(Image.open(column[0])))
    assert to_pixels(column, channels=1)[0].shape == (4, 6, 5, 1)


def test_nan_and_infinity_are_counted_and_named() -> None:
    given = BYTES.astype(np.float32)
    given[1, 0, 0, 0], given[4, 2, 2, 2] = np.nan, np.inf
    with pytest.raises(RequestError, match=r"2 of 5 images hold NaN or infinite.*row 1, 4 first"):
        to_pixels(given)


def test_rows_are_named_as_in_the_source(pictures: Path) -> None:
    rows = folders.read(pictures, "pictures")
    Path(rows.columns["image"][3]).write_bytes(b"broken")
    with pytest.raises(RequestError, match=r"1 of 2 images cannot be read \(row 3, .*dog/1\.png"):
        to_pixels(rows.select([0, 3]).columns["image"])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (np.zeros((4, 30)), r"shape \[4, 30\] holds no images"),
        (np.zeros((4, 8, 8, 4)), r"shape \[4, 8, 8, 4\] holds no images"),
        (np.zeros((4, 3, 8, 3)), "channels first or last"),
        ([np.zeros((2, 2)), np.zeros((2, 3))], r"row 0 is \[2, 2\], row 1 is \[2, 3\]"),
        ([], "the column has no rows"),
    ],
)
def test_what_is_no_image_is_told(given: object, told: str) -> None:
    with pytest.raises(RequestError, match=told):
        to_pixels(given)


def test_a_later_shard_on_another_scale_is_refused() -> None:
    with pytest.raises(RequestError, match="no integers from 0 to 255"):
        to_pixels(BYTES / 255, dtype="uint8")
    assert to_pixels(BYTES, dtype="float32")[0].dtype == np.float32


def test_real_photographs(real: Callable[[str], Path]) -> None:
    rows: Rows = sources.read(real("cifar10/test.npz"))
    pixels, form = to_pixels(rows.columns["x"])
    assert form == PixelFormat((32, 32), 3, "uint8")
    assert pixels is not None and len(pixels) == 10_000
