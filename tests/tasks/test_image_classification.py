"""Images from every kind of source become the same rows; what is wrong with them is told."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from understudy.data import images, sources
from understudy.data.rows import Rows
from understudy.data.settings import Data
from understudy.errors import RequestError
from understudy.objectives import HardLabels, SoftLabels
from understudy.tasks import Prepared, image_classification
from understudy.tasks.image_classification import ImageClassification


def scans(rows: int, start: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Real digits as bytes [rows, 8, 8] and their labels."""
    digits = sources.read("sklearn:digits")
    part = slice(start, start + rows)
    return digits.columns["image"][part].astype(np.uint8), np.array(
        [int(label) for label in digits.columns["label"][part]]
    )


def noise(rows: int, classes: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images that differ, in classes of equal size."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (rows, 4, 4, 1), np.uint8), np.arange(rows) % classes


def prepare(folder: Path, train: object, **given: object) -> Prepared:
    """Prepare what sources give; roles and settings by name."""
    data = Data(train, **given)
    roles = {"train": train} | {
        role: given[role] for role in ("validation", "test", "unlabelled") if role in given
    }
    rows = {role: sources.read(source) for role, source in roles.items()}
    return ImageClassification().prepare(rows, data, folder / "prepared")


def contents(prepared: Prepared) -> np.ndarray:
    return np.asarray(prepared.store.read("image", 0, len(prepared)))


def as_arrays(folder: Path, pixels: np.ndarray, labels: np.ndarray) -> object:
    return pixels, labels


def as_loader(folder: Path, pixels: np.ndarray, labels: np.ndarray) -> object:
    pairs = torch.utils.data.TensorDataset(torch.from_numpy(pixels), torch.from_numpy(labels))
    return torch.utils.data.DataLoader(pairs, batch_size=7)


def as_folder(folder: Path, pixels: np.ndarray, labels: np.ndarray) -> object:
    for row, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        path = folder / "images" / str(label) / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return str(folder / "images")


def as_table(folder: Path, pixels: np.ndarray, labels: np.ndarray) -> object:
    with (folder / "table.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "label"])
        for row, (image, label) in enumerate(zip(pixels, labels, strict=True)):
            Image.fromarray(image).save(folder / f"{row}.png")
            table.writerow([f"{row}.png", label])
    return str(folder / "table.csv")


def as_dataset(folder: Path, pixels: np.ndarray, labels: np.ndarray) -> object:
    import datasets

    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=[*map(str, range(10))])}
    )
    table = {"image": [Image.fromarray(image) for image in pixels], "label": labels.tolist()}
    datasets.Dataset.from_dict(table, features=features).save_to_disk(folder / "dataset")
    return str(folder / "dataset")


@pytest.mark.parametrize("kind", [as_arrays, as_loader, as_folder, as_table, as_dataset])
def test_every_kind_of_source_gives_the_same_rows(tmp_path: Path, kind: Callable[..., object]):
    pixels, labels = scans(60)
    prepared = prepare(tmp_path, kind(tmp_path, pixels, labels))
    assert prepared.facts.form["shape"] == [8, 8, 1]
    assert prepared.facts.form["dtype"] == "uint8"
    assert prepared.facts.classes == tuple("0123456789")
    stored = contents(prepared)[..., 0]
    found = Counter(
        (image.tobytes(), int(n)) for image, n in zip(stored, prepared.labels, strict=True)
    )
    assert found == Counter(
        (image.tobytes(), int(n)) for image, n in zip(pixels, labels, strict=True)
    )


def test_bundled_digits_are_stored_as_they_are(prepared: Prepared):
    pixels, labels = scans(300)
    np.testing.assert_array_equal(contents(prepared)[..., 0], pixels)
    np.testing.assert_array_equal(prepared.labels, labels)
    np.testing.assert_array_equal(prepared.store.read("label", 0, 300), labels)
    assert prepared.facts.rows == {"train": 300}
    assert prepared.key == "digits"


