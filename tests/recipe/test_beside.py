from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from understudy.recipe.beside import Beside, labelled_beside, texts_beside, train_file


def table(path: Path, rows: int = 2, header: str = "text,label") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"word {number},{'ab'[number % 2]}" for number in range(rows)]
    path.write_text("\n".join([header, *lines]) + "\n")
    return str(path)


def test_the_training_file_of_a_folder(tmp_path: Path):
    assert train_file(str(tmp_path)) == str(tmp_path)
    train = table(tmp_path / "train.csv")
    assert train_file(str(tmp_path)) == train_file(train) == train
    assert train_file("sklearn:digits") == "sklearn:digits"


@pytest.mark.parametrize(
    ("train", "other", "role"),
    [
        ("train.csv", "test.csv", "test"),
        ("train.csv", "dev.csv", "validation"),
        ("mail_train.csv", "mail_test.csv", "test"),
        ("mail_train.csv", "valid.csv", "validation"),
    ],
)
def test_files_of_a_like_name(tmp_path: Path, train: str, other: str, role: str):
    source = table(tmp_path / train)
    wanted = {role: Beside(table(tmp_path / other, 3), 3)}
    assert labelled_beside(source) == labelled_beside(source, ["text", "label"]) == wanted
    assert labelled_beside(source, ["text", "kind"])[role].lacks == "kind"


def test_a_file_that_is_not_called_train_has_no_test_file(tmp_path: Path):
    source = table(tmp_path / "mail.csv")
    table(tmp_path / "test.csv")
    assert labelled_beside(source) == {}


def test_parts_of_one_file(tmp_path: Path):
    path = tmp_path / "both.npz"
    images, labels = np.zeros((4, 8, 8), "uint8"), np.array([0, 1, 0, 1])
    np.savez(path, x_train=images, y_train=labels, x_test=images[:2], y_test=labels[:2])
    assert labelled_beside(str(path)) == {"test": Beside(f"{path}@test", 2)}


def test_parts_of_a_folder(tmp_path: Path):
    from PIL import Image

    for place in ("train/cat", "train/dog", "val/cat"):
        (tmp_path / place).mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / place / "0.png")
    assert labelled_beside(str(tmp_path)) == {"validation": Beside(f"{tmp_path}@val", 1)}


@pytest.mark.parametrize("name", ["logs.csv", "unlabeled.csv", "unlabelled.csv"])
def test_texts_without_labels(tmp_path: Path, name: str):
    source = table(tmp_path / "mail.csv")
    wanted = Beside(table(tmp_path / name, 5, "text,id"), 5)
    assert texts_beside(source, ["text"]) == {"unlabelled": wanted}
    assert texts_beside(source, ["message"])["unlabelled"].lacks == "message"
    assert texts_beside(wanted.source, ["text"]) == {}


def test_texts_out_of_scope_in_a_file_of_another_kind(tmp_path: Path):
    source = table(tmp_path / "train.csv")
    (tmp_path / "oos.jsonl").write_text('{"text": "hm"}\n')
    assert texts_beside(source, ["text"]) == {
        "out_of_scope": Beside(str(tmp_path / "oos.jsonl"), 1)
    }
    assert texts_beside("sklearn:digits", ["text"]) == {}
