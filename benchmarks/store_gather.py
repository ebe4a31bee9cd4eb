"""How fast rows come from the store: warm beside its rivals, cold from ten times the memory.

    python benchmarks/store_gather.py [--quick]

Warm: 1M rows of 128 float16 (256 MB), batches of 128 random rows, all storages in turn, batch by
batch, one thread. Budgets: 75 us from one shard, 150 us from 16.
Cold: 2.56 GB, batches of 128 random rows, the next batch announced before this one is gathered.
Budgets: 5 ms a batch (announcing included), and RssAnon flat.

It needs 2.6 GB of disk under --folder (default: the temporary folder), and removes them again.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np

from understudy.store import Column, Index, Store, create, open_store

BATCH = 128
WIDTH = 128
COLUMN = Column("x", "float16", (WIDTH,))
MEMORY_LIMIT = 256 * 10**6
COLD_BYTES = 10 * MEMORY_LIMIT
BUDGETS_US = {"ours, 1 shard": 75, "ours, 16 shards": 150}
COLD_BUDGET_MS = 5
ANONYMOUS_BUDGET_MB = 4

Gather = Callable[[np.ndarray], object]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the warm rows and rounds")
    parser.add_argument("--folder", type=Path, help="where to put the files")
    parser.add_argument("--cold-child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--drop", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cold_child:
        print(json.dumps(measure_cold(arguments.cold_child, drop=arguments.drop)))
        return 0
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        os.environ["UNDERSTUDY_CACHE"] = str(folder / "cache")
        rows, rounds = (200_000, 200) if arguments.quick else (1_000_000, 1000)
        with tempfile.TemporaryDirectory(dir=folder) as warm:
            passed = warm_part(Path(warm), rows, rounds)
        passed &= cold_part(folder)
    return 0 if passed else 1


def verdict(passed: bool) -> str:
    return "PASS" if passed else "FAIL"


# ---------------------------------------------------------------- warm


def warm_part(folder: Path, rows: int, rounds: int) -> bool:
    values = np.random.default_rng(0).standard_normal((rows, WIDTH), np.float32).astype(np.float16)
    storages: dict[str, Gather] = {
        "ours, 1 shard": gather_ours(filled(folder / "one", values, 1)),
        "ours, 16 shards": gather_ours(filled(folder / "sixteen", values, 16)),
        "numpy memmap": gather_memmap(folder / "memmap", values),
        **gather_datasets(folder / "datasets", values),
    }
    del values
    micros = interleaved(storages, rows, rounds)
    base = float(np.median(micros["ours, 1 shard"]))
    print(f"## Warm: {rows:,} rows of {2 * WIDTH} bytes, {BATCH} random sorted rows\n")
    print(f"{rounds} rounds, every storage in each of them in random order, one thread\n")
    print("| storage | median us | p90 us | ratio | budget us | |\n|---|---|---|---|---|---|")
    passed = True
    for name, times in micros.items():
        median, budget = float(np.median(times)), BUDGETS_US.get(name)
        within = budget is None or median <= budget
        passed &= within
        print(
            f"| {name} | {median:,.0f} | {np.percentile(times, 90):,.0f} | {median / base:.1f} "
            f"| {budget or ''} | {verdict(within) if budget else ''} |"
        )
    return passed


def interleaved(storages: dict[str, Gather], rows: int, rounds: int) -> dict[str, np.ndarray]:
    """Microseconds of every round: every storage gathers its own random rows, one after another."""
    random = np.random.default_rng(1)
    for gather in storages.values():  # page tables and caches are warm
        for start in range(0, rows, rows // 200):
            gather(np.arange(start, min(start + rows // 200, rows)))
    times = {name: np.zeros(rounds) for name in storages}
    for turn in range(-20, rounds):
        # In another order every time: nobody always comes after the one who empties the caches.
        for name in random.permutation(list(storages)):
            gather, batch = storages[name], np.sort(random.integers(0, rows, BATCH))
            began = time.perf_counter()
            gather(batch)
            if turn >= 0:
                times[name][turn] = (time.perf_counter() - began) * 1e6
    return times


def filled(root: Path, values: np.ndarray, shards: int) -> Store:
    index = Index((COLUMN,), len(values), -(-len(values) // shards), {"shards": shards})
    store = create(root, index)
    for shard in store.missing():
        span = store.span(shard)
        store.write(shard, {"x": values[span.start : span.stop]})
    return store


def gather_ours(store: Store) -> Gather:
    return lambda batch: store.gather(batch)["x"]


def gather_memmap(path: Path, values: np.ndarray) -> Gather:
    values.tofile(path)
    mapped = np.memmap(path, np.float16, "r", shape=values.shape)
    return lambda batch: np.take(mapped, batch, axis=0)


def gather_datasets(folder: Path, values: np.ndarray) -> dict[str, Gather]:
    """Hugging Face datasets: as an arrow table, and as the arrays that a loop needs."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HOME"] = str(folder / "home")
    import datasets
    import pyarrow as pa

    datasets.disable_progress_bars()
    rows = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), WIDTH)
    datasets.Dataset(pa.table({"x": rows})).save_to_disk(folder / "saved")
    loaded = datasets.load_from_disk(folder / "saved")
    arrow, arrays = loaded.with_format("arrow"), loaded.with_format("numpy")
    return {
        "datasets, arrow": lambda batch: arrow[batch],
        "datasets, numpy": lambda batch: arrays[batch],
    }


