"""What a store holds and where it came from: `index.json`, written once, before the first shard."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from understudy.errors import DamagedError, RequestError, did_you_mean
from understudy.files import content_key
from understudy.store.codecs import Codec, codec_named
from understudy.store.shards import KINDS

SCHEMA = 1
SHARD_BYTES = 256 * 10**6
OFFSETS = ".offsets"

JSON = None | bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"]


@dataclass(frozen=True)
class Column:
    """One column: the type of a decoded number, and the shape of one row.

    A ragged column has rows of any number of elements; `shape` is then the shape of one element.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] = ()
    ragged: bool = False
    codec: str = "plain"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        if not re.fullmatch(r"[\w.\-/]+", self.name) or self.name.endswith((OFFSETS, ".scale")):
            raise RequestError(
                f"column '{self.name}': a name is made of letters, digits, '_', '.', '-' and '/', "
                "and does not end in '.offsets' or '.scale'"
            )
        if self.dtype not in KINDS:
            raise RequestError(
                f"column '{self.name}': there is no type '{self.dtype}' in a store; "
                f"{did_you_mean(self.dtype, KINDS)}"
            )
        try:
            self.coding()
        except RequestError as error:
            raise RequestError(f"column '{self.name}': {error}") from error

    def coding(self) -> Codec:
        """How its values are kept."""
        return codec_named(self.codec, self.dtype, self.shape)

    def bytes_per_entry(self) -> float:
        """What one row of it takes on disk, or one element where it is ragged."""
        return sum(part.bits for part in self.coding().parts().values()) / 8


@dataclass(frozen=True)
class Index:
    """The birth certificate of a store: its columns, its size, and what made it.

    `provenance` says everything that the content depends on (fingerprints of the teacher, the rows
    and the preprocessing, what was recorded): two stores with equal `key` hold the same.
    """

    columns: tuple[Column, ...]
    rows: int
    rows_per_shard: int
    provenance: Mapping[str, JSON]

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))
        # As it will be read again: tuples are lists in JSON.
        object.__setattr__(self, "provenance", json.loads(json.dumps(self.provenance)))
        names = [column.name for column in self.columns]
        if not names or len(set(names)) < len(names):
            raise RequestError(f"a store needs columns of different names; {names} came")
        if self.rows < 1 or self.rows_per_shard < 1:
            raise RequestError(
                f"a store has at least one row, and one row a shard; "
                f"{self.rows} and {self.rows_per_shard} came"
            )

    @property
    def key(self) -> str:
        """The name of the content: equal on any machine, whatever the shards' size."""
        return content_key(
            {
                "schema": SCHEMA,
                "columns": [asdict(column) for column in self.columns],
                "provenance": self.provenance,
            }
        )

    @property
    def shards(self) -> int:
        """How many shards the complete store has."""
        return -(-self.rows // self.rows_per_shard)

    def span(self, shard: int) -> range:
        """The rows of one shard."""
        start = shard * self.rows_per_shard
        return range(start, min(start + self.rows_per_shard, self.rows))

    def to_json(self) -> dict[str, Any]:
        """The content of `index.json`."""
        return {
            "schema": SCHEMA,
            "key": self.key,
            "rows": self.rows,
            "rows_per_shard": self.rows_per_shard,
            "columns": [asdict(column) for column in self.columns],
            "provenance": self.provenance,
        }

    @staticmethod
    def from_json(value: Mapping[str, Any], root: str) -> Index:
        """Read `index.json` of the store at `root`.

        Raises: RequestError where a newer version wrote it, DamagedError where it was changed.
        """
        if value.get("schema") != SCHEMA:
            raise RequestError(
                f"the store at {root} has schema {value.get('schema')!r}, and this version of "
                f"Understudy reads schema {SCHEMA}: update it"
            )
        index = Index(
            columns=tuple(Column(**column) for column in value["columns"]),
            rows=value["rows"],
            rows_per_shard=value["rows_per_shard"],
            provenance=value["provenance"],
        )
        if index.key != value["key"]:
            raise DamagedError(
                f"index.json of the store at {root} was changed after it was written; "
                "delete that folder and run the same command again",
                root=root,
            )
        return index


def rows_per_shard_for(
    columns: Sequence[Column],
    rows: int,
    shard_bytes: int = SHARD_BYTES,
    *,
    elements_per_row: float = 256,
) -> int:
    """How many rows make shards of about `shard_bytes`, all of nearly one size.

    `elements_per_row` is the mean length that is expected of a row of a ragged column.
    """
    row_bytes = sum(
        column.bytes_per_entry() * elements_per_row + 8
        if column.ragged
        else column.bytes_per_entry()
        for column in columns
    )
    most = max(1, int(shard_bytes / row_bytes))
    shards = -(-rows // most)
    return -(-rows // shards)


def differences(there: Mapping[str, JSON], here: Mapping[str, JSON]) -> list[str]:
    """What two nested mappings do not share: "teacher.weights is 'a' there and 'b' here"."""
    old, new = flat(there), flat(here)
    absent = object()
    return [
        f"{name} is {shown(old, name)} there and {shown(new, name)} here"
        for name in sorted(old.keys() | new.keys())
        if old.get(name, absent) != new.get(name, absent)
    ]


def flat(value: Mapping[str, JSON], prefix: str = "") -> dict[str, JSON]:
    """A nested mapping as one of dotted names."""
    found: dict[str, JSON] = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            found |= flat(inner, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = inner
    return found


def shown(values: Mapping[str, JSON], name: str) -> str:
    """A value as a sentence says it."""
    return repr(values[name]) if name in values else "absent"
