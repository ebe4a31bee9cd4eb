from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from understudy.data import decoding
from understudy.errors import RequestError


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_files_bytes_and_images_are_read_alike(tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    image.save(tmp_path / "a.png")
    column = [str(tmp_path / "a.png"), tmp_path / "a.png", encoded(image), image]
    pixels = decoding.decode(column, (4, 4), 3)
    assert all((each == np.asarray(image)).all() for each in pixels)


def test_a_camera_held_upright() -> None:
    image = Image.fromarray(np.arange(8, dtype=np.uint8).reshape(2, 4) * 30)
    exif = Image.Exif()
    exif[decoding.ORIENTATION] = 6
    turned = encoded(image, "JPEG", exif=exif, quality=100)
    assert decoding.survey([turned], 64) == ((4, 2), 1)
    pixels = decoding.decode([turned], (4, 2), 1)[0, ..., 0].astype(int)
    assert np.abs(pixels - np.rot90(np.asarray(image), -1)).max() <= 6


def test_what_is_transparent_is_white() -> None:
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (10, 20, 30, 255))
    pixels = decoding.decode([encoded(image)], (1, 2), 3)[0, 0]
    assert pixels.tolist() == [[255, 255, 255], [10, 20, 30]]


def test_sixteen_bits_become_eight() -> None:
    deep = Image.fromarray(np.array([[0, 257 * 100, 65535]], dtype=np.uint16))
    assert decoding.decode([encoded(deep)], (1, 3), 1).ravel().tolist() == [0, 100, 255]


def test_the_size_is_the_median_where_they_differ() -> None:
    sizes = [(10, 20), (30, 40), (50, 300)]
    column = [Image.new("L", (width, height)) for height, width in sizes]
    assert decoding.survey(column, 64) == ((30, 40), 1)
    assert decoding.survey(column[2:], 64) == ((50, 300), 1)
    assert decoding.survey([*column, *column[2:] * 3], 64)[0] == (50, 64)
    assert decoding.survey([column[0], Image.new("RGB", (20, 10))], 64) == ((10, 20), 3)


def test_images_that_cannot_be_read_are_told_of_together(tmp_path: Path) -> None:
    good = encoded(Image.fromarray(BIG))
    (tmp_path / "cut.png").write_bytes(good[: len(good) // 2])
    column = [good, b"no image", str(tmp_path / "cut.png"), str(tmp_path / "absent.png")]
    with pytest.raises(RequestError) as error:
        decoding.decode(column, (4, 4), 1)
    told = str(error.value)
    assert told.startswith("3 of 4 images cannot be read (row 1: it is no image of a known kind")
    assert f"row 2, {tmp_path / 'cut.png'}: " in told
    assert f"row 3, {tmp_path / 'absent.png'}: [Errno 2]" in told
    assert told.endswith("replace these files or take them out")


BIG = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)


def test_a_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "LARGEST_PIXELS", 1000)
    with pytest.raises(RequestError, match=r"64 x 64 pixels .* looks like a decompression bomb"):
        decoding.decode([encoded(Image.fromarray(BIG))], (4, 4), 1)


def test_a_claim_of_many_pixels_is_refused_from_the_header() -> None:
    bomb = bytearray(encoded(Image.new("1", (8, 8))))
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    with pytest.raises(RequestError, match=r"(?i)decompression bomb"):
        decoding.survey([bytes(bomb)], 64)


def test_floating_pixels_are_refused() -> None:
    with pytest.raises(RequestError, match="floating-point numbers; give it as an array"):
        decoding.decode([Image.fromarray(np.ones((2, 2), dtype=np.float32))], (2, 2), 1)


def test_many_images_stay_in_order() -> None:
    column = [Image.new("L", (2, 2), row) for row in range(200)]
    assert decoding.decode(column, (2, 2), 1)[:, 0, 0, 0].tolist() == list(range(200))


def test_resizing_keeps_the_mean() -> None:
    pixels = np.random.default_rng(0).random((2, 8, 8, 3), dtype=np.float32)
    small = decoding.resize(pixels, (4, 4))
    assert small.shape == (2, 4, 4, 3)
    np.testing.assert_allclose(small.mean(axis=(1, 2)), pixels.mean(axis=(1, 2)), atol=0.03)
    assert decoding.resize(pixels, (8, 8)) is pixels
