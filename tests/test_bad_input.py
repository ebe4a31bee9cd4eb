"""What a user can get wrong: one sentence on stderr, exit code 2, no traceback, nothing broken."""

from __future__ import annotations

import errno
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

RECIPE = """\
data: {train: rows.npz}
teacher: {train: mlp-32, training: {epochs: 3, batch_size: 64}}
student: mlp-8
training: {epochs: 2, batch_size: 64}
rivals: none
export: []
evaluation: {resamples: 20, seconds: 0.02}
"""

MODELS = """\
import torch
from torch import nn


def linear(classes=10, order=None, bias=0.0):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, classes))
    nn.init.constant_(net[1].bias, bias)
    return net


def seven():
    return linear(7)


def broken():
    return linear(bias=float("nan"))


def large():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 300), nn.ReLU(), nn.Linear(300, 10))


def narrow():
    return nn.Sequential(nn.Flatten(), nn.Linear(63, 10))


def nothing():
    return None
"""


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    found = load_digits()
    return found.images.astype(np.uint8), found.target


@pytest.fixture
def place(
    tmp_path: Path, digits: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A user's folder with a recipe that runs, a cache of its own, and code of the user's."""
    x, y = digits
    np.savez(tmp_path / "rows.npz", x=x[:400], y=y[:400])
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "users_models.py").write_text(MODELS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("UNDERSTUDY_CACHE", str(tmp_path / "cache"))
    sys.modules.pop("users_models", None)
    return tmp_path


@pytest.fixture
def refused(command: Callable, place: Path) -> Callable[..., str]:
    """Runs the recipe with overrides, which must be refused; gives the sentence."""

    def run(*overrides: str, words: tuple[str, ...] = ()) -> str:
        sets = [word for override in overrides for word in ("--set", override)]
        said = command("distill", place / "recipe.yaml", "--out", place / "run", *sets, *words)
        assert said.code == 2, (said.out, said.err)
        sentence = said.err.splitlines()[-1]
        assert sentence.startswith("understudy: ")
        assert "Traceback" not in said.err
        assert not (place / "run" / "scorecard.json").exists()
        assert not (place / "run" / "student").exists()
        return sentence.removeprefix("understudy: ")

    return run


def runs(command: Callable, place: Path, *words: str) -> None:
    said = command("distill", place / "recipe.yaml", "--out", place / "run", *words)
    assert said.code == 0, said.err


# Recipes.


def test_an_unknown_key(refused: Callable, place: Path):
    (place / "recipe.yaml").write_text(
        RECIPE.replace("batch_size: 64}\nrivals", "batchsize: 64}\nrivals")
    )
    sentence = refused()
    assert sentence.startswith("recipe.yaml, line 4: ")
    assert "batchsize" in sentence
    assert "did you mean 'batch_size'?" in sentence


def test_an_unknown_key_in_an_override(refused: Callable):
    sentence = refused("traning.epochs=3")
    assert "did you mean 'training'?" in sentence


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("training.epochs=many", "training.epochs"),
        ("training.epochs=0", "must be 1 or more"),
        ("data.test_share=0.95", "must leave rows to train on"),
        ("task=image-clasification", "did you mean 'image-classification'?"),
        ("export=[onxx]", "did you mean 'onnx'?"),
        ("require=[accurracy > 0.5]", "did you mean 'accuracy'?"),
        ("student=mlp_8", "did you mean 'mlp-"),
        ("objective=[{soft_lables: {}}]", "did you mean 'soft_labels'?"),
    ],
)
def test_a_wrong_value_names_its_key_or_the_right_spelling(
    refused: Callable, override: str, words: str
):
    assert words in refused(override)


def test_no_yaml(refused: Callable, place: Path):
    (place / "recipe.yaml").write_text("data: [rows.npz\nteacher: x\n")
    assert "recipe.yaml, line" in refused()


def test_a_recipe_that_is_not_there(command: Callable, place: Path):
    said = command("distill", place / "recipes.yaml")
    assert said.code == 2
    assert "recipes.yaml' does not exist" in said.err


def test_the_run_folder_of_another_recipe(command: Callable, place: Path):
    runs(command, place)
    before = (place / "run" / "student" / "model.safetensors").read_bytes()
    said = command("distill", place / "recipe.yaml", "--out", place / "run", "--student", "mlp-9")
    assert said.code == 2
    assert "belongs to another recipe: student was mlp-8 and is mlp-9" in said.err
    assert (place / "run" / "student" / "model.safetensors").read_bytes() == before


# Data.


def test_a_missing_file(refused: Callable):
    sentence = refused("data.train=row.npz")
    assert sentence.startswith("data.train: there is no file 'row.npz'")


def test_a_missing_file_gets_the_nearest_name(refused: Callable, place: Path, monkeypatch):
    monkeypatch.chdir(place)
    assert "did you mean 'rows.npz'?" in refused("data.train=row.npz")


def test_a_wrong_column(refused: Callable):
    sentence = refused("data.columns={image: pixel, label: y}")
    assert "has no column 'pixel', which data.columns names as image (it has x, y)" in sentence


def test_no_label_column(refused: Callable, place: Path):
    np.savez(place / "rows.npz", x=np.zeros((20, 8, 8), dtype=np.uint8), when=np.arange(20))
    assert "no column that looks like the label" in refused()


def test_an_empty_source(refused: Callable, place: Path):
    np.savez(place / "none.npz", x=np.zeros((0, 8, 8), np.uint8), y=np.zeros(0, np.int64))
    assert "holds no rows" in refused("data.train=none.npz")
    assert refused("data.test=none.npz").startswith("data.test: ")


def test_an_empty_split(refused: Callable, place: Path, digits: tuple):
    x, y = digits
    few = np.flatnonzero(y < 2)[:4]
    np.savez(place / "rows.npz", x=x[few], y=y[few])
    sentence = refused()
    assert "empty split: no row is left for 'validation' (4 rows" in sentence
    assert "give more labelled rows" in sentence


def test_one_class_only(refused: Callable, place: Path, digits: tuple):
    x, _ = digits
    np.savez(place / "rows.npz", x=x[:50], y=np.full(50, 7))
    assert "one class only ('7'); a classifier needs at least two" in refused()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_inputs_that_are_no_numbers(refused: Callable, place: Path, digits: tuple, value: float):
    x, y = digits
    images = x[:100].astype(np.float32) / 7
    images[[3, 40], 2, 2] = value
    np.savez(place / "rows.npz", x=images, y=y[:100])
    sentence = refused()
    assert "NaN" in sentence or "infinite" in sentence or "finite" in sentence
    assert "3" in sentence  # the first such row


def test_a_corrupt_image(refused: Callable, place: Path, digits: tuple):
    from PIL import Image

    x, y = digits
    for row in range(60):
        folder = place / "scans" / str(y[row] % 3)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(x[row]).save(folder / f"{row:02}.png")
    broken = sorted((place / "scans" / "1").glob("*.png"))[2]
    broken.write_bytes(broken.read_bytes()[:40])
    sentence = refused("data.train=scans")
    assert broken.name in sentence
    assert "cannot be read" in sentence


def test_a_pickle_as_data(refused: Callable, place: Path):
    (place / "rows.pkl").write_bytes(b"\x80\x04.")
    assert "is a pickle, which is never loaded" in refused("data.train=rows.pkl")
    np.save(place / "objects.npy", np.asarray([{"a": 1}]), allow_pickle=True)
    assert "pickle" in refused("data.train=objects.npy")


# Teachers.


def test_a_teacher_of_another_number_of_classes(refused: Callable):
    sentence = refused("teacher=users_models:seven", words=("--allow-code",))
    assert sentence.startswith("the teacher answers 7 classes, but the data have 10: 0, 1, 2")


def test_a_teacher_with_its_classes_in_another_order(refused: Callable):
    classes = [str(number) for number in (1, 0, 2, 3, 4, 5, 6, 7, 8, 9)]
    teacher = f"teacher={{model: 'users_models:linear', classes: {classes}}}"
    sentence = refused(teacher, words=("--allow-code",))
    assert "classes stand in another order than the data's: [1, 0, 2" in sentence
    assert "set data.classes to the teacher's order" in sentence


def test_a_teacher_whose_outputs_are_unnamed_and_in_another_order(
    refused: Callable, command: Callable, place: Path
):
    # A good teacher that has its outputs shuffled.
    from safetensors.numpy import load_file, save_file

    good = "teacher={train: mlp-32, training: {epochs: 20, batch_size: 32, learning_rate: 0.01}}"
    assert command("teach", place / "recipe.yaml", "--out", place / "run", "--set", good).code == 0
    (learnt,) = (place / "cache" / "teachers").iterdir()
    model = place / "shuffled"
    shutil.copytree(learnt, model)
    weights = load_file(model / "model.safetensors")
    order = [3, 1, 4, 0, 5, 9, 2, 6, 8, 7]
    for name in ("layers.3.weight", "layers.3.bias"):
        weights[name] = weights[name][order]
    save_file(weights, model / "model.safetensors")
    sentence = refused(f"teacher={model}")
    assert "its class order differs from the data's; set data.classes to that list" in sentence
    assert "[3, 1, 4, 0, 5, 9, 2, 6, 8, 7]" in sentence


def test_a_teacher_that_answers_nan(refused: Callable, place: Path):
    sentence = refused("teacher=users_models:broken", words=("--allow-code",))
    assert "the teacher's logits are NaN or infinite for 2 of 2 rows, row 0 first" in sentence
    assert not (place / "cache" / "knowledge").exists()


def test_a_teacher_that_answers_nan_now_and_then(command: Callable, place: Path, digits: tuple):
    """Found while it is asked: the row is named, and no shard of it is listed."""
    from understudy import Data, Recipe, RequestError, distill

    class Moody:
        fingerprint, classes = "moody", None

        def answer(self, inputs: dict) -> dict:
            import torch

            logits = torch.zeros(len(inputs["image"]), 10)
            logits[inputs["image"].flatten(1).sum(1) == 301] = float("nan")
            return {"logits": logits}

    x, y = digits
    rows = Data((x[:400], y[:400]))
    first = np.flatnonzero(x[:400].reshape(400, -1).sum(1) == 301)[0]
    with pytest.raises(
        RequestError, match=rf"NaN or infinite for \d of \d+ rows, row {first} first"
    ):
        distill(Recipe(rows, Moody(), "mlp-8"), place / "run")
    assert not list((place / "cache").glob("knowledge/*/shard-*"))


def test_a_student_larger_than_its_teacher_is_warned_of(command: Callable, place: Path):
    said = command("distill", place / "recipe.yaml", "--out", place / "run", "--student", "mlp-64")
    assert said.code == 0, said.err
    assert "warning" in said.err
    assert "the student is not smaller than its teacher" in said.err
    log = (place / "run" / "log.jsonl").read_text().splitlines()
    (warning,) = [json.loads(line) for line in log if '"warning"' in line]
    assert "4,810 against 2,410 parameters" in warning["text"]
    card = json.loads((place / "run" / "scorecard.json").read_text())
    assert "Choose a smaller student, or keep the teacher." in card["advice"]
    report = (place / "run" / "report.html").read_text()
    assert "Choose a smaller student" in report


@pytest.mark.parametrize("role", ["student", "teacher={train: %s}", "teacher"])
def test_a_network_that_does_not_fit_the_images(refused: Callable, place: Path, role: str):
    name = "users_models:narrow"
    asked = role % f"'{name}'" if "%" in role else f"{role}={name}"
    sentence = refused(asked, words=("--allow-code",))
    assert "cannot read these inputs (8 x 8 x 1)" in sentence


def test_a_student_of_another_number_of_classes(refused: Callable):
    sentence = refused("student=users_models:seven", words=("--allow-code",))
    assert (
        "'users_models:seven' answers two rows with (2, 7); expected a tensor (2, 10)" in sentence
    )


def test_weights_that_cannot_be_read(refused: Callable, command: Callable, place: Path):
    runs(command, place)
    model = place / "model"
    shutil.copytree(place / "run" / "student", model)
    shutil.rmtree(place / "run")
    (model / "model.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{not json")
    assert f"the weights in '{model}' cannot be read" in refused(f"teacher={model}")
    (model / "understudy.json").write_text("{")
    assert "understudy.json cannot be read" in refused(f"teacher={model}")
    (model / "understudy.json").unlink()
    refused(f"teacher={model}")


@pytest.mark.parametrize("name", ["teacher.pt", "teacher.bin", "teacher.pkl"])
def test_a_pickle_as_weights(refused: Callable, place: Path, name: str):
    spell = place / "spell"
    (place / name).write_bytes(f"cposix\nsystem\n(S'touch {spell}'\ntR.".encode())
    sentence = refused(f"teacher={place / name}")
    assert "is a pickle, which can run code when it is opened" in sentence
    assert not spell.exists()


def test_a_folder_with_pickled_weights(refused: Callable, place: Path):
    model = place / "old-model"
    model.mkdir()
    (model / "config.json").write_text('{"model_type": "vit"}')
    spell = place / "spell"
    (model / "pytorch_model.bin").write_bytes(f"cposix\nsystem\n(S'touch {spell}'\ntR.".encode())
    for role in ("teacher", "student"):
        assert "is a pickle" in refused(f"{role}={model}")
    assert not spell.exists()


def test_a_function_that_gives_no_network(refused: Callable):
    for name, words in {
        "users_models:nothing": "gave a NoneType; it must return a torch.nn.Module",
        "users_models:missing": "cannot be called",
        "no_such_module:net": "cannot be called",
    }.items():
        assert words in refused(f"teacher={name}", words=("--allow-code",))
    assert "--allow-code" in refused("teacher=users_models:large")


# Disks.


def test_a_full_disk_while_storing_knowledge(
    command: Callable, place: Path, monkeypatch: pytest.MonkeyPatch
):
    from understudy.store import shards as writing

    assert command("plan", place / "recipe.yaml", "--out", place / "run").code == 0
    write_shard = writing.write_shard

    def full(path: Path, tensors: dict) -> object:
        if "knowledge" in str(path):
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_shard(path, tensors)

    with monkeypatch.context() as patch:
        patch.setattr("understudy.store.writing.write_shard", full)
        said = command("distill", place / "recipe.yaml", "--out", place / "run")
    assert said.code == 2
    assert "the disk is full while writing" in said.err
    assert "free some space and run the same command" in said.err
    (store,) = (place / "cache" / "knowledge").iterdir()
    assert [path.name for path in store.iterdir()] == ["index.json"]
    runs(command, place)


def test_a_file_size_limit_is_met_like_a_full_disk(command: Callable, place: Path):
    """The kernel itself refuses: a process that may write no file above 8 kB."""
    assert command("plan", place / "recipe.yaml", "--out", place / "run").code == 0
    assert command("teach", place / "recipe.yaml", "--out", place / "run").code == 0
    shutil.rmtree(place / "cache" / "knowledge")
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000)); "
        "from understudy.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "teach", place / "recipe.yaml", "--out", place / "run"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert "the disk is full while writing" in done.stderr
    assert "Traceback" not in done.stderr
    (store,) = (place / "cache" / "knowledge").iterdir()
    assert [path.name for path in store.iterdir()] == ["index.json"]
    said = command("teach", place / "recipe.yaml", "--out", place / "run")
    assert said.code == 0
    assert said.out.startswith("400 rows")


def test_a_damaged_shard_is_found_by_its_hash_and_only_it_is_asked_again(
    command: Callable, place: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("understudy.teachers.teaching.rows_per_shard_for", lambda *words: 64)
    runs(command, place)
    (store,) = (place / "cache" / "knowledge").iterdir()
    shards = sorted(store.glob("*.safetensors"))
    assert len(shards) == 7
    before = {path.name: path.read_bytes() for path in shards}
    whole = before[shards[2].name]
    shards[2].write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
    lines = len((place / "run" / "log.jsonl").read_text().splitlines())
    runs(command, place)
    since = (place / "run" / "log.jsonl").read_text().splitlines()[lines:]
    records = [json.loads(line) for line in since]
    asked = [record["rows"] for record in records if record["event"] == "taught"]
    assert asked == [64]
    (damaged,) = [record for record in records if record["event"] == "damaged shard"]
    assert damaged["shard"] == 2
    assert {path.name: path.read_bytes() for path in sorted(store.glob("*.safetensors"))} == before
    # Nothing was trained again: the student learnt from what was whole then.
    assert not [record for record in records if record["event"] == "epoch"]


def test_a_run_folder_that_cannot_be_one(command: Callable, place: Path):
    (place / "taken").write_text("mine")
    said = command("distill", place / "recipe.yaml", "--out", place / "taken")
    assert said.code == 2
    assert "cannot be a run folder" in said.err


def test_a_damaged_checkpoint(command: Callable, place: Path):
    checkpoints = place / "run" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "control.safetensors").write_bytes(b"garbage")
    said = command("distill", place / "recipe.yaml", "--out", place / "run")
    assert said.code == 2
    assert "control.safetensors is damaged" in said.err
    assert "delete it and run the same command" in said.err
    (checkpoints / "control.safetensors").unlink()
    runs(command, place)


# Runs and models.


@pytest.mark.parametrize("name", ["evaluate", "report", "compare", "export"])
def test_a_folder_that_is_no_run(command: Callable, place: Path, name: str):
    said = command(name, place / "gone", *(["onnx"] if name == "export" else []))
    assert said.code == 2
    assert f"'{place / 'gone'}' is no" in said.err
    assert not (place / "gone").exists()


def test_new_data_of_other_classes(command: Callable, place: Path):
    runs(command, place)
    np.savez(place / "new.npz", x=np.zeros((4, 8, 8), np.uint8), y=np.asarray([0, 1, 11, 12]))
    said = command("evaluate", place / "run", "--data", place / "new.npz")
    assert said.code == 2
    assert "11" in said.err
    said = command("predict", place / "run", place / "gone.npz", "--to", place / "answers.csv")
    assert said.code == 2
    assert "there is no file" in said.err


# Ctrl-C.


def test_an_interrupted_run_is_continued_by_the_same_command(command: Callable, place: Path):
    sets = ("--set", "training.epochs=200", "--set", "training.checkpoint_seconds=0.05")
    words = ("distill", str(place / "recipe.yaml"), "--out", str(place / "run"), *sets)
    log = place / "run" / "log.jsonl"

    def epochs() -> list[int]:
        lines = log.read_text().splitlines() if log.is_file() else []
        return [json.loads(line)["epoch"] for line in lines if '"model": "student"' in line]

    with subprocess.Popen(
        [sys.executable, "-m", "understudy", *words], stderr=subprocess.PIPE, text=True
    ) as process:
        until = time.monotonic() + 60
        while len(epochs()) < 20 and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert err.splitlines()[-1] == "understudy: interrupted; the same command continues"
    assert "Traceback" not in err
    assert not (place / "run" / "student").exists()
    before = epochs()
    assert before == list(range(1, len(before) + 1))
    assert command(*words).code == 0
    after = epochs()[len(before) :]
    assert after[0] > 1  # from the checkpoint, not from the start
    assert after == list(range(after[0], 201))
