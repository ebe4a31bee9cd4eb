"""Task `image-classification`: one image a row, one class an image."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from understudy.data import checks, images, labels, near, splits
from understudy.data.columns import choose_columns
from understudy.errors import RequestError
from understudy.store import Column, Index, create, rows_per_shard_for
from understudy.tasks.prepared import ROLES, Facts, IntArray, Prepared, open_prepared, save_facts

if TYPE_CHECKING:
    from torch import nn

    from understudy.data.images import PixelFormat
    from understudy.data.rows import Rows
    from understudy.data.settings import Data
    from understudy.objectives import Objective
    from understudy.store import Store


class ImageClassification:
    """Images from arrays, folders, tables of paths or data sets; bytes are stored as bytes."""

    name: ClassVar[str] = "image-classification"
    metric: ClassVar[str] = "accuracy"
    inputs: ClassVar[tuple[str, ...]] = ("image",)

    def prepare(self, rows: Mapping[str, Rows], data: Data, folder: Path) -> Prepared:
        """Check, split and store the rows; a folder that was begun before is continued.

        Raises: RequestError for whatever is wrong with the data.
        """
        given = [role for role in ROLES if role in rows]
        columns = {role: _columns(rows[role], role, data) for role in given}
        encoded, classes = _labels(rows, columns, data)
        numbers = np.concatenate([encoded[role] for role in given])
        with _about("train"):
            pixels = rows["train"].columns[columns["train"]["image"]]
            form = images.pixel_format(pixels, data.image_size)
        store = _store_images(rows, columns, numbers, form, folder)

        hashes = _hashes(store)
        parts = _parts(given, encoded, hashes, data)
        _refuse_bad_parts(parts, numbers, classes)
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
            slices=_slices(rows, data, parts, given),
        )
        save_facts(folder, facts, numbers, parts)
        prepared = open_prepared(folder)
        assert prepared is not None
        return prepared

    def network(self, body: nn.Module, form: Mapping[str, Any]) -> nn.Module:
        """Stored images in, logits out: the body behind the normalisation of these data."""
        from understudy.tasks.pixels import ImageNetwork, Pixels

        return ImageNetwork(Pixels(form["mean"], form["std"], form.get("size")), body)

    def objective(self, classes: int) -> Objective:
        """0.9 soft labels at temperature 4 and 0.1 hard labels (QUALITY: the field's default)."""
        from understudy.objectives import HardLabels, SoftLabels

        return 0.9 * SoftLabels(temperature=4.0) + 0.1 * HardLabels()

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
    wanted = ("image",) if role == "unlabelled" else ("image", "label")
    return choose_columns(rows, wanted, data.columns)


def _labels(
    rows: Mapping[str, Rows], columns: Mapping[str, Mapping[str, str]], data: Data
) -> tuple[dict[str, IntArray], tuple[str, ...]]:
    """The label numbers of each role, and the names of the classes as `train` has them."""
    encoded = {}
    classes = data.classes or rows["train"].classes
    for role in columns:  # `train` first, which settles the classes
        if role == "unlabelled":
            encoded[role] = np.full(len(rows[role]), -1, dtype=np.int64)
            continue
        with _about(role):
            given = rows[role].columns[columns[role]["label"]]
            encoded[role], classes = labels.encode(given, classes)
    assert classes is not None
    return encoded, classes


@contextmanager
def _about(role: str) -> Iterator[None]:
    """Say of which source an error tells."""
    try:
        yield
    except RequestError as error:
        raise RequestError(f"data.{role}: {error}") from error


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
        for role, start, stop in _pieces(rows, span):
            part = rows[role].select(np.arange(start, stop)).columns[columns[role]["image"]]
            with _about(role):
                pixels, _ = images.to_pixels(part, form.size, form.channels, form.dtype)
            pieces.append(pixels)
        store.write(
            shard,
            {"image": np.concatenate(pieces), "label": numbers[span.start : span.stop]},
        )
    return store


def _pieces(rows: Mapping[str, Rows], span: range) -> Iterator[tuple[str, int, int]]:
    """(role, start, stop) of the parts of each role that fall into a span of all rows."""
    begin = 0
    for role in ROLES:
        if role not in rows:
            continue
        start = max(span.start - begin, 0)
        stop = min(span.stop - begin, len(rows[role]))
        if start < stop:
            yield role, start, stop
        begin += len(rows[role])


def _chunks(store: Store) -> Iterator[tuple[int, Any]]:
    """(first row, images) of a few thousand rows at a time, in order."""
    for start in range(0, store.rows, 4096):
        yield start, store.read("image", start, min(start + 4096, store.rows))


def _hashes(store: Store) -> Any:
    return np.concatenate([checks.row_hashes(chunk) for _, chunk in _chunks(store)])


def _parts(
    given: list[str], encoded: Mapping[str, IntArray], hashes: Any, data: Data
) -> dict[str, IntArray]:
    """The row numbers of train, validation and test; what no source gives is split off train."""
    begin, own = 0, {}
    for role in given:
        own[role] = np.arange(begin, begin + len(encoded[role]))
        begin += len(encoded[role])
    shares = {"test": data.test_share, "validation": data.validation_share}
    wanted = {part: share for part, share in shares.items() if part not in own}
    groups, numbers = hashes[own["train"]], encoded["train"]
    # Copies stay together, and an unlabelled one cannot be scored: such a group trains.
    movable = ~np.isin(groups, groups[numbers < 0])
    parts = splits.split(
        np.where(movable, numbers, -1),
        {"train": 1 - sum(wanted.values()), **wanted},
        data.split_seed,
        groups=groups,
    )
    for role in ("validation", "test"):
        if role in own:
            parts[role] = own[role]
    if "unlabelled" in own:
        parts["train"] = np.concatenate([parts["train"], own["unlabelled"]])
    return parts


def _refuse_bad_parts(
    parts: Mapping[str, IntArray], numbers: IntArray, classes: tuple[str, ...]
) -> None:
    for part in ("validation", "test"):
        if not len(parts[part]):
            raise RequestError(
                f"the {part} part is empty; give more rows, a larger data.{part}_share, "
                f"or a source of its own as data.{part}"
            )
        without = int((numbers[parts[part]] < 0).sum())
        if without:
            raise RequestError(
                f"{without} of the {len(parts[part])} {part} rows have no label; "
                "they cannot be scored: label them, or move them to data.unlabelled"
            )
    present = np.unique(numbers[parts["train"]])
    if (present >= 0).sum() < 2:
        raise RequestError(
            f"the training rows hold fewer than two of the classes ({', '.join(classes)}); "
            "there is nothing to tell apart"
        )


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


def _slices(
    rows: Mapping[str, Rows], data: Data, parts: Mapping[str, IntArray], given: list[str]
) -> dict[str, tuple[str | None, ...]]:
    """The value of each slicing column for each test row."""
    source = rows["test"] if "test" in rows else rows["train"]
    begin = sum(len(rows[role]) for role in given[: given.index("test")]) if "test" in rows else 0
    wanted = choose_columns(source, data.slices, {name: name for name in data.slices})
    return {
        name: tuple(_slice_name(source.columns[column][row - begin]) for row in parts["test"])
        for name, column in wanted.items()
    }


def _slice_name(value: Any) -> str | None:
    """A value of a slicing column as text; None where it is missing (None or NaN)."""
    return None if value is None or value != value else str(value)
