from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from understudy.data.settings import Data
from understudy.errors import RequestError
from understudy.recipe.looking import propose
from understudy.recipe.reading import read_text
from understudy.recipe.schema import Recipe

DATA = Path(os.environ.get("UNDERSTUDY_DATA", Path(__file__).parents[2] / "../shared/data"))


def picture(path: Path, size: tuple[int, int] = (20, 10)) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (path.name.encode()[0], 0, 0)).save(path)
    return path.name


def look(source: Path | str, teacher: str | None = None) -> tuple[str, Recipe]:
    text = propose(str(source), teacher)
    return text, read_text(text)


def arrays(path: Path, rows: int = 6) -> Path:
    images = np.arange(rows * 64, dtype="uint8").reshape(rows, 8, 8)
    np.savez(path, x=images, y=np.arange(rows) % 3)
    return path


def test_a_folder_of_images_with_parts(tmp_path: Path):
    for part, count in (("train", 4), ("test", 2), ("val", 1)):
        for kind in ("cat", "dog"):
            for number in range(count):
                picture(tmp_path / part / kind / f"{number}.png", (20 + number, 10))
    text, recipe = look(tmp_path)
    assert recipe.data == Data(
        str(tmp_path),
        validation=f"{tmp_path}@val",
        test=f"{tmp_path}@test",
        columns={"image": "image", "label": "label"},
        image_size=(10, 21),
    )
    assert "# Seen: 8 rows; images that differ in size, 10 x 21 pixels suit them" in text
    assert "# 2 classes, 4 rows each: cat, dog." in text
    assert "# 4 rows, found beside it" in text
    _, train_alone = look(tmp_path / "train")
    assert train_alone.data.test == str(tmp_path / "test")
    assert train_alone.data.validation == str(tmp_path / "val")


def test_a_table_of_paths(tmp_path: Path):
    lines = [f"{picture(tmp_path / f'{n}.png')},{kind}" for n, kind in enumerate("ababa")]
    (tmp_path / "pets.csv").write_text("\n".join(["file,kind", *lines]) + "\n")
    text, recipe = look(tmp_path / "pets.csv")
    assert recipe.data == Data(
        str(tmp_path / "pets.csv"), columns={"image": "file", "label": "kind"}
    )
    assert "# Seen: 5 rows; 10 x 20 pixels, in colour, kept as uint8." in text
    assert "# no test rows were found: split off train" in text


def test_arrays_with_a_test_file_beside_them(tmp_path: Path):
    train, test = arrays(tmp_path / "train.npz"), arrays(tmp_path / "test.npz", 3)
    for source in (train, tmp_path):
        text, recipe = look(source)
        assert (recipe.data.train, recipe.data.test) == (str(train), str(test))
        assert "# Seen: 6 rows; 8 x 8 pixels, grey, kept as uint8." in text


def test_parts_within_one_file(tmp_path: Path):
    images, labels = np.zeros((4, 8, 8), "uint8"), np.array([0, 1, 0, 1])
    path = tmp_path / "both.npz"
    np.savez(path, x_train=images, y_train=labels, x_test=images[:2], y_test=labels[:2])
    assert look(path)[1].data.test == f"{path}@test"


def test_digits_come_with_their_names():
    text, recipe = look("sklearn:digits")
    assert recipe.data.train == "sklearn:digits"
    assert "# Seen: 1,797 rows; 8 x 8 pixels, grey, kept as uint8." in text


def test_a_teacher_is_looked_at_as_well(tmp_path: Path):
    (tmp_path / "model").mkdir()
    config = {
        "architectures": ["ViTForImageClassification"],
        "id2label": {"0": "zero", "1": "one", "2": "two"},
    }
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    teacher = str(tmp_path / "model")
    text, recipe = look(arrays(tmp_path / "a.npz"), teacher)
    assert recipe.teacher == teacher
    assert recipe.data.classes == ("zero", "one", "two")
    assert "# a ViTForImageClassification, 3 classes" in text


def test_rows_without_images_are_refused(tmp_path: Path):
    (tmp_path / "a.csv").write_text("text,intent\nhello there,greet\nbye,leave\n")
    with pytest.raises(RequestError, match=r"so it is for text-classification; that task is not"):
        propose(str(tmp_path / "a.csv"))


@pytest.mark.skipif(not (DATA / "mnist").is_dir(), reason=f"no MNIST in {DATA}")
def test_mnist():
    text, recipe = look(DATA / "mnist")
    assert recipe.data.train == str(DATA / "mnist" / "train.npz")
    assert recipe.data.test == str(DATA / "mnist" / "test.npz")
    assert "# Seen: 60,000 rows; 28 x 28 pixels, grey, kept as uint8." in text
    assert "# 10 classes, 5,421 to 6,742 rows each: '0', '1'," in text
