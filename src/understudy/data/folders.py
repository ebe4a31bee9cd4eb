"""Folders of images: a sub-folder a class, or images alone."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from understudy.data import fingerprint, parts
from understudy.data.cells import objects
from understudy.data.linked import IMAGE_SUFFIXES
from understudy.data.rows import Rows
from understudy.errors import RequestError


def read(folder: Path, origin: str, part: str | None = None) -> Rows:
    """Columns `image` (path) and `label` (class name), or `image` alone where no class is given.

    Classes and files are in the order of their names, as torchvision and Hugging Face have them, so
    that the outputs of a teacher from there mean the same. Sub-folders train, test and so on are
    parts. Hidden files and others that are no images are passed over and counted.

    Raises: RequestError for a folder without images.
    """
    named = sorted(path for path in folder.iterdir() if path.is_dir() and not _hidden(path.name))
    if named and all(path.name in parts.NAMES for path in named):
        chosen = parts.choose([path.name for path in named], part, origin)
        return read(folder / chosen, f"{origin.removesuffix(f'@{part}')}@{chosen}")
    if part is not None:
        raise RequestError(f"{origin} has no parts, so '@{part}' names nothing in it")
    skipped: Counter[str] = Counter()
    loose = _images(folder, skipped, deep=False)
    by_class = {path.name: _images(path, skipped) for path in named}
    skipped["folders without images"] = sum(not files for files in by_class.values())
    by_class = {name: files for name, files in by_class.items() if files}
    if loose and by_class:
        raise RequestError(
            f"{origin} holds {len(loose)} images beside its {len(by_class)} class folders; "
            "move them into the folder of their class, or out of the way"
        )
    files = loose or [file for images in by_class.values() for file in images]
    if not files:
        raise RequestError(
            f"{origin} holds no images ({', '.join(IMAGE_SUFFIXES)}) and is no stored data set; "
            "expected one sub-folder of images a class, or images alone"
        )
    columns = {"image": objects([str(file) for file in files])}
    if by_class:
        columns["label"] = objects([name for name, images in by_class.items() for _ in images])
    return Rows(
        columns,
        origin,
        _fingerprint(folder, files),
        tuple(by_class) or None,
        {reason: count for reason, count in skipped.items() if count},
    )


def _images(folder: Path, skipped: Counter[str], *, deep: bool = True) -> list[Path]:
    """The images in a folder, sorted; what else is there is counted."""
    found = []
    for path in sorted(folder.rglob("*") if deep else folder.iterdir()):
        if not path.is_file():
            continue
        if any(map(_hidden, path.relative_to(folder).parts)):
            skipped["hidden files"] += 1
        elif path.suffix.lower() not in IMAGE_SUFFIXES:
            skipped["files that are no images"] += 1
        else:
            found.append(path)
    return found


def _hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX"))


def _fingerprint(folder: Path, files: list[Path]) -> str:
    """Of names within the folder and contents."""
    names = [file.relative_to(folder).as_posix() for file in files]
    return fingerprint.of_parts(json.dumps(names), *fingerprint.of_files(files))