def test_parts_are_disjoint_and_complete_and_stratified(prepared: Prepared):
    parts = prepared.splits
    assert parts.keys() == {"train", "validation", "test"}
    np.testing.assert_array_equal(np.sort(np.concatenate([*parts.values()])), np.arange(300))
    for rows in parts.values():
        assert (np.diff(rows) > 0).all()
    assert len(parts["test"]) == pytest.approx(60, abs=5)
    assert len(parts["validation"]) == pytest.approx(30, abs=5)
    whole = np.bincount(prepared.labels)
    in_test = np.bincount(prepared.labels[parts["test"]], minlength=10)
    assert (np.abs(in_test - 0.2 * whole) <= 1).all()


def test_mean_and_deviation_are_numpys_over_the_training_rows(prepared: Prepared, tmp_path: Path):
    random = np.random.default_rng(0)
    colour = random.normal([3, -2, 700], [1, 5, 20], (50, 5, 4, 3)).astype(np.float32)
    other = prepare(tmp_path, (colour, np.arange(50) % 2))
    for made, channels in ((prepared, 1), (other, 3)):
        pixels = contents(made)[made.splits["train"]].astype(np.float64).reshape(-1, channels)
        np.testing.assert_allclose(made.facts.form["mean"], pixels.mean(axis=0), rtol=1e-9)
        np.testing.assert_allclose(made.facts.form["std"], pixels.std(axis=0), rtol=1e-7)
    assert other.facts.form["dtype"] == "float32"


def test_a_constant_channel_does_not_divide_by_zero(tmp_path: Path):
    pixels, labels = noise(40)
    prepared = prepare(tmp_path, (np.concatenate([pixels, pixels, 0 * pixels], axis=3), labels))
    assert prepared.facts.form["std"][2] == pytest.approx(1e-3)


