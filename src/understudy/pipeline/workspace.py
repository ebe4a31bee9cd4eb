"""Where a run keeps things: its own folder, and the cache that all runs share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from understudy.files import cache_folder, write_json

Emit = Callable[[Mapping[str, Any]], None]
Facts = dict[str, Any]


def sweep(folder: Path) -> None:
    """Remove half-written files of processes that are gone, from a folder that this one holds."""
    from understudy.store.folders import sweep_folder

    for place in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        sweep_folder(place, idle_seconds=0)


class Workspace:
    """A run folder, the shared cache, and one line in `log.jsonl` for everything that happens.

    A step leaves its output under its own name and then `checkpoints/NAME.json`, which holds the
    key of all that went into it; a step whose key stands there, and whose output is not gone since,
    is passed over.
    """

    def __init__(self, out: Path, emit: Emit | None = None) -> None:
        self.out = out
        self.cache = cache_folder()
        self.timings: dict[str, float] = {}
        self._listener = emit
        (out / "checkpoints").mkdir(parents=True, exist_ok=True)

    def emit(self, record: Mapping[str, Any]) -> None:
        """Log one event, and pass it to whoever listens."""
        line = json.dumps({"time": round(time.time(), 3), **record}, ensure_ascii=False)
        with (self.out / "log.jsonl").open("a") as file:
            file.write(line + "\n")
        if self._listener is not None:
            self._listener(record)

    def checkpoint(self, name: str) -> Path:
        """Where a step keeps what continuing needs."""
        return self.out / "checkpoints" / name

    def done(self, name: str, key: str, *leaves: Path) -> Facts | None:
        """What a finished step said of itself, where it was made from the same things.

        `leaves` are the files or folders that it left, and that must still be there.
        """
        path = self.checkpoint(f"{name}.json")
        if not path.is_file() or not all(output.exists() for output in leaves):
            return None
        stored: Facts = json.loads(path.read_text())
        return stored["facts"] if stored["key"] == key else None

    def step(self, name: str, key: str, make: Callable[[], Facts], *leaves: Path) -> Facts:
        """Run a step, or pass over it where its output exists; returns what it says of itself."""
        facts = self.done(name, key, *leaves)
        if facts is not None:
            if name not in self.timings:
                self.emit({"event": "step", "step": name, "state": "kept"})
            self.timings[name] = facts["seconds"]
            return facts
        self.emit({"event": "step", "step": name, "state": "begun"})
        began = time.monotonic()
        facts = make()
        facts["seconds"] = round(time.monotonic() - began, 3)
        write_json(self.checkpoint(f"{name}.json"), {"key": key, "facts": facts})
        self.timings[name] = facts["seconds"]
        self.emit({"event": "step", "step": name, "state": "done", "seconds": facts["seconds"]})
        return facts
