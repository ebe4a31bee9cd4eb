from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import RequestError
from understudy.store import Column, Index, Ragged, create, open_store

WRITER = """
import sys
import numpy as np
from understudy.store import Column, Index, create

root, begin, step = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
store = create(root, Index((Column("x", "int64", (50,)),), 4000, 100, {"by": "test"}))
print("ready", flush=True)
for shard in store.missing():
    if shard % step == begin:
        span = store.span(shard)
        rows = np.arange(span.start, span.stop)
        store.write(shard, {"x": rows[:, None] * 50 + np.arange(50)})
"""


def writer(root: Path, begin: int = 0, step: int = 1) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), str(begin), str(step)],
        stdout=subprocess.PIPE,
        text=True,
    )


def assert_right(root: Path) -> int:
    """Every listed shard must hold what was written; returns how many there are."""
    store = open_store(root)
    present = sorted(set(range(store.shards)) - set(store.missing()))
    for shard in present:
        span = store.span(shard)
        found = store.read("x", span.start, span.stop)
        np.testing.assert_array_equal(found[:, 7], np.arange(span.start, span.stop) * 50 + 7)
    assert store.verify() == ()
    return len(present)


def test_killed_writers_leave_whole_shards_and_resume(tmp_path: Path) -> None:
    root, moments = tmp_path / "store", random.Random(0)
    counts = []
    for _ in range(6):
        process = writer(root)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(moments.uniform(0.002, 0.03))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        counts.append(assert_right(root))
    assert counts == sorted(counts)
    assert writer(root).communicate() and assert_right(root) == 40
    store = open_store(root)
    store.sweep(idle_seconds=0)
    names = {path.name for path in root.iterdir()}
    assert names == {"index.json"} | {
        f"shard-{shard:05d}.{end}" for shard in range(40) for end in ("json", "safetensors")
    }


def test_processes_fill_one_store_without_a_lock(tmp_path: Path) -> None:
    root = tmp_path / "store"
    processes = [writer(root, begin, 2) for begin in (0, 1)]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert assert_right(root) == 40
    assert open_store(root).complete


def test_a_full_disk_leaves_nothing_half(tmp_path: Path) -> None:
    root = tmp_path / "store"
    code = (
        "import resource, sys\n"
        "import numpy as np\n"
        "from understudy.errors import RequestError\n"
        "from understudy.store import Column, Index, create\n"
        "store = create(sys.argv[1], Index((Column('x', 'int64', (1000,)),), 200, 100, {}))\n"
        "store.write(0, {'x': np.ones((100, 1000), np.int64)})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))\n"
        "try:\n"
        "    store.write(1, {'x': np.ones((100, 1000), np.int64)})\n"
        "except RequestError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True
    )
    assert "the disk is full while writing" in done.stdout
    store = open_store(root)
    assert store.missing() == [1]
    assert len(list(root.iterdir())) == 3
    store.write(1, {"x": np.ones((100, 1000), np.int64)})
    assert store.complete


def test_the_sidecar_says_what_the_shard_holds(store, tmp_path) -> None:
    sidecar = json.loads((tmp_path / "store" / "shard-00003.json").read_text())
    assert sidecar["rows"] == 10
    assert sidecar["bytes"] == (tmp_path / "store" / "shard-00003.safetensors").stat().st_size
    assert sidecar["tensors"]["logits"] == {"dtype": "F16", "shape": [10, 10]}
    assert sidecar["tensors"]["tokens.offsets"] == {"dtype": "I64", "shape": [11]}
    assert sidecar["errors"] == {"logits": 0.0}


def test_the_error_of_a_codec_is_measured(tmp_path) -> None:
    columns = (Column("x", "float32", (2,), codec="int8"), Column("y", "float32"))
    store = create(tmp_path, Index(columns, 20_000, 20_000, {}))
    x = np.tile(np.array([127, 0], np.float32), (20_000, 1))
    x[15_000, 1] = 3.25
    store.write(0, {"x": x, "y": np.zeros(20_000, np.float32)})
    assert store.errors == {"x": 0.25}


def test_a_shard_that_is_there_stays_as_it_is(store, content, same) -> None:
    path = Path(store.root) / "shard-00000.safetensors"
    before = path.stat().st_ino
    store.write(0, {})
    assert path.stat().st_ino == before


def test_a_shard_without_a_sidecar_is_written_again(store, tmp_path, content, part, same) -> None:
    (tmp_path / "store" / "shard-00001.json").unlink()
    (tmp_path / "store" / "shard-00001.safetensors").write_bytes(b"of a writer that died")
    again = open_store(store.root)
    assert again.missing() == [1]
    again.write(1, part(content, again.span(1)))
    same(again, content, np.arange(100))


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("logits", lambda v: v.astype(np.float64), "float32 of shape .10., and float64"),
        ("logits", lambda v: v[:, :9], r"and float32 of shape \[9\] came"),
        ("logits", lambda v: v[:-1], "the shard has 30 rows, and 29 came"),
        ("label", lambda v: Ragged(v, np.arange(31)), "one array is wanted, and Ragged came"),
        ("tokens", lambda v: v.values, r"Ragged\(values, offsets\) is wanted, and ndarray came"),
        ("tokens", lambda v: Ragged(v.values, v.offsets + 1), "rise from 0 and end at"),
        ("tokens", lambda v: Ragged(v.values, v.offsets[::-1].copy()), "rise from 0"),
        ("tokens", lambda v: Ragged(v.values - 1 - v.values, v.offsets), "-1 to -1 came"),
    ],
)
def test_values_that_are_not_as_announced_are_refused(
    tmp_path, index: Index, content, part, name: str, change, words: str
) -> None:
    store = create(tmp_path, index)
    values = part(content, store.span(0))
    values[name] = change(values[name])
    with pytest.raises(RequestError, match=f"shard 0 of .*, column '{name}': .*{words}"):
        store.write(0, values)
    assert store.missing() == [0, 1, 2, 3]


def test_unknown_and_missing_columns_are_named(tmp_path, index: Index, content, part) -> None:
    store = create(tmp_path, index)
    values = part(content, store.span(0))
    with pytest.raises(RequestError, match="no column 'lables'; did you mean 'label'"):
        store.write(0, {**values, "lables": values["label"]})
    del values["label"]
    with pytest.raises(RequestError, match="column 'label': it is missing"):
        store.write(0, values)
