"""Ask a teacher once over a transfer set, and keep what it says."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import chain
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
from understudy.tasks.prepared import spread
from understudy.teachers.bucketing import SPREAD, by_length, in_order
from understudy.teachers.precision import Trial, multiplies_bf16, tried
from understudy.teachers.taps import Tapped
from understudy.teachers.teacher import (
    NetworkTeacher,
    as_tensors,
    is_packed,
    is_shareable,
    reading_of,
)
from understudy.teachers.workers import behind, in_turn

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

PROBED = 2
"""Rows that tell how many numbers a teacher answers."""
PRECISION = "precision"
"""Stands in a store's certificate where a pass was computed in bfloat16; what tells stores apart
does not hold it, since both are the same to `precision.TOLERANCE`."""
TRIED = 3
"""Batches, at least, on which bfloat16 is tried."""
ENOUGH = 20
"""Times as many there must be for that to pay."""


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
        """Rows to ask about together: of nearly equal length where rows have lengths.

        Where no padding is computed they need not be so near, and every batch can be full.
        """
        if self.rows.lengths is None:
            stops = range(span.start, span.stop, BATCH)
            return [np.arange(start, min(start + BATCH, span.stop)) for start in stops]
        lengths = self.rows.lengths[span.start : span.stop]
        spread = 1.0 if is_packed(self.teacher) else SPREAD
        return [batch + span.start for batch in by_length(lengths, BATCH_TOKENS, spread)]

    @property
    def workers(self) -> int:
        """Threads that ask at once: as many as torch has, of a teacher that can be shared."""
        return torch.get_num_threads() if is_shareable(self.teacher) else 1

    def answers(self, batches: Iterable[Any]) -> Generator[dict[str, Any]]:
        """What it says of each batch, in their order, several being asked about at once.

        Close it if it is not read to its end. Raises: as `ask` does, in turn.
        """
        return in_turn(self.ask, batches, self.workers)

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
    teacher: Teacher, prepared: Prepared, inputs: tuple[str, ...], rows: int = PROBED
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
    store = _open_or_create(teacher, prepared, inputs, root, codec, rows_per_shard, emit)
    for shard in store.verify(again=False):
        store.set_aside(shard)
        emit({"event": "damaged shard", "shard": shard, "asked again": True})
    missing = store.missing()
    if not missing:
        return store
    asking = Asking.of(_as_begun(teacher, store), prepared, inputs)
    asking.rows.store.advise("sequential")
    batches = {shard: asking.batches(store.span(shard)) for shard in missing}
    with (
        behind(store.write) as write,
        closing(asking.answers(chain.from_iterable(batches.values()))) as answers,
    ):
        for shard, parts in batches.items():
            said = []
            for rows in parts:
                began = time.monotonic()
                said.append(next(answers))
                seconds = time.monotonic() - began
                emit(
                    {"event": "taught", "rows": len(rows), "of": len(prepared), "seconds": seconds}
                )
            names = recorded(teacher, gives_of(prepared))
            write(shard, {name: in_order(parts, [each[name] for each in said]) for name in names})
    return store


def _open_or_create(
    teacher: Teacher,
    prepared: Prepared,
    inputs: tuple[str, ...],
    root: str | Path,
    codec: str,
    rows_per_shard: int | None,
    emit: Callable[[Mapping[str, Any]], None],
) -> Store:
    certificate = provenance(teacher, prepared, codec)
    if store_exists(root):
        return _begun(root, certificate)
    asking = Asking.of(teacher, prepared, inputs)
    said = asking.ask(np.arange(min(PROBED, len(prepared))))
    trial = _trial(asking, gives_of(prepared))
    if trial is not None:
        emit({"event": "bf16 tried", **asdict(trial), "taken": trial.is_worth_it})
    columns = tuple(
        Column(name, "float32", said[name].shape[1:], codec=_codec(name, codec))
        for name in recorded(teacher, gives_of(prepared))
    )
    if store_exists(root):  # another process began it meanwhile, perhaps after another trial
        return _begun(root, certificate)
    per_shard = rows_per_shard or rows_per_shard_for(columns, len(prepared))
    certificate |= {PRECISION: "bf16"} if trial is not None and trial.is_worth_it else {}
    return create(root, Index(columns, len(prepared), per_shard, certificate))


def _begun(root: str | Path, certificate: Mapping[str, Any]) -> Store:
    """A store that is there. What is continued is computed as it was begun, whatever a trial says.

    Raises: RequestError where it holds other knowledge.
    """
    begun = open_store(root).index.provenance.get(PRECISION)
    return open_store(root, {**certificate, **({PRECISION: begun} if begun else {})})


def _trial(asking: Asking, gives: str) -> Trial | None:
    """How bfloat16 fares on a few batches; None where it is not in question, or they are few."""
    teacher = asking.teacher
    if not (isinstance(teacher, NetworkTeacher) and teacher.shareable and multiplies_bf16()):
        return None
    batches = asking.batches(range(len(asking.rows)))
    few = max(TRIED, asking.workers)
    if len(batches) < ENOUGH * few:
        return None
    some = [batches[place] for place in spread(np.arange(len(batches)), few)]

    def asked(one: Asking) -> Callable[[Any], Any]:
        return lambda rows: np.concatenate([said[gives] for said in one.answers(rows)])

    return tried(asked(asking), asked(replace(asking, teacher=teacher.rounded())), some)


def _as_begun(teacher: Teacher, store: Store) -> Teacher:
    """The teacher, computing as the store says that it was begun."""
    if store.index.provenance.get(PRECISION) == "bf16":
        assert isinstance(teacher, NetworkTeacher)
        return teacher.rounded()
    return teacher


def _codec(name: str, codec: str) -> str:
    return CODECS[TAP_CODEC] if name.startswith(TAP) else CODECS[codec]
