"""How much memory answering takes, measured where nothing else runs.

    this process ── JSON ──► one helper, which imports the runtimes once
                                 └── fork ──► a child per model: load, answer one batch, report

What is reported is by how much the child's peak of resident memory rises above the loaded runtime,
in MB (10^6 bytes). Pages of shared libraries are taken out: a fork maps them again only when it
touches them, and they belong to the runtime. Weights that are mapped from a file count.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from understudy.evaluation.predictor import Inputs, Predictor, rows_between

RUNTIMES = (
    "numpy",
    "safetensors.numpy",
    "torch",
    "onnxruntime",
    "scipy.sparse",
    "sklearn.feature_extraction.text",
    "tokenizers",
)
"""What the helper imports before it forks, with the modules of the loaders."""
TIMEOUT_SECONDS = 600.0
TEXT = ".utf8"
"""How the names of columns of texts end in the file of rows."""

_log = logging.getLogger("understudy")


@dataclass(frozen=True)
class Stored:
    """A model in a folder, and which entry of the table of loaders reads it."""

    folder: Path
    loader: str


def peak_memory(
    models: Mapping[str, Stored],
    rows: Path,
    batch: int,
    loaders: Mapping[str, str],
    runtimes: Sequence[str] = RUNTIMES,
) -> dict[str, float | None]:
    """MB by which answering `batch` rows of a safetensors file raises each model's peak.

    `loaders` names, by kind, a function `package.module:function` of one folder that gives a
    Predictor. A model that cannot be measured is None, with the reason in the log; all are None
    where this is not Linux.
    """
    unknown: dict[str, float | None] = dict.fromkeys(models)
    if not sys.platform.startswith("linux") or not models:
        return unknown
    request = {
        "rows": str(rows),
        "batch": batch,
        "runtimes": list(runtimes),
        "models": {
            name: {"folder": str(model.folder), "loader": loaders[model.loader]}
            for name, model in models.items()
        },
    }
    try:
        helper = subprocess.run(
            [sys.executable, "-m", "understudy.evaluation.memory"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        reports = json.loads(helper.stdout) if helper.returncode == 0 else {}
    except (subprocess.TimeoutExpired, OSError, ValueError) as error:
        _log.warning("peak memory was not measured: %s", error)
        return unknown
    if helper.returncode:
        _log.warning("peak memory was not measured: %s", helper.stderr.strip()[-500:])
    for name, report in reports.items():
        if "reason" in report:
            _log.warning("peak memory of %s was not measured: %s", name, report["reason"])
        unknown[name] = report.get("mb")
    return unknown


def main() -> None:
    """The helper: a request on standard input, a report for each model on standard output."""
    import importlib

    request = json.load(sys.stdin)
    models = request["models"]
    functions = {name: _function(model["loader"]) for name, model in models.items()}
    for runtime in request["runtimes"]:
        importlib.import_module(runtime)
    inputs = _first_rows(Path(request["rows"]), request["batch"])
    reports = {
        name: _in_a_fork(partial(_growth, functions[name], Path(model["folder"]), inputs))
        for name, model in models.items()
    }
    json.dump(reports, sys.stdout)


def _function(dotted: str) -> Callable[[Path], Predictor]:
    import importlib

    module, _, function = dotted.partition(":")
    found: Callable[[Path], Predictor] = getattr(importlib.import_module(module), function)
    return found


def storable(inputs: Inputs) -> dict[str, Any]:
    """Rows as a safetensors file can hold them: texts as UTF-8, filled up with zeros."""
    found: dict[str, Any] = {}
    for column, values in inputs.items():
        if values.dtype != object:
            found[column] = values
            continue
        texts = np.array([str(text).encode() for text in values])
        found[f"{column}{TEXT}"] = texts.view(np.uint8).reshape(len(texts), -1)
    return found


def _restored(column: str, values: Any) -> tuple[str, Any]:
    """A column as it was before `storable`."""
    if not column.endswith(TEXT):
        return column, values.copy()
    texts = [bytes(row).rstrip(b"\0").decode() for row in values]
    return column.removesuffix(TEXT), np.array(texts, dtype=object)


def _first_rows(path: Path, count: int) -> Inputs:
    from safetensors.numpy import load_file

    rows = rows_between(load_file(path), 0, count)
    return dict(_restored(column, values) for column, values in rows.items())


def _in_a_fork(work: Callable[[], float]) -> dict[str, Any]:
    """Run `work` in a child of its own; its number, or why there is none."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            report: dict[str, Any] = {"mb": work()}
        except BaseException as error:  # a child must end here, whatever happens
            report = {"reason": f"{type(error).__name__}: {error}"}
        with os.fdopen(writing, "w") as pipe:
            json.dump(report, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if not said:
        return {"reason": f"its process ended with status {status}"}
    parsed: dict[str, Any] = json.loads(said)
    return parsed


def _growth(load: Callable[[Path], Predictor], folder: Path, inputs: Inputs) -> float:
    """MB that loading a model and answering once add to this process's peak."""
    _reset_peak()
    before, libraries_before = _status("VmRSS"), _library_bytes()
    load(folder).predict(inputs)
    libraries = max(0, _library_bytes() - libraries_before)
    return max(0, _status("VmHWM") - before - libraries) / 1e6


def _reset_peak() -> None:
    """Let the peak start at what is resident now; a fresh fork's peak is about that anyway."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        _log.debug("the kernel does not let a process reset its peak of memory")


def _status(key: str) -> int:
    """A line of /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {key}")


def _library_bytes() -> int:
    """Resident bytes of file-backed pages of shared libraries, and of the interpreter."""
    total, in_library = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):  # the head of a mapping, with its file in the last place
            path = words[5] if len(words) > 5 else ""
            in_library = ".so" in Path(path).name or path == os.path.realpath(sys.executable)
        elif in_library and words[0] == "Rss:":
            total += int(words[1]) * 1024
        elif in_library and words[0] == "Anonymous:":
            total -= int(words[1]) * 1024  # written pages are private copies, not the file's
    return total


if __name__ == "__main__":
    main()
