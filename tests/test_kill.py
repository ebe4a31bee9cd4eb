"""Kill it anywhere: the same command continues, and ends with the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

RECIPE = """\
data: {train: "sklearn:digits"}
teacher:
  train: mlp-64
  dropout: 0.1
  training: {epochs: 12, batch_size: 64, checkpoint_seconds: 0.1}
student: mlp-8
training: {epochs: 20, batch_size: 64, learning_rate: 1.0e-2, checkpoint_seconds: 0.1}
rivals: [linear]
evaluation: {resamples: 50, seconds: 0.05}
"""

LAUNCHER = """\
import json, os, sys

import accelerate, onnxruntime, onnxscript, sklearn.datasets, sklearn.linear_model
import torch._dynamo, torch.export, torch.onnx, torch.utils.flop_counter
import understudy.report
from understudy.cli import main
from understudy.pipeline import contenders, planning, running, scoring, showing
from understudy.teachers import teaching

teaching.rows_per_shard_for = lambda columns, rows: 64
for line in sys.stdin:
    cache, *words = json.loads(line)
    child = os.fork()
    if not child:
        sys.argv, os.environ["UNDERSTUDY_CACHE"] = ["understudy", *words], cache
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        finally:
            os._exit(code)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Imports what a run needs once, and then runs each command in a process of its own.

Shards are small, so that teaching takes many of them.
"""

PHASES = ("teacher", "knowledge", "student", "control", "rivals", "export-onnx", "score")


@dataclass(frozen=True)
class Place:
    """A user's folder: recipe, run and cache."""

    folder: Path

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def words(self) -> list[str]:
        return ["distill", str(self.folder / "recipe.yaml"), "--out", str(self.run)]

    def logged(self) -> int:
        """Bytes in the log so far."""
        path = self.run / "log.jsonl"
        return path.stat().st_size if path.is_file() else 0

    def log(self, since: int = 0) -> list[dict[str, Any]]:
        """The events behind so many bytes; the last line may be half written."""
        path = self.run / "log.jsonl"
        text = path.read_bytes()[since:] if path.is_file() else b""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line[-1:] == b"\n"]

    def steps(self, since: int = 0) -> list[tuple[str, str, float]]:
        """(step, state, time) of the steps in the log; a teacher's step is called so."""
        return [
            (
                "teacher" if record["step"].startswith("teacher") else record["step"],
                record["state"],
                record["time"],
            )
            for record in self.log(since)
            if record["event"] == "step"
        ]


Start = Callable[[Place], tuple[int, Callable[[], int]]]
"""Starts the command in a place; its process, and a function that waits for its exit code."""


def place_in(folder: Path) -> Place:
    folder.mkdir()
    (folder / "recipe.yaml").write_text(RECIPE)
    return Place(folder)


@contextmanager
def launcher() -> Iterator[Start]:
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        asked, told = process.stdin, process.stdout
        assert asked is not None
        assert told is not None

        def start(place: Place) -> tuple[int, Callable[[], int]]:
            asked.write(json.dumps([str(place.cache), *place.words]) + "\n")
            asked.flush()
            return int(told.readline()), lambda: int(told.readline())

        yield start
        asked.close()


