from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from understudy.data.settings import Data
from understudy.errors import RequestError
from understudy.objectives import HardBinaryLabels, HardLabels, SoftBinaryLabels, SoftLabels
from understudy.recipe.looking import propose
from understudy.recipe.reading import read_text
from understudy.recipe.schema import Recipe, Trained
from understudy.recipe.students import Cut, FromTeacher, Preset
from understudy.training.settings import Training

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


def mail(path: Path, rows: int = 8, header: str = "message,label,channel,id") -> Path:
    """Texts of two classes, and two columns more; the last row has no label."""
    kinds = ["ham", "spam"] * (rows // 2)
    lines = [f"good day number {n},{kind},{'wx'[n % 2]},{n}" for n, kind in enumerate(kinds)]
    path.write_text("\n".join([header, *lines, "who knows,,w,99"]) + "\n")
    return path


def test_a_table_of_texts(tmp_path: Path):
    text, recipe = look(mail(tmp_path / "mail.csv", 30))
    assert recipe.data == Data(
        str(tmp_path / "mail.csv"), columns={"text": "message", "label": "label"}
    )
    assert recipe.task == "text-classification"
    assert recipe.teacher == Trained("cnn", training=Training(epochs=20, batch_size=64))
    assert recipe.student == "static"
    assert recipe.objective == 0.9 * SoftLabels(2.0) + 0.1 * HardLabels()
    assert recipe.training == Training(epochs=60, batch_size=64)
    for line in (
        "# Seen: 31 rows; a text has 4 words (median), the longest 4.",
        "# 2 classes, 15 rows each: ham, spam.",
        "# 1 rows have no label; the teacher labels them.",
        "# Columns not used: channel, id.",
        "  # slices: [channel]  # few values: quality by each of them",
    ):
        assert line in text.splitlines()


def test_texts_with_other_files_beside_them(tmp_path: Path):
    mail(tmp_path / "train.csv")
    mail(tmp_path / "test.csv")
    mail(tmp_path / "dev.csv", header="text,label,channel,id")
    (tmp_path / "logs.jsonl").write_text('{"message": "hello"}\n')
    (tmp_path / "oos.csv").write_text("message\nhow are you\n")
    text, recipe = look(tmp_path)
    data = recipe.data
    assert (data.train, data.test) == (str(tmp_path / "train.csv"), str(tmp_path / "test.csv"))
    assert data.unlabelled == str(tmp_path / "logs.jsonl")
    assert data.out_of_scope == str(tmp_path / "oos.csv")
    assert data.validation is None
    assert "dev.csv has no column message: split off train" in text


@pytest.mark.parametrize(
    ("kind", "teacher"),
    [("BertForSequenceClassification", "given"), ("BertModel", "trained")],
)
def test_a_teacher_of_texts_is_looked_at_as_well(tmp_path: Path, kind: str, teacher: str):
    from understudy.students.tokens import trained_tokens

    model = tmp_path / "model"
    model.mkdir()
    trained_tokens(["good day to all of you"], 64, 96).save(model)
    config = {
        "architectures": [kind],
        "id2label": {"0": "spam", "1": "ham"},
        "num_hidden_layers": 4,
        "vocab_size": 64,
        "max_position_embeddings": 96,
    }
    (model / "config.json").write_text(json.dumps(config))
    text, recipe = look(mail(tmp_path / "mail.csv"), str(model))
    assert recipe.data.most_tokens == 96
    assert "# student: {from_teacher: {layers: [0, 1, 3]}}" in text
    if teacher == "given":
        assert recipe.teacher == str(model)
        assert recipe.data.classes == ("spam", "ham")
    else:
        training = Training(epochs=10, batch_size=64, learning_rate=5e-5)
        assert recipe.teacher == Trained(str(model), training=training)
        assert "teacher:  # a BertModel, an encoder without classes, which is trained" in text


def test_students_that_are_named_in_comments_can_be_taken(tmp_path: Path):
    text = propose(str(mail(tmp_path / "mail.csv")))
    named = [line.removeprefix("# ") for line in text.splitlines() if "# student: " in line]
    taken = [read_text(text.replace("student: static", line, 1)).student for line in named]
    assert taken == [Preset("static", vocabulary="used"), "mini", FromTeacher(Cut((0, 2, 5)))]


def test_rows_of_other_tasks_are_refused(tmp_path: Path):
    (tmp_path / "a.csv").write_text("age,job\n30,nurse\n40,pilot\n")
    with pytest.raises(RequestError, match=r"for tabular-classification; that task is not there"):
        propose(str(tmp_path / "a.csv"))


@pytest.mark.skipif(not (DATA / "sms_spam").is_dir(), reason=f"no SMS spam in {DATA}")
def test_sms_spam():
    text, recipe = look(DATA / "sms_spam" / "spam.csv")
    assert recipe.data.columns == {"text": "message", "label": "label"}
    assert "# Seen: 5,573 rows; a text has 12 words (median), the longest 171." in text
    assert recipe.training.epochs == 40


@pytest.mark.skipif(not (DATA / "mnist").is_dir(), reason=f"no MNIST in {DATA}")
def test_mnist():
    text, recipe = look(DATA / "mnist")
    assert recipe.data.train == str(DATA / "mnist" / "train.npz")
    assert recipe.data.test == str(DATA / "mnist" / "test.npz")
    assert "# Seen: 60,000 rows; 28 x 28 pixels, grey, kept as uint8." in text
    assert "# 10 classes, 5,421 to 6,742 rows each: '0', '1'," in text


def test_lists_of_labels_are_several_classes_a_text(tmp_path: Path):
    rows = [
        {"text": f"please do a thing or two, number {n}", "tags": ["a", "b"] if n % 3 else ["c"]}
        for n in range(12)
    ]
    path = tmp_path / "tagged.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    text, recipe = look(path)
    assert recipe.task == "text-multilabel"
    assert [type(part.term) for part in recipe.objective.terms] == [
        SoftBinaryLabels,
        HardBinaryLabels,
    ]
    assert "# 3 classes, 4 to 8 rows each: a, b, c." in text
