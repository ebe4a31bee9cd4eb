"""Real data where it is there, and small files made by real libraries."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

REAL = Path(os.environ.get("UNDERSTUDY_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))


@pytest.fixture
def real() -> Callable[[str], Path]:
    """The path of a real data file; the test is skipped where it is not on this machine."""

    def find(name: str) -> Path:
        path = REAL / name
        if not path.exists():
            pytest.skip(f"the real data set {name} is not here; set UNDERSTUDY_DATA to its folder")
        return path

    return find


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder `cat` and `dog` of two colour images each, with things that are no images."""
    random = np.random.default_rng(0)
    folder = tmp_path / "pictures"
    for name in ("dog", "cat"):
        (folder / name).mkdir(parents=True)
        for number in range(2):
            pixels = random.integers(0, 256, (6, 5, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    (folder / "cat" / ".hidden.png").write_bytes(b"")
    (folder / "cat" / "notes.txt").write_text("a note")
    return folder
