import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from understudy.pipeline.workspace import Workspace, sweep


def lines(workspace: Workspace) -> list[dict]:
    return [json.loads(line) for line in (workspace.out / "log.jsonl").read_text().splitlines()]


def test_a_step_is_made_once_for_one_key(tmp_path: Path):
    made = []

    def make() -> dict:
        made.append(1)
        return {"rows": len(made)}

    first = Workspace(tmp_path).step("rows", "a", make)
    again = Workspace(tmp_path).step("rows", "a", make)
    assert first == again
    assert again["rows"] == 1
    other = Workspace(tmp_path).step("rows", "b", make)
    assert other["rows"] == 2


def test_a_step_whose_output_is_gone_is_made_again(tmp_path: Path):
    output = tmp_path / "student"

    def make() -> dict:
        output.mkdir()
        return {}

    workspace = Workspace(tmp_path)
    workspace.step("student", "a", make, output)
    assert workspace.done("student", "a", output) is not None
    output.rmdir()
    assert workspace.done("student", "a", output) is None
    workspace.step("student", "a", make, output)
    assert output.is_dir()


def test_a_step_that_fails_leaves_nothing(tmp_path: Path):
    def make() -> dict:
        raise RuntimeError("no")

    workspace = Workspace(tmp_path)
    with pytest.raises(RuntimeError):
        workspace.step("rows", "a", make)
    assert workspace.done("rows", "a") is None
    assert [line["state"] for line in lines(workspace)] == ["begun"]


def test_events_go_to_the_log_and_to_the_listener(tmp_path: Path):
    heard: list = []
    workspace = Workspace(tmp_path, heard.append)
    workspace.step("rows", "a", lambda: {"rows": 3})
    workspace.emit({"event": "warning", "text": "größer"})
    assert [record["event"] for record in heard] == ["step", "step", "warning"]
    written = lines(workspace)
    assert [line["event"] for line in written] == ["step", "step", "warning"]
    assert written[2]["text"] == "größer"
    assert all(line["time"] > 1e9 for line in written)


def test_a_kept_step_is_told_once_and_keeps_its_time(tmp_path: Path):
    first = Workspace(tmp_path)
    first.step("rows", "a", lambda: {"rows": 3})
    heard: list = []
    again = Workspace(tmp_path, heard.append)
    for _ in range(2):
        again.step("rows", "a", lambda: pytest.fail("it is there"))
    assert [record["state"] for record in heard] == ["kept"]
    assert again.timings == first.timings


def test_steps_in_a_step_do_not_disturb_it(tmp_path: Path):
    workspace = Workspace(tmp_path)

    def outer() -> dict:
        return {"inner": workspace.step("inner", "a", lambda: {"value": 1})["value"]}

    assert workspace.step("outer", "a", outer)["inner"] == 1
    assert set(workspace.timings) == {"inner", "outer"}


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path):
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    (tmp_path / "student").mkdir()
    dead = tmp_path / "student" / f".model.safetensors.{process.pid}-0a1b2c3d.tmp"
    alive = tmp_path / f".log.jsonl.{os.getpid()}-0a1b2c3d.tmp"
    whole = tmp_path / "student" / "model.safetensors"
    for path in (dead, alive, whole):
        path.touch()
    sweep(tmp_path)
    assert [path.exists() for path in (dead, alive, whole)] == [False, True, True]
