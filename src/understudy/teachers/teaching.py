"""Ask a teacher once over a transfer set, and keep what it says."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from understudy.errors import RequestError
from understudy.files import content_key
from understudy.objectives.adapters import tap
from understudy.store import (
    Column,
    Index,
    Store,
    create,
    open_store,
    rows_per_shard_for,
    store_exists,
)
from understudy.teachers.taps import Tapped

if TYPE_CHECKING:
    from pathlib import Path

    from understudy.tasks.prepared import Prepared
    from understudy.teachers.teacher import Teacher

CODECS = {"fp32": "plain", "fp16": "fp16", "int8": "int8"}
TAP_CODEC = "fp16"
"""How hidden features are kept."""
BATCH = 256


def provenance(teacher: Teacher, prepared: Prepared, codec: str) -> dict[str, Any]:
    """What makes this knowledge what it is; a store with another birth certificate is refused."""
    # Knowledge without hidden features has the certificate, and the key, that it always had.
    taps = {"pool": teacher.pool, "tap_codec": TAP_CODEC} if isinstance(teacher, Tapped) else {}
    return {
        "what": "knowledge",
        "teacher": teacher.fingerprint,
        "rows": prepared.key,
        "task": prepared.facts.task,
        "recorded": list(recorded(teacher)),
        "codec": codec,
        "views": 1,
        **taps,
    }


def recorded(teacher: Teacher) -> tuple[str, ...]:
    """The names of the answers that are kept of a teacher."""
    taps = map(tap, teacher.paths) if isinstance(teacher, Tapped) else ()
    return ("logits", *taps)


def bytes_per_row(classes: int, codec: str, features: int = 0) -> int:
    """Bytes that the answers for one row take in the store, with so many hidden features."""
    return {"fp32": 4 * classes, "fp16": 2 * classes, "int8": classes + 4}[codec] + 2 * features


def knowledge_key(teacher: Teacher, prepared: Prepared, codec: str) -> str:
    """The name of the store in a cache: equal when, and only when, the provenance is."""
    return content_key(provenance(teacher, prepared, codec))[:32]


def probe(
    teacher: Teacher, prepared: Prepared, inputs: tuple[str, ...], rows: int = 2
) -> Mapping[str, Any]:
    """What the teacher says of the first few rows, as arrays; also tells its number of classes."""
    return _ask(teacher, prepared, inputs, np.arange(min(rows, len(prepared))))


def teach(
    teacher: Teacher,
    prepared: Prepared,
    inputs: tuple[str, ...],
    root: str | Path,
    codec: str = "fp32",
    *,
    rows_per_shard: int | None = None,
    emit: Callable[[Mapping[str, Any]], None] = lambda record: None,
) -> Store:
    """The teacher's answers for every row, asking only for shards that are missing or damaged.

    Raises: RequestError where it answers NaN, or the folder holds other knowledge.
    """
    store = _open_or_create(teacher, prepared, inputs, root, codec, rows_per_shard)
    for shard in store.verify(again=False):
        store.set_aside(shard)
        emit({"event": "damaged shard", "shard": shard, "asked again": True})
    prepared.store.advise("sequential")
    for shard in store.missing():
        span = store.span(shard)
        answers: dict[str, list[Any]] = {name: [] for name in recorded(teacher)}
        for start in range(span.start, span.stop, BATCH):
            began = time.monotonic()
            rows = np.arange(start, min(start + BATCH, span.stop))
            said = _ask(teacher, prepared, inputs, rows)
            for name, parts in answers.items():
                parts.append(said[name])
            seconds = time.monotonic() - began
            emit({"event": "taught", "rows": len(rows), "of": len(prepared), "seconds": seconds})
        store.write(shard, {name: np.concatenate(parts) for name, parts in answers.items()})
    return store


def _open_or_create(
    teacher: Teacher,
    prepared: Prepared,
    inputs: tuple[str, ...],
    root: str | Path,
    codec: str,
    rows_per_shard: int | None,
) -> Store:
    certificate = provenance(teacher, prepared, codec)
    if store_exists(root):
        return open_store(root, certificate)
    said = probe(teacher, prepared, inputs)
    columns = tuple(
        Column(name, "float32", said[name].shape[1:], codec=_codec(name, codec))
        for name in recorded(teacher)
    )
    per_shard = rows_per_shard or rows_per_shard_for(columns, len(prepared))
    return create(root, Index(columns, len(prepared), per_shard, certificate))


def _codec(name: str, codec: str) -> str:
    return CODECS[codec] if name == "logits" else CODECS[TAP_CODEC]


def _ask(
    teacher: Teacher, prepared: Prepared, inputs: tuple[str, ...], rows: Any
) -> dict[str, Any]:
    given = prepared.inputs(rows, inputs)
    said = teacher.answer({name: torch.from_numpy(given[name]) for name in inputs})
    for name, value in said.items():
        finite = torch.isfinite(value).flatten(1).all(dim=1)
        if not bool(finite.all()):
            first = int(rows[int((~finite).nonzero()[0])])
            raise RequestError(
                f"the teacher's {name} are NaN or infinite for {int((~finite).sum())} of "
                f"{len(rows)} rows, row {first} first; check its weights and its preprocessing"
            )
    return {name: value.cpu().numpy() for name, value in said.items()}
