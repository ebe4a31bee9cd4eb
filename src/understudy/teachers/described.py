"""What an ONNX file and the files beside it tell of themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from understudy.errors import RequestError


def class_names(path: Path, metadata: Mapping[str, str]) -> tuple[str, ...] | None:
    """The names of a graph's classes, in order, where anything tells them.

    Read from `labels.json` beside it (a list, {"classes": [...]}, or {"0": name}), from its
    metadata `classes` (a list as JSON), or from `id2label` in `config.json` beside it.
    Raises: RequestError where labels.json or the metadata hold something else.
    """
    labels = path.with_name("labels.json")
    if labels.is_file():
        return _names(_json(labels.read_text(), str(labels)), str(labels))
    if "classes" in metadata:
        place = f"the metadata 'classes' of {path}"
        return _names(_json(metadata["classes"], place), place)
    config = path.with_name("config.json")
    if config.is_file():
        told = _json(config.read_text(), str(config))
        named = told.get("id2label") if isinstance(told, dict) else None
        if named and "LABEL_0" not in named.values():  # Transformers' word for "nobody said"
            return _names(named, str(config))
    return None


def weight_files(path: Path) -> list[Path]:
    """The file itself, and those in which it keeps weights that are too large for it."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    places = {
        entry.value
        for tensor in model.graph.initializer
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return [path, *(path.parent / place for place in sorted(places))]


def _json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise RequestError(f"teacher: {place} is no JSON: {error}") from error


def _names(told: Any, place: str) -> tuple[str, ...]:
    named = told.get("classes", told) if isinstance(told, dict) else told
    if isinstance(named, dict) and set(named) == {str(number) for number in range(len(named))}:
        named = [named[str(number)] for number in range(len(named))]
    if not isinstance(named, list) or not named:
        raise RequestError(
            f'teacher: {place} names no classes; write a list of them, {{"classes": [...]}} or '
            '{"0": "first", "1": "second"}'
        )
    return tuple(str(name) for name in named)