# ---------------------------------------------------------------- cold


def cold_part(folder: Path) -> bool:
    root = folder / "cold"
    rows = COLD_BYTES // (2 * WIDTH)
    store = create(root, Index((COLUMN,), rows, -(-rows // 10), {"cold": True}))
    random = np.random.default_rng(2)
    for shard in store.missing():
        span = store.span(shard)
        block = random.integers(0, 15_000, (len(span), WIDTH), np.uint16).view(np.float16)
        store.write(shard, {"x": block})
    del block
    how, found = limited(root)
    print(f"\n## Cold: {rows:,} rows, {store.bytes / 1e9:.2f} GB, {BATCH} random sorted rows\n")
    print(f"Kept cold by: {how}\n")
    print("| | median ms | p90 ms | KB read a batch | budget ms | |\n|---|---|---|---|---|---|")
    within = found["announced"]["median"] <= COLD_BUDGET_MS
    for name, budget, word in (
        ("random advice alone", "", ""),
        ("announced", str(COLD_BUDGET_MS), verdict(within)),
    ):
        row = found[name]
        print(
            f"| {name} | {row['median']:.2f} | {row['p90']:.2f} | {row['kilobytes']:,.0f} "
            f"| {budget} | {word} |"
        )
    before, after = found["anonymous_mb"]
    flat = after - before <= ANONYMOUS_BUDGET_MB
    print(
        f"\nRssAnon {before:.1f} MB before, {after:.1f} MB after (at most {ANONYMOUS_BUDGET_MB} MB "
        f"more): {verdict(flat)}"
    )
    return within and flat


def limited(root: Path) -> tuple[str, dict]:
    """Measure in a process whose memory is limited, as well as this machine lets us."""
    command = [sys.executable, __file__, "--cold-child", str(root)]
    group = Path("/sys/fs/cgroup") / f"understudy-{os.getpid()}"
    controllers = group.parent / "cgroup.controllers"
    if controllers.exists() and "memory" in controllers.read_text().split():
        try:
            group.mkdir()
        except OSError as error:
            print(f"(no cgroup of our own: {error})", file=sys.stderr)
        else:
            try:
                (group / "memory.max").write_text(str(MEMORY_LIMIT))
                enter = f'echo $$ > "{group}/cgroup.procs" && exec "$@"'
                found = child(["sh", "-c", enter, "sh", *command])
                return f"cgroup v2, memory.max {MEMORY_LIMIT // 10**6} MB", found
            except (OSError, subprocess.CalledProcessError) as error:
                print(f"(cgroup v2 not usable: {error})", file=sys.stderr)
            finally:
                group.rmdir()
    if Path("/run/systemd/system").exists():
        user = [] if os.geteuid() == 0 else ["--user"]
        scope = ["systemd-run", *user, "--scope", "--quiet", "-p", f"MemoryMax={MEMORY_LIMIT}"]
        try:
            return f"systemd-run, MemoryMax={MEMORY_LIMIT // 10**6} MB", child([*scope, *command])
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"(systemd-run not usable: {error})", file=sys.stderr)
    return (
        "dropping the store's pages before each series (posix_fadvise DONTNEED); no memory limit, "
        "because neither cgroup v2 nor systemd-run can be used here",
        child([*command, "--drop"]),
    )


def child(command: list[str]) -> dict:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def measure_cold(root: Path, *, drop: bool) -> dict:
    """Both series, and RssAnon in MB before the first and after the last."""
    map_every_shard(root)  # hashes them, once
    before = anonymous_mb()
    return {
        "random advice alone": series(root, 50, announced=False, drop=drop),
        "announced": series(root, 300, announced=True, drop=drop),
        "anonymous_mb": [before, anonymous_mb()],
    }


def series(root: Path, batches: int, *, announced: bool, drop: bool) -> dict[str, float]:
    """Milliseconds a batch, announcing the next one included, and KB that were read for it."""
    if drop:
        drop_pages(root)
    store = map_every_shard(root)
    random = np.random.default_rng(batches)
    rows = [np.sort(random.integers(0, store.rows, BATCH)) for _ in range(batches + 1)]
    if announced:
        store.announce(rows[0])
    times, blocks = [], blocks_read()
    for this, following in pairwise(rows):
        began = time.perf_counter()
        if announced:
            store.announce(following)
        store.gather(this)
        times.append((time.perf_counter() - began) * 1e3)
    return {
        "median": float(np.median(times)),
        "p90": float(np.percentile(times, 90)),
        "kilobytes": (blocks_read() - blocks) / 2 / batches,
    }


def map_every_shard(root: Path) -> Store:
    store = open_store(root)
    store.gather(np.array([store.span(shard).start for shard in range(store.shards)]))
    return store


def drop_pages(root: Path) -> None:
    """Forget the pages of the shards, which nobody maps: others could not be dropped."""
    for path in root.glob("*.safetensors"):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def blocks_read() -> int:
    """What this process had read from disks, in blocks of 512 bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_inblock


def anonymous_mb() -> float:
    """The memory that is this process's own: mapped pages of files are not."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


if __name__ == "__main__":
    sys.exit(main())
