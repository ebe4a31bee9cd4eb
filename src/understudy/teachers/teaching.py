"""Ask a teacher once over a transfer set, and keep what it says."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from understudy.errors import RequestError
from understudy.files import content_key
from understudy.objectives.adapters import TAP, tap
from understudy.store import (
    Column,
    Index,
    Store,
    create,
    open_store,
    rows_per_shard_for,
    store_exists,
)
from understudy.tasks import task_named
from understudy.teachers.bucketing import by_length, in_order
from understudy.teachers.taps import Tapped
from understudy.teachers.teacher import as_tensors, reading_of

if TYPE_CHECKING:
    from pathlib import Path

    from understudy.tasks.prepared import Prepared
    from understudy.teachers.teacher import Teacher

CODECS = {"fp32": "plain", "fp16": "fp16", "int8": "int8"}
TAP_CODEC = "fp16"
"""How hidden features are kept."""
BATCH = 256
"""Rows that a teacher is asked about together."""
BATCH_TOKENS = 2048
"""The same for texts, in tokens with padding: small enough to stay in the processor's caches."""


def provenance(teacher: Teacher, prepared: Prepared, codec: str) -> dict[str, Any]:
    """What makes this knowledge what it is; a store with another birth certificate is refused."""
    # Knowledge without hidden features has the certificate, and the key, that it always had.
    taps = {"pool": teacher.pool, "tap_codec": TAP_CODEC} if isinstance(teacher, Tapped) else {}
    return {
        "what": "knowledge",
        "teacher": teacher.fingerprint,
        "rows": prepared.key,
        "task": prepared.facts.task,
        "recorded": list(recorded(teacher, gives_of(prepared))),
        "codec": codec,
        "views": 1,
        **taps,
    }


def gives_of(prepared: Prepared) -> str:
    """What a teacher of these rows answers, by name."""
    return task_named(prepared.facts.task).gives


def recorded(teacher: Teacher, gives: str = "logits") -> tuple[str, ...]:
    """The names of the answers that are kept of a teacher: what its task wants, and any taps."""
    taps = map(tap, teacher.paths) if isinstance(teacher, Tapped) else ()
    return (gives, *taps)


def bytes_per_row(numbers: int, codec: str, features: int = 0) -> int:
    """Bytes that the answers for one row take in the store, with so many hidden features."""
    return {"fp32": 4 * numbers, "fp16": 2 * numbers, "int8": numbers + 4}[codec] + 2 * features


def knowledge_key(teacher: Teacher, prepared: Prepared, codec: str) -> str:
    """The name of the store in a cache: equal when, and only when, the provenance is."""
    return content_key(provenance(teacher, prepared, codec))[:32]


@dataclass(frozen=True)
class Asking:
    """A teacher, and rows of a transfer set as it reads them."""

    teacher: Teacher
    rows: Prepared
    columns: tuple[str, ...]

    @classmethod
    def of(cls, teacher: Teacher, prepared: Prepared, raw: tuple[str, ...]) -> Asking:
        """Read all rows in the teacher's way."""
        reading = reading_of(teacher, raw)
        return cls(teacher, reading.over(prepared), reading.columns)

    def batches(self, span: range) -> list[Any]:
        """Rows to ask about together: of nearly equal length where rows have lengths."""
        if self.rows.lengths is None:
            stops = range(span.start, span.stop, BATCH)
            return [np.arange(start, min(start + BATCH, span.stop)) for start in stops]
        lengths = self.rows.lengths[span.start : span.stop]
        return [batch + span.start for batch in by_length(lengths, BATCH_TOKENS)]

    def ask(self, rows: Any) -> dict[str, Any]:
        """What it says of some rows (sorted row numbers), by name, as arrays [B, ...].

        Raises: RequestError where an answer is not finite.
        """
        said = self.teacher.answer(as_tensors(self.rows.inputs(rows, self.columns)))
        for name, value in said.items():
            finite = torch.isfinite(value).flatten(1).all(dim=1)
            if not bool(finite.all()):
                first = int(rows[int((~finite).nonzero()[0])])
                raise RequestError(
                    f"the teacher's {name} are NaN or infinite for {int((~finite).sum())} of "
                    f"{len(rows)} rows, row {first} first; check its weights and its preprocessing"
                )
        return {name: value.cpu().numpy() for name, value in said.items()}


def probe(
    teacher: Teacher, prepared: Prepared, inputs: tuple[str, ...], rows: int = 2
) -> Mapping[str, Any]:
    """What the teacher says of the first few rows, as arrays; also tells its number of classes."""
    some = np.arange(min(rows, len(prepared)))
    return Asking.of(teacher, prepared, inputs).ask(some)


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
    missing = store.missing()
    if not missing:
        return store
    asking = Asking.of(teacher, prepared, inputs)
    asking.rows.store.advise("sequential")
    for shard in missing:
        span = store.span(shard)
        batches = asking.batches(span)
        answers: dict[str, list[Any]] = {name: [] for name in recorded(teacher, gives_of(prepared))}
        for rows in batches:
            began = time.monotonic()
            said = asking.ask(rows)
            for name, parts in answers.items():
                parts.append(said[name])
            seconds = time.monotonic() - began
            emit({"event": "taught", "rows": len(rows), "of": len(prepared), "seconds": seconds})
        store.write(shard, {name: in_order(batches, parts) for name, parts in answers.items()})
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
        for name in recorded(teacher, gives_of(prepared))
    )
    per_shard = rows_per_shard or rows_per_shard_for(columns, len(prepared))
    return create(root, Index(columns, len(prepared), per_shard, certificate))


def _codec(name: str, codec: str) -> str:
    return CODECS[TAP_CODEC] if name.startswith(TAP) else CODECS[codec]
