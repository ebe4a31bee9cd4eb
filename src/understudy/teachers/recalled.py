"""A model that scores lists, asked once about each different text or pair of them.

A document stands in the lists of many queries, and in those of several runs. Where vectors are
compared, what is asked about is a text, and what is said its vector; where pairs are read, it is a
query with a document, and its score.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import RequestError
from understudy.store import Column, Index, create, open_store, store_exists
from understudy.students.score_arrays import scores_from
from understudy.students.scoring import body_of
from understudy.tasks.lists import CANDIDATES, Lists, parts_of
from understudy.tasks.reading import Tokenised
from understudy.teachers.bucketing import by_length, in_order
from understudy.teachers.teacher import NetworkTeacher, as_tensors
from understudy.teachers.teaching import BATCH_TOKENS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from understudy.students.tokens import Tokens

PAGE = 512
"""Texts or pairs that are asked about and written together: a killed run loses no more."""
KEY_BYTES = 16


@dataclass
class Recalled:
    """What reads one text or pair at a time, and remembers; a Teacher, and a Predictor.

    `read` takes ids and mask [B, T] and gives [B, D]. With a `folder`, what is said is kept there
    in pages, each a store of the columns `key` (of the text, [16] bytes) and `said` [D].
    """

    name: str
    fingerprint: str
    tokens: Tokens
    apart: bool
    """Whether texts are read, and their vectors compared; or else pairs."""
    read: Callable[[Mapping[str, Any]], Any]
    folder: Path | None = None
    classes: tuple[str, ...] | None = None
    said: dict[bytes, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.folder is not None:
            for page in sorted(self.folder.glob("page-*")):
                self.said.update(self._page(page))

    def of(
        self,
        parts: Sequence[str],
        emit: Callable[[Mapping[str, Any]], None] = lambda record: None,
    ) -> NDArray[np.float32]:
        """What is said of each text or pair; those not asked about before are asked about now.

        Shapes: N -> [N, D]: vectors, or scores with D = 1.
        Raises: RequestError where an answer is not finite.
        """
        keys = [_key(part) for part in parts]
        new = {key: part for key, part in zip(keys, parts, strict=True) if key not in self.said}
        left = list(new)
        for start in range(0, len(left), PAGE):
            some = left[start : start + PAGE]
            values = self._asked([new[key] for key in some])
            if self.folder is not None:
                self._keep(some, values)
            self.said.update(zip(some, values, strict=True))
            emit({"event": "asked", "new": len(some), "done": start + len(some), "of": len(left)})
        return np.stack([self.said[key] for key in keys])

    def predict(self, inputs: Mapping[str, Any]) -> NDArray[np.float32]:
        """Shapes: {"text": rows of a query and K candidates [B]} -> scores [B, K]."""
        rows = [parts_of(row.split(CANDIDATES), apart=self.apart) for row in inputs["text"]]
        outputs = self.of([part for row in rows for part in row])
        return scores_from(outputs, len(rows), self.apart)

    def answer(self, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
        """The same as a tensor: it takes raw rows."""
        return as_tensors({"scores": self.predict(inputs)})

    def _asked(self, parts: Sequence[str]) -> NDArray[np.float32]:
        batches = by_length(np.diff(self.tokens.encode(parts)[1]), BATCH_TOKENS)
        given = (self.tokens.padded([parts[row] for row in batch]) for batch in batches)
        values = in_order(batches, [np.asarray(self.read(each)) for each in given])
        if not np.isfinite(values).all():
            raise RequestError(
                f"the {self.name} gives numbers that are NaN or infinite; check its weights"
            )
        return values.astype(np.float32).reshape(len(parts), -1)

    def _certificate(self) -> dict[str, Any]:
        return {"what": "recalled", "teacher": self.fingerprint, "apart": self.apart}

    def _keep(self, keys: Sequence[bytes], values: NDArray[np.float32]) -> None:
        """One page, whole or not at all, named by what it is about."""
        assert self.folder is not None
        name = hashlib.sha256(b"".join(keys)).hexdigest()[:24]
        columns = (
            Column("key", "uint8", (KEY_BYTES,)),
            Column("said", "float32", (values.shape[1],)),
        )
        index = Index(columns, len(keys), len(keys), self._certificate())
        store = create(self.folder / f"page-{name}", index)
        table = np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), KEY_BYTES)
        store.write(0, {"key": table, "said": values})

    def _page(self, place: Path) -> dict[bytes, NDArray[np.float32]]:
        """What a page holds; nothing where it was not finished, or is damaged."""
        if not store_exists(place):
            return {}
        store = open_store(place, self._certificate())
        for shard in store.verify(again=False):
            store.set_aside(shard)
        if store.missing():
            return {}
        keys, said = (np.asarray(store.read(name, 0, store.rows)) for name in ("key", "said"))
        return {key.tobytes(): value for key, value in zip(keys, said, strict=True)}


def recalled(
    name: str, teacher: NetworkTeacher, reading: Lists, folder: Path | None = None
) -> Recalled:
    """A network that scores lists, asked once about each different text or pair."""
    body = NetworkTeacher(body_of(teacher.network), reading=Tokenised(reading.tokens), gives="said")

    def read(arrays: Mapping[str, Any]) -> Any:
        return body.answer(as_tensors(arrays))["said"].numpy()

    own = folder / teacher.fingerprint[:32] if folder else None
    return Recalled(name, teacher.fingerprint, reading.tokens, reading.apart, read, own)


def _key(part: str) -> bytes:
    return hashlib.sha256(part.encode("utf-8", "surrogatepass")).digest()[:KEY_BYTES]
