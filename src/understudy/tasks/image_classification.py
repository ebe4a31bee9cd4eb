"""Task `image-classification`: one image a row, one class an image."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from understudy.data import checks, images, near
from understudy.data.columns import choose_columns
from understudy.store import Column, Index, create, rows_per_shard_for
from understudy.tasks.labelled import (
    about,
    encode_labels,
    parts_of,
    refuse_bad_parts,
    slice_values,
    within,
)
from understudy.tasks.prepared import (
    ROLES,
    UNLABELLED,
    Facts,
    IntArray,
    Prepared,
    save_facts,
)
from understudy.tasks.reading import AsStored, Reading

if TYPE_CHECKING:
    from torch import nn

    from understudy.data.images import PixelFormat
    from understudy.data.rows import Rows
    from understudy.data.settings import Data
    from understudy.objectives import Objective
    from understudy.store import Store
    from understudy.students import Blueprint


class ImageClassification:
    """Images from arrays, folders, tables of paths or data sets; bytes are stored as bytes."""

    name: ClassVar[str] = "image-classification"
    metric: ClassVar[str] = "accuracy"
    gives: ClassVar[str] = "logits"
    several: ClassVar[bool] = False
    inputs: ClassVar[tuple[str, ...]] = ("image",)

    def prepare(self, rows: Mapping[str, Rows], data: Data, folder: Path) -> Prepared:
        """Check, split and store the rows; a folder that was begun before is continued.

        Raises: RequestError for whatever is wrong with the data.
        """
        given = [role for role in ROLES if role in rows]
        columns = {role: _columns(rows[role], role, data) for role in given}
        encoded, classes = encode_labels(rows, given, data)
        numbers = np.concatenate([encoded[role] for role in given])
        with about("train"):
            pixels = rows["train"].columns[columns["train"]["image"]]
            form = images.pixel_format(pixels, data.image_size)
        store = _store_images(rows, columns, numbers, form, folder)

        hashes = _hashes(store)
        parts = parts_of(given, encoded, hashes, data)
        refuse_bad_parts(parts, numbers, classes)
        mean, std = _moments(store, parts["train"])
        facts = Facts(
            task=self.name,
            classes=classes,
            form={
                "shape": [*form.size, form.channels],
                "dtype": form.dtype,
                "mean": mean,
                "std": std,
            },
            rows={role: len(rows[role]) for role in given},
            findings=tuple(asdict(f) for f in _findings(parts, hashes, numbers, classes, store)),
            slices=slice_values(rows, data, parts, given),
        )
        return save_facts(folder, facts, numbers, parts)

    def network(self, body: nn.Module, form: Mapping[str, Any]) -> nn.Module:
        """Stored images in, logits out: the body behind the normalisation of these data."""
        from understudy.tasks.pixels import ImageNetwork, Pixels

        return ImageNetwork(Pixels(form["mean"], form["std"], form.get("size")), body)

    def objective(self, classes: int) -> Objective:
        """0.9 soft labels at temperature 4 and 0.1 hard labels (QUALITY: the field's default)."""
        from understudy.objectives import HardLabels, SoftLabels

        return 0.9 * SoftLabels(temperature=4.0) + 0.1 * HardLabels()

    def blueprint(self, source: str, facts: Facts, dropout: float = 0.0) -> Blueprint:
        """What a name under `student:` or `train:` means for these images."""
        from understudy.students import read_blueprint

        return read_blueprint(source, tuple(facts.form["shape"]), len(facts.classes), dropout)

    def reading(self, folder: Path, form: Mapping[str, Any]) -> Reading:
        """Every network takes the images as they are stored; the rest is inside it."""
        return AsStored(self.inputs)

    def given(self, rows: Rows, columns: Mapping[str, str]) -> Any:
        """The images of a source, for `rows_of`."""
        return rows.columns[choose_columns(rows, ("image",), columns)["image"]]

    def rows_of(self, form: Mapping[str, Any], given: Any) -> dict[str, Any]:
        """Files, PIL images or arrays as stored images of the size that the network was made for.

        One file or PIL image alone is a list of one.
        Raises: RequestError where an image cannot be read.
        """
        from PIL.Image import Image

        if isinstance(given, str | Path | Image):
            given = [given]
        height, width, channels = form["shape"]
        pixels, _ = images.to_pixels(given, (height, width), channels, form["dtype"])
        return {"image": pixels}

    def text(self, inputs: Mapping[str, Any], row: int) -> str | None:
        """An image has no text."""
        return None

    def picture(self, inputs: Mapping[str, Any], row: int) -> bytes | None:
        """The image of one row as a PNG, stretched to the full range of grey."""
        from PIL import Image

        pixels = np.asarray(inputs["image"][row], dtype=np.float32)
        low, high = float(pixels.min()), float(pixels.max())
        stretched = ((pixels - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(stretched[..., 0] if stretched.shape[-1] == 1 else stretched).save(
            buffer, format="PNG"
        )
        return buffer.getvalue()


def _columns(rows: Rows, role: str, data: Data) -> dict[str, str]:
    wanted = ("image",) if role in UNLABELLED else ("image", "label")
    return choose_columns(rows, wanted, data.columns)


def _store_images(
    rows: Mapping[str, Rows],
    columns: Mapping[str, Mapping[str, str]],
    numbers: IntArray,
    form: PixelFormat,
    folder: Path,
) -> Store:
    """All roles behind one another in one store, a shard at a time."""
    layout = (
        Column("image", form.dtype, (*form.size, form.channels)),
        Column("label", "int64"),
    )
    provenance = {"what": "prepared rows", "key": folder.name}
    per_shard = rows_per_shard_for(layout, len(numbers))
    store = create(folder / "rows", Index(layout, len(numbers), per_shard, provenance))
    for shard in store.missing():
        span = store.span(shard)
        pieces = []
        for role, start, stop in within(rows, span):
            part = rows[role].select(np.arange(start, stop)).columns[columns[role]["image"]]
            with about(role):
                pixels, _ = images.to_pixels(part, form.size, form.channels, form.dtype)
            pieces.append(pixels)
        store.write(
            shard,
            {"image": np.concatenate(pieces), "label": numbers[span.start : span.stop]},
        )
    return store


def _chunks(store: Store) -> Iterator[tuple[int, Any]]:
    """(first row, images) of a few thousand rows at a time, in order."""
    for start in range(0, store.rows, 4096):
        yield start, store.read("image", start, min(start + 4096, store.rows))


def _hashes(store: Store) -> Any:
    return np.concatenate([checks.row_hashes(chunk) for _, chunk in _chunks(store)])


def _moments(store: Store, train: IntArray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel over the training rows."""
    total, squares, count = 0.0, 0.0, 0
    wanted = np.zeros(store.rows, dtype=bool)
    wanted[train] = True
    for start, chunk in _chunks(store):
        pixels = chunk[wanted[start : start + len(chunk)]].astype(np.float64)
        total = total + pixels.sum(axis=(0, 1, 2))
        squares = squares + np.square(pixels).sum(axis=(0, 1, 2))
        count += int(np.prod(pixels.shape[:3]))
    mean = np.asarray(total) / count
    deviation = np.sqrt(np.maximum(np.asarray(squares) / count - np.square(mean), 1e-12))
    return tuple(map(float, mean)), tuple(float(max(value, 1e-3)) for value in deviation)


def _findings(
    parts: Mapping[str, IntArray],
    hashes: Any,
    numbers: IntArray,
    classes: tuple[str, ...],
    store: Store,
) -> list[checks.Finding]:
    """What a user should know of these rows before trusting any figure."""
    train, test = parts["train"], parts["test"]
    coarse = np.concatenate([near.coarse(chunk) for _, chunk in _chunks(store)])

    def pixels(rows: IntArray) -> Any:
        order, place = np.unique(rows, return_inverse=True)
        found: Any = store.gather(order, ("image",))["image"]
        return found[place]

    return [
        *(f.renumbered(train) for f in checks.find_duplicates(hashes[train])),
        *(f.renumbered(test) for f in checks.find_leaks(hashes[train], hashes[test])),
        *(f.renumbered(test) for f in near.find_near_leaks(coarse, train, test, pixels)),
        *(f.renumbered(train) for f in checks.conflicting_labels(hashes[train], numbers[train])),
        *(f.renumbered(train) for f in checks.label_findings(numbers[train], classes)),
    ]
