"""Artefacts: one file a format, each written, loaded back through its runtime, and scored."""

from __future__ import annotations

from types import ModuleType

from understudy.errors import RequestError, did_you_mean

EXPORTERS = ("onnx", "onnx-int8")
"""The formats that a recipe can name under `export`."""


def exporter(name: str) -> ModuleType:
    """The module of a format: `write(network, facts, rows, folder)`, `load(folder, threads)`.

    Raises: RequestError where there is none of that name.
    """
    if name == "onnx":
        from understudy.export import onnx

        return onnx
    if name == "onnx-int8":
        from understudy.export import onnx_int8

        return onnx_int8
    raise RequestError(f"export: there is no format '{name}'; {did_you_mean(name, EXPORTERS)}")


__all__ = ["EXPORTERS", "exporter"]
