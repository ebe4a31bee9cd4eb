"""What one shard holds: `shard-00007.json`. The sidecars that exist say which shards are there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


def shard_name(shard: int) -> str:
    """The file that holds the tensors of a shard."""
    return f"shard-{shard:05d}.safetensors"


def sidecar_name(shard: int) -> str:
    """The file that says that the shard is there."""
    return f"shard-{shard:05d}.json"


@dataclass(frozen=True)
class Sidecar:
    """A shard as it was written.

    `tensors` gives dtype and shape by name, `errors` the largest absolute difference that a lossy
    codec made in each column that has one.
    """

    rows: int
    tensors: Mapping[str, Mapping[str, Any]]
    bytes: int
    sha256: str
    errors: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """The content of the file."""
        return asdict(self)

    @staticmethod
    def from_text(content: str) -> Sidecar:
        """Read the file. Raises ValueError, KeyError or TypeError where it was damaged."""
        value = json.loads(content)
        return Sidecar(
            rows=int(value["rows"]),
            tensors=dict(value["tensors"]),
            bytes=int(value["bytes"]),
            sha256=str(value["sha256"]),
            errors=dict(value["errors"]),
        )