@contextmanager
def plainly() -> Iterator[Start]:
    """The command as a user types it."""

    def start(place: Place) -> tuple[int, Callable[[], int]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "understudy", *place.words],
            env={**os.environ, "UNDERSTUDY_CACHE": str(place.cache)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return process.pid, process.wait

    yield start


def durations(place: Place) -> dict[str, float]:
    """How long each step of an undisturbed run took."""
    begun = {step: when for step, state, when in place.steps() if state == "begun"}
    return {step: when - begun[step] for step, state, when in place.steps() if state == "done"}


def kill_in(phase: str, delay: float, place: Place, start: Start) -> str | None:
    """Start the command and kill it `delay` seconds into a phase; the step that was cut off.

    None where its end came first.
    """
    since = place.logged()
    process, wait = start(place)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        seen = {(step, state) for step, state, _ in place.steps(since)}
        if seen & {(phase, "begun"), (phase, "kept"), ("score", "done")}:
            break
        time.sleep(0.002)
    time.sleep(delay)
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    if wait() != -signal.SIGKILL:
        return None
    open_steps: list[str] = []
    for step, state, _ in place.steps(since):
        if state == "begun":
            open_steps.append(step)
        elif state == "done":
            open_steps.remove(step)
    return open_steps[-1] if open_steps else "between steps"


def digests(root: Path, *patterns: str) -> dict[str, str]:
    """The SHA-256 of files by their path; names in a cache are keys, and must be equal, too."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for pattern in patterns
        for path in sorted(root.glob(pattern))
    }


def assert_same(killed: Place, whole: Place) -> None:
    made = ("student/*.safetensors", "control/*.safetensors", "export/onnx/*", "checkpoints/*/*s")
    assert len(digests(whole.run, *made)) == 6
    assert digests(killed.run, *made) == digests(whole.run, *made)
    kept = ("teachers/*/*.safetensors", "knowledge/*/*.safetensors", "prepared/*/*/*.safetensors")
    assert len(digests(whole.cache, *kept)) >= 3
    assert digests(killed.cache, *kept) == digests(whole.cache, *kept)
    tables = [parquet.read_table(place.run / "predictions.parquet") for place in (killed, whole)]
    assert tables[0].equals(tables[1])
    for name in ("student", "control"):
        one, other = (
            json.loads((place.run / "checkpoints" / f"{name}.json").read_text())["facts"]["curve"]
            for place in (killed, whole)
        )
        assert one == other
    assert (killed.run / "report.html").is_file()
    assert not list(killed.run.rglob("*.tmp"))


def first_epochs(place: Place, model: str) -> list[int]:
    """The first epoch of a model that each process came to the end of."""
    found: list[int] = []
    fresh = True
    for record in place.log():
        if record["event"] == "plan":
            fresh = True
        elif record["event"] == "epoch" and record["model"] == model and fresh:
            found.append(record["epoch"])
            fresh = False
    return found


def kill_often(
    tmp_path: Path, phases: list[str], seed: int, how: Callable[[], Any]
) -> tuple[list[str], Place]:
    """Kill the command once in each of these phases, then let it end; the steps cut off."""
    whole, killed = place_in(tmp_path / "whole"), place_in(tmp_path / "killed")
    draw = random.Random(seed)
    cut = []
    with how() as start:
        assert start(whole)[1]() == 0
        took = durations(whole)
        for phase in sorted(phases, key=PHASES.index):
            delay = draw.uniform(0.0, 0.8) * took[phase]
            step = kill_in(phase, delay, killed, start)
            print(f"seed {seed}: {delay:.3f} s into {phase}: cut off {step}")
            cut.append(step)
        assert start(killed)[1]() == 0
    assert_same(killed, whole)
    return [step for step in cut if step], killed


def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bytes(tmp_path: Path):
    phases = ["teacher", "knowledge", "student", "student", "export-onnx", "score"]
    cut, killed = kill_often(tmp_path, phases, seed=7, how=launcher)
    assert len(cut) >= 4
    assert {"student", "export-onnx"} <= set(cut)
    # It went on from its checkpoints, and did not begin anew.
    assert max(first_epochs(killed, "student")) > 1


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_many_kills_at_random(tmp_path: Path):
    phases = random.Random(11).choices(PHASES, k=40)
    cut, _ = kill_often(tmp_path, phases, seed=11, how=launcher)
    assert len(cut) >= 20
    assert len(set(cut)) >= 5


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_command_as_a_user_types_it_is_killed(tmp_path: Path):
    phases = ["teacher", "student", "student", "export-onnx"]
    cut, _ = kill_often(tmp_path, phases, seed=3, how=plainly)
    assert len(cut) >= 3
