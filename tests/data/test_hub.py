from __future__ import annotations

import shutil
from pathlib import Path

import datasets
import huggingface_hub.constants
import numpy as np
import pytest
from PIL import Image

from understudy.data import hub, images
from understudy.data.arrow import Cells
from understudy.errors import RequestError


def pets(rows: int = 4) -> datasets.Dataset:
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["dog", "cat"])}
    )
    pictures = [Image.new("RGB", (4, 3), (row, 0, 0)) for row in range(rows)]
    labels = [row % 2 for row in range(rows)]
    return datasets.Dataset.from_dict({"image": pictures, "label": labels}, features)


def test_a_saved_dataset_is_read_lazily(tmp_path: Path) -> None:
    pets().save_to_disk(tmp_path / "pets")
    assert hub.is_saved(tmp_path / "pets")
    rows = hub.read_saved(tmp_path / "pets", "pets")
    assert rows.classes == ("dog", "cat")
    assert list(rows.columns["label"]) == ["dog", "cat", "dog", "cat"]
    assert isinstance(rows.columns["image"], Cells)
    pixels, form = images.to_pixels(rows.columns["image"])
    assert pixels[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    assert form.size == (3, 4)


def test_a_saved_dict_has_parts(tmp_path: Path) -> None:
    datasets.DatasetDict(train=pets(4), test=pets(2)).save_to_disk(tmp_path / "pets")
    assert len(hub.read_saved(tmp_path / "pets", "pets")) == 4
    test = hub.read_saved(tmp_path / "pets", "pets@test", "test")
    assert (len(test), test.origin) == (2, "pets@test")
    with pytest.raises(RequestError, match=r"no part 'tests' .*did you mean 'test'\?"):
        hub.read_saved(tmp_path / "pets", "pets@tests", "tests")


def test_the_fingerprint_is_that_of_the_content(tmp_path: Path) -> None:
    for name, rows in (("a", pets()), ("b", pets()), ("c", pets().select([1, 0, 2, 3]))):
        rows.save_to_disk(tmp_path / name)
    first, same, other = (hub.read_saved(tmp_path / name, name).fingerprint for name in "abc")
    assert first == same != other


def test_a_damaged_folder_is_refused(tmp_path: Path) -> None:
    pets().save_to_disk(tmp_path / "pets")
    next((tmp_path / "pets").glob("*.arrow")).write_bytes(b"broken")
    with pytest.raises(RequestError, match="pets is no whole saved data set"):
        hub.read_saved(tmp_path / "pets", "pets")


def test_an_id_is_loaded_from_a_folder_with_a_part(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (pictures / "cat" / "notes.txt").unlink()
    for part in ("train", "test"):
        shutil.copytree(pictures, tmp_path / "all" / part)
    rows = hub.read_hub(f"{tmp_path / 'all'}@test")
    assert rows.classes == ("cat", "dog")
    assert rows.origin.endswith("all@test")
    assert images.to_pixels(rows.columns["image"])[0].shape == (4, 6, 5, 3)


def test_a_hub_that_cannot_be_reached_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(RequestError, match=r"hub:owner/name cannot be loaded: .*save_to_disk"):
        hub.read_hub("owner/name@test#config")


def test_other_columns_are_arrays_and_texts() -> None:
    loaded = datasets.Dataset.from_dict({"text": ["a", "b"], "grid": [[[1, 2]], [[3, 4]]]})
    rows = hub.read_loaded(loaded.select([1]), "given")
    assert list(rows.columns["text"]) == ["b"]
    assert np.asarray(rows.columns["grid"]).tolist() == [[[3, 4]]]