def test_the_split_follows_from_its_seed(tmp_path: Path):
    first, again, other = (
        prepare(tmp_path / name, noise(60), split_seed=seed).splits["test"].tolist()
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert first == again != other


def test_copies_stay_in_one_part(tmp_path: Path):
    pixels, labels = noise(60)
    order = np.random.default_rng(1).permutation(180)
    prepared = prepare(tmp_path, (np.tile(pixels, (3, 1, 1, 1))[order], np.tile(labels, 3)[order]))
    held = {
        part: {image.tobytes() for image in contents(prepared)[rows]}
        for part, rows in prepared.splits.items()
    }
    assert sum(map(len, held.values())) == 60
    assert len(set.union(*held.values())) == 60
    (found,) = [f for f in prepared.facts.findings if f["kind"] == "duplicates"]
    train = contents(prepared)[prepared.splits["train"]]
    assert found["count"] == len(train) - len(held["train"])
    repeats = [contents(prepared)[row].tobytes() for row in found["rows"]]
    assert set(found["rows"]) <= set(prepared.splits["train"].tolist())
    assert set(repeats) <= held["train"]


def test_sources_of_their_own_become_the_parts(tmp_path: Path):
    prepared = prepare(
        tmp_path,
        noise(20),
        validation=noise(6, seed=1),
        test=noise(8, seed=2),
        unlabelled=noise(5, seed=3)[0],
    )
    parts = {part: rows.tolist() for part, rows in prepared.splits.items()}
    assert parts == {
        "train": [*range(20), *range(34, 39)],
        "validation": [*range(20, 26)],
        "test": [*range(26, 34)],
    }
    assert prepared.facts.rows == {"train": 20, "validation": 6, "test": 8, "unlabelled": 5}
    assert (prepared.labels[34:] == -1).all()
    assert (prepared.labels[:34] >= 0).all()
    for part, seed in (("validation", 1), ("test", 2)):
        np.testing.assert_array_equal(
            contents(prepared)[prepared.splits[part]], noise(len(parts[part]), seed=seed)[0]
        )
    (found,) = [f for f in prepared.facts.findings if f["kind"] == "unlabelled"]
    assert found["count"] == 5


def test_rows_without_a_label_train_and_so_do_their_copies(tmp_path: Path):
    pixels, labels = noise(40)
    labels[:5] = -1
    everything = np.concatenate([pixels, pixels]), np.concatenate([labels, np.arange(40) % 2])
    prepared = prepare(tmp_path, everything)
    train = set(prepared.splits["train"].tolist())
    assert {*range(5), *range(40, 45)} <= train
    assert sum(map(len, prepared.splits.values())) == 80
    for part in ("validation", "test"):
        assert (prepared.labels[prepared.splits[part]] >= 0).all()


def sliced(rows: int, seed: int = 0) -> dict[str, object]:
    pixels, labels = noise(rows, seed=seed)
    site = [None if row % 5 == 0 else f"site {row % 3}" for row in range(rows)]
    age = np.where(np.arange(rows) % 4 == 0, np.nan, np.arange(rows))
    return {"image": pixels, "label": labels, "site": site, "age": age}


@pytest.mark.parametrize("own_test", [False, True])
def test_slices_are_those_of_the_test_rows(tmp_path: Path, own_test: bool):
    given = sliced(40)
    roles = {"test": sliced(30, seed=1)} if own_test else {}
    roles["validation"] = sliced(7, seed=2)  # lies before the test rows in the store
    prepared = prepare(tmp_path, given, slices=("site", "age"), **roles)
    source = roles.get("test", given)
    numbers = prepared.source_rows("test")
    images_there = np.asarray(source["image"])[numbers]
    np.testing.assert_array_equal(contents(prepared)[prepared.splits["test"]], images_there)
    wanted = [
        None if np.isnan(age) else str(age) for age in (source["age"][row] for row in numbers)
    ]
    assert list(prepared.facts.slices["age"]) == wanted
    assert list(prepared.facts.slices["site"]) == [source["site"][row] for row in numbers]


def test_leaks_into_a_test_source_are_found_and_kept(tmp_path: Path):
    train, test = noise(30), noise(10, seed=1)
    test[0][3], test[0][7] = train[0][0], train[0][1]
    prepared = prepare(tmp_path, train, test=test)
    (found,) = [f for f in prepared.facts.findings if f["kind"] == "leaked_test_rows"]
    assert (found["count"], list(found["rows"])) == (2, [33, 37])


def test_images_are_brought_to_the_size_asked_for(tmp_path: Path):
    prepared = prepare(tmp_path, scans(40), image_size=(5, 6))
    assert prepared.facts.form["shape"] == [5, 6, 1]
    assert contents(prepared).shape == (40, 5, 6, 1)


def test_classes_keep_the_order_given(tmp_path: Path):
    prepared = prepare(tmp_path, scans(60), classes=tuple("9876543210"))
    np.testing.assert_array_equal(prepared.labels, 9 - scans(60)[1])


def poisoned(rows: int, row: int) -> tuple[np.ndarray, np.ndarray]:
    pixels, labels = noise(rows)
    spoilt = pixels.astype(np.float32)
    spoilt[row, 1, 1] = np.nan
    return spoilt, labels


def nothing() -> Rows:
    return sources.read((np.zeros((4, 4, 4, 1)), np.arange(4) % 2)).select([])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"train": poisoned(20, 7)},
            "data.train: 1 of 20 images hold NaN or infinite values, row 7 first; mend these rows "
            "or leave them out",
        ),
        (
            {"train": (noise(20)[0] / 256, noise(20)[1]), "test": poisoned(9, 4)},
            "data.test: 1 of 9 images hold NaN or infinite values, row 4 first; mend these rows "
            "or leave them out",
        ),
        (
            {"train": noise(20, classes=1)},
            "data.train: the labels hold one class only ('0'); a classifier needs at least two "
            "classes",
        ),
        (
            {"train": noise(20, classes=1), "classes": ("0", "1")},
            "the training rows hold fewer than two of the classes (0, 1); there is nothing to tell "
            "apart",
        ),
        (
            {"train": noise(20), "test": (noise(3)[0], np.array([0, -1, -1]))},
            "2 of the 3 test rows have no label; they cannot be scored: label them, or move them "
            "to data.unlabelled",
        ),
        (
            {"train": noise(20), "test": nothing()},
            "the test part is empty; give more rows, a larger data.test_share, or a source of its "
            "own as data.test",
        ),
        (
            {"train": noise(20), "validation": nothing()},
            "the validation part is empty; give more rows, a larger data.validation_share, or a "
            "source of its own as data.validation",
        ),
        (
            {"train": noise(2)},
            "empty split: no row is left for 'test' (2 rows, 2 with a label, 2 of them different); "
            "give more labelled rows, or a source of its own for 'test'",
        ),
        (
            {"train": noise(20), "test": (noise(3)[0], np.array([0, 1, 2]))},
            "data.test: the label '2' is not among the 2 classes; known are: 0, 1",
        ),
        (
            {"train": noise(20), "test": (noise(3)[0] / 256, np.array([0, 1, 0]))},
            "data.test: images hold values that are no integers from 0 to 255, and others of these "
            "data are; bring all of them to the same scale",
        ),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, given: dict[str, object], told: str):
    with pytest.raises(RequestError) as caught:
        prepare(tmp_path, **given)
    assert str(caught.value) == told


