"""Look at this machine, and at what a run has stored."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from understudy.errors import UnderstudyError
from understudy.files import cache_folder

NEEDED = ("torch", "transformers", "datasets", "accelerate", "safetensors", "onnx", "onnxruntime")
ROOM = 2_000_000_000
"""Free bytes below which a cache is called full."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    found: str
    good: bool


def examine(run: Path | None = None) -> Iterator[Finding]:
    """What a run needs of this machine, then every stored byte of a run, where one is given."""
    for name in NEEDED:
        try:
            yield Finding(name, metadata.version(name), True)
        except metadata.PackageNotFoundError:
            yield Finding(name, f"missing; pip install {name}", False)
    yield _losses()
    yield Finding("processor", f"{os.cpu_count()} threads", True)
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    yield Finding("cache", f"{cache}, {free / 1e9:.1f} GB free", free > ROOM)
    if run is not None:
        yield from _stores(run)


def audited() -> Iterator[Finding]:
    """Every loss of the catalogue, put to the laws that it claims to obey."""
    from understudy.objectives.audited import audit_all

    for verdict in audit_all():
        found = verdict.line.removeprefix(f"{verdict.name}: ")
        yield Finding(verdict.name, found, verdict.is_right)


def _losses() -> Finding:
    """The textbook example: KL of (.9, .1) from (.5, .5) is 0.5108 one way, 0.3681 the other."""
    import torch

    from understudy.objectives import forward_kl

    even, odd = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.9, 0.1]]).log()
    found = float(forward_kl(odd, even))
    return Finding(
        "soft labels", f"KL {found:.4f} nats, expected 0.5108", abs(found - 0.5108) < 1e-4
    )


def _stores(run: Path) -> Iterator[Finding]:
    """The rows and the knowledge that a run reads, as its steps noted where they lie."""
    from understudy.store import open_store

    notes = [run / "checkpoints" / f"{step}.json" for step in ("rows", "knowledge")]
    found = [note for note in notes if note.is_file()]
    if not found:
        yield Finding(str(run), "no run: it has no checkpoints", False)
    for note in found:
        root = json.loads(note.read_text())["facts"]["root"]
        try:
            store = open_store(root)
            bad = {"damaged": store.verify(), "missing": store.missing()}
        except UnderstudyError as error:
            yield Finding(root, str(error), False)
            continue
        told = [f"{what} shards: {_listed(shards)}" for what, shards in bad.items() if shards]
        state = f"{'; '.join(told)}; distil again to mend them" if told else "whole"
        yield Finding(root, state, not told)


def _listed(shards: Iterable[int]) -> str:
    return ", ".join(map(str, shards))
