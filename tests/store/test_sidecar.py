from __future__ import annotations

import json

import pytest

from understudy.store.sidecar import Sidecar, shard_name, sidecar_name


def test_reading_what_was_written_gives_the_same() -> None:
    sidecar = Sidecar(3, {"x": {"dtype": "F16", "shape": [3]}}, 100, "abc", {"x": 0.5})
    assert Sidecar.from_text(json.dumps(sidecar.to_json())) == sidecar


def test_names_sort_as_numbers_do() -> None:
    assert shard_name(7) == "shard-00007.safetensors"
    assert sidecar_name(12) == "shard-00012.json"


def test_half_a_sidecar_is_an_error() -> None:
    with pytest.raises(KeyError):
        Sidecar.from_text('{"rows": 3}')
    with pytest.raises(ValueError, match="Expecting"):
        Sidecar.from_text('{"rows": ')