def test_a_preparation_that_died_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(image_classification, "rows_per_shard_for", lambda columns, rows: 13)
    given = {"train": scans(40), "test": scans(20, start=40), "unlabelled": scans(11, start=60)[0]}
    whole = prepare(tmp_path / "whole", **given)
    assert whole.store.shards == 6

    to_pixels, calls = images.to_pixels, []

    def dies(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return to_pixels(*arguments)

    monkeypatch.setattr(images, "to_pixels", dies)
    with pytest.raises(KeyboardInterrupt):
        prepare(tmp_path / "killed", **given)
    left = sorted((tmp_path / "killed/prepared/rows").glob("*.safetensors"))
    assert 0 < len(left) < 6
    began = len(calls)
    continued = prepare(tmp_path / "killed", **given)
    # Six shards in eight pieces, of which the first three were there.
    assert len(calls) - began == 8 - 3
    np.testing.assert_array_equal(contents(continued), contents(whole))
    for name in ("facts.json", "splits.safetensors"):
        stored = [tmp_path / run / "prepared" / name for run in ("whole", "killed")]
        assert stored[0].read_bytes() == stored[1].read_bytes()
    for path in (tmp_path / "whole/prepared/rows").glob("*.safetensors"):
        assert (tmp_path / "killed/prepared/rows" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "pixels",
    [
        noise(3)[0],
        np.random.default_rng(0).normal(size=(3, 6, 5, 3)).astype(np.float32),
        np.full((3, 4, 4, 1), 7, np.uint8),
    ],
)
def test_a_picture_is_a_png_over_the_whole_range(pixels: np.ndarray):
    picture = ImageClassification().picture({"image": pixels}, 2)
    with Image.open(io.BytesIO(picture)) as image:
        shown = np.asarray(image, dtype=np.float64)
        assert image.format == "PNG"
    assert shown.shape == (pixels.shape[1:] if pixels.shape[3] == 3 else pixels.shape[1:3])
    row = pixels[2].astype(np.float64).reshape(shown.shape)
    spread = np.ptp(row)
    wanted = (row - row.min()) * 255 / spread if spread else 0 * row
    assert np.abs(shown - wanted).max() <= 1


def test_inputs_of_a_user_become_stored_images(tmp_path: Path):
    task, form = ImageClassification(), {"shape": [8, 8, 1], "dtype": "uint8"}
    pixels = scans(2)[0]
    pictures = [Image.fromarray(image) for image in pixels]
    files = [tmp_path / f"{row}.png" for row in range(2)]
    for file, picture in zip(files, pictures, strict=True):
        picture.save(file)
    for given in (pixels, pictures, files, [str(file) for file in files]):
        np.testing.assert_array_equal(task.rows_of(form, given)["image"], pixels[..., None])
    for given in (pictures[0], files[0], str(files[0])):
        np.testing.assert_array_equal(task.rows_of(form, given)["image"], pixels[:1, ..., None])
    smaller = task.rows_of({"shape": [4, 4, 3], "dtype": "float32"}, files)["image"]
    assert (smaller.shape, smaller.dtype) == ((2, 4, 4, 3), np.float32)


def test_the_network_normalises_as_the_form_says(prepared: Prepared):
    network = ImageClassification().network(torch.nn.Flatten(), prepared.facts.form)
    train = contents(prepared)[prepared.splits["train"]]
    shown = network(torch.from_numpy(train))
    assert shown.mean().item() == pytest.approx(0, abs=1e-5)
    assert shown.std(correction=0).item() == pytest.approx(1, abs=1e-5)


def test_the_default_objective_is_the_fields():
    assert ImageClassification().objective(10) == 0.9 * SoftLabels(4.0) + 0.1 * HardLabels()
