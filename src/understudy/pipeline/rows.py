"""First step: the rows that a recipe names, checked, split and stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.data import sources
from understudy.errors import RequestError
from understudy.files import content_key, locked
from understudy.pipeline.workspace import sweep
from understudy.tasks import Prepared, Task, open_prepared
from understudy.tasks.prepared import ROLES

if TYPE_CHECKING:
    from understudy.data.rows import Rows
    from understudy.data.settings import Data
    from understudy.pipeline.workspace import Workspace

READ_BY = {
    "candidates": "reranking",
    "depth": "reranking",
    "negatives": "reranking",
    "label_separator": "text-multilabel",
    "label_columns": "text-multilabel",
}
"""Settings that one task alone reads: the rows of all others do not depend on them."""
FORMAT = 1
"""Of what `prepare` writes; raised when it would write something else for the same rows."""


def read_sources(data: Data) -> dict[str, Rows]:
    """The rows of every role that the recipe gives a source for."""
    found = {}
    for role in ROLES:
        source = getattr(data, role)
        if source is None:
            continue
        try:
            found[role] = sources.read(source)
        except RequestError as error:
            raise RequestError(f"data.{role}: {error}") from error
        if not len(found[role]):
            raise RequestError(f"data.{role}: {found[role].origin} holds no rows")
    return found


def task_of(data: Data) -> str:
    """The task that the training rows are for, where a recipe does not say.

    Raises: RequestError where they cannot be read, or are for a task that is not there.
    """
    from understudy.recipe.guessing import guessed_task

    try:
        rows = sources.read(data.train)
        if not len(rows):
            raise RequestError(f"{rows.origin} holds no rows")
        return guessed_task(rows, data.columns)
    except RequestError as error:
        raise RequestError(f"data.train: {error}") from error


def rows_key(task: Task, data: Data, rows: Mapping[str, Rows]) -> str:
    """Equal for equal content and settings, wherever the files lie."""
    without = replace(
        data, train=None, validation=None, test=None, unlabelled=None, out_of_scope=None
    )
    settings = asdict(without)
    for name, only in READ_BY.items():
        if task.name != only:
            del settings[name]
    for role in ROLES:
        settings[role] = rows[role].fingerprint if role in rows else None
    return content_key({"format": FORMAT, "task": task.name, "data": settings})[:32]


def prepare_rows(task: Task, data: Data, workspace: Workspace) -> Prepared:
    """The prepared rows, from the cache where they are there and whole.

    Raises: RequestError for whatever is wrong with the data.
    """
    rows = read_sources(data)
    key = rows_key(task, data, rows)
    return kept_rows("rows", key, lambda folder: task.prepare(rows, data, folder), workspace)


def kept_rows(
    step: str, key: str, prepare: Callable[[Path], Prepared], workspace: Workspace
) -> Prepared:
    """What `prepare` stores in the cache under this key, made again where it is not whole."""
    folder = workspace.cache / "prepared" / key

    def make() -> dict[str, Any]:
        with locked(folder, f"another process is preparing the same rows in {folder}; wait for it"):
            sweep(folder)
            prepared = open_prepared(folder) or prepare(folder)
            if _repair(prepared, folder):
                prepared = prepare(folder)
        store = prepared.store
        return {"rows": len(prepared), "bytes": store.bytes, "root": store.root}

    workspace.step(step, key, make, folder / "facts.json")
    prepared = open_prepared(folder)
    if prepared is None or _repair(prepared, folder):
        workspace.checkpoint(f"{step}.json").unlink()
        return kept_rows(step, key, prepare, workspace)
    return prepared


def _repair(prepared: Prepared, folder: Path) -> bool:
    """Set damaged shards aside, and say whether there were any: they are then made again."""
    damaged = prepared.store.verify(again=False)
    for shard in damaged:
        prepared.store.set_aside(shard)
    if damaged:
        (folder / "facts.json").unlink()
    return bool(damaged)
