"""`understudy init`: look at data and teacher, and propose a recipe that runs as it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from understudy.recipe.proposal import Beside, Seen, compose

if TYPE_CHECKING:
    from understudy.data.cells import Column
    from understudy.data.images import PixelFormat
    from understudy.data.rows import Rows

ROLES = {"test": ("test",), "validation": ("validation", "valid", "val", "dev")}
"""What a part of the data serves for, by the names that people give it."""
SAMPLE = 64
"""Rows whose sizes are compared."""


def propose(data_path: str, teacher: str | None = None) -> str:
    """A recipe, as YAML with comments, for these data and this teacher (or one to be trained).

    Raises: RequestError where the data or the teacher cannot be read, do not fit each other, or
    need a task that is not there yet.
    """
    from understudy.data import labels, sources
    from understudy.data.images import pixel_format
    from understudy.recipe.appraising import Labels, appraise
    from understudy.recipe.guessing import image_columns

    source = _train_file(str(data_path))
    rows = sources.read(source)
    columns = image_columns(rows)
    form = pixel_format(rows.columns[columns["image"]])
    numbers, classes = labels.encode(rows.columns[columns["label"]], rows.classes)
    named = Labels(source, classes, _are_numbers(rows.columns[columns["label"]]))
    counts = [int((numbers == label).sum()) for label in range(len(classes))]
    return compose(
        Seen(
            source=source,
            rows=len(rows),
            unlabelled=int((numbers < 0).sum()),
            columns=columns,
            others=tuple(name for name in rows.columns if name not in columns.values()),
            size=form.size,
            channels=form.channels,
            dtype=form.dtype,
            sizes_differ=_sizes_differ(rows, columns["image"], form),
            classes=classes,
            class_rows=(min(counts), max(counts)),
            skipped=rows.skipped,
        ),
        {role: found for role, names in ROLES.items() if (found := _beside(source, names))},
        appraise(teacher, named) if teacher else None,
    )


def _train_file(source: str) -> str:
    """The file `train.*` in a folder that holds data files; anything else as it is."""
    from understudy.data.sources import ARRAYS
    from understudy.data.tables import TABLES

    folder = Path(source).expanduser()
    files = [folder / f"train{suffix}" for suffix in (*ARRAYS, *TABLES)]
    return next((str(Path(source) / file.name) for file in files if file.is_file()), source)


def _are_numbers(column: Column) -> bool:
    import numpy as np

    return np.asarray(column[0]).dtype.kind in "iuf"


def _sizes_differ(rows: Rows, column: str, form: PixelFormat) -> bool:
    from understudy.data.images import pixel_format

    some = range(0, len(rows), max(1, len(rows) // SAMPLE))
    sizes = {pixel_format(rows.select([row]).columns[column]).size for row in some}
    return sizes != {form.size}


def _beside(source: str, names: tuple[str, ...]) -> Beside | None:
    """The part of these names within the source, or the file or folder of that name beside it."""
    from understudy.data import sources

    path = Path(source).expanduser()
    parts = _parts(path)
    places = [f"{source}@{name}" for name in names if name in parts]
    if "train" in path.stem and path.exists():
        files = (path.with_name(path.name.replace("train", name)) for name in names)
        plain = (path.with_name(f"{name}{path.suffix}") for name in names)
        places += [str(file) for file in (*files, *plain) if file.exists()]
    if not places:
        return None
    return Beside(places[0], len(sources.read(places[0])))


def _parts(path: Path) -> tuple[str, ...]:
    """The names of the parts that a source on this machine holds."""
    import json

    import numpy as np

    if (path / "dataset_dict.json").is_file():
        return tuple(json.loads((path / "dataset_dict.json").read_text())["splits"])
    if path.is_dir():
        return tuple(child.name for child in path.iterdir() if child.is_dir())
    if path.suffix.lower() == ".npz" and path.is_file():
        with np.load(path, allow_pickle=False) as arrays:
            return tuple(dict.fromkeys(name.rpartition("_")[2] for name in arrays.files))
    return ()
