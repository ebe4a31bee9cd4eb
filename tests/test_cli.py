"""The command line: what it promises before anything is trained. Whole runs: test_contract.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from understudy import cli

COMMANDS = {
    *("init", "plan", "distill", "teach", "evaluate", "export", "predict"),
    *("serve", "sweep", "compare", "report", "doctor"),
}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    x = generator.integers(0, 255, (60, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", x=x, y=np.arange(60) % 3)
    return tmp_path / "images.npz"


def test_help_names_every_command(command: Callable):
    said = command("--help")
    assert said.code == 0
    for name in COMMANDS:
        assert f" {name} " in said.out


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(command: Callable, name: str):
    said = command(name, "--help")
    assert said.code == 0
    assert f"Usage: understudy {name}" in said.out


def test_no_command_shows_the_help(command: Callable):
    said = command()
    assert "Usage:" in said.out + said.err


@pytest.mark.parametrize("words", [("distil",), ("distill",), ("plan", "digits", "--fast")])
def test_a_wrong_word_is_exit_code_2(command: Callable, words: tuple[str, ...]):
    said = command(*words)
    assert said.code == 2
    assert "Traceback" not in said.err
    assert said.err


@pytest.mark.parametrize(
    ("words", "what"),
    [(("serve", "runs/a"), "serving 'runs/a'"), (("sweep", "digits"), "sweeping")],
)
def test_what_is_not_there_yet_says_so(command: Callable, words: tuple[str, ...], what: str):
    said = command(*words)
    assert said.code == 2
    assert said.err.startswith(f"understudy: {what}")
    assert "is not there yet" in said.err


def test_init_writes_a_recipe_and_overwrites_none(command: Callable, images: Path, tmp_path: Path):
    out = tmp_path / "recipe.yaml"
    said = command("init", images, "--teacher", "mlp-32", "--out", out)
    assert said.code == 0, said.err
    written = yaml.safe_load(out.read_text())
    assert written["data"]["train"] == str(images)
    assert written["teacher"]["train"] == "mlp-32"
    assert command("init", images, "--out", out).code == 2
    assert yaml.safe_load(out.read_text()) == written


def test_a_plan_is_made_of_an_example_with_overrides(command: Callable, images: Path, tmp_path):
    out = tmp_path / "run"
    words = ("plan", "digits", "--out", out, "--set", f"data={{train: {images}}}")
    said = command(*words, "--set", "teacher={train: mlp-16}", "--student", "mlp-4")
    assert said.code == 0, said.err
    assert "to do" in said.out
    assert (out / "log.jsonl").is_file()


def test_runs_lie_in_runs_by_name(
    command: Callable, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("data: images.npz\nteacher: {train: mlp-16}\nstudent: mlp-4\n")
    assert command("plan", recipe).code == 0
    assert (tmp_path / "runs" / "mine" / "log.jsonl").is_file()
    assert command("plan", "images.npz", "--teacher", "mlp-16").code == 0
    assert (tmp_path / "runs" / "images").is_dir()


def test_code_runs_with_leave_only(
    command: Callable, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_models.py").write_text(
        "from torch import nn\n\n\ndef net():\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))\n"
    )
    words = ("plan", images, "--teacher", "own_models:net", "--student", "mlp-4", "--out")
    said = command(*words, tmp_path / "a")
    assert said.code == 2
    assert "--allow-code" in said.err
    assert command(*words, tmp_path / "a", "--allow-code").code == 0


def test_doctor_looks_at_this_machine(command: Callable):
    said = command("doctor")
    assert said.code == 0
    assert all(line.startswith("ok   ") for line in said.out.splitlines())
    assert "torch" in said.out


def test_a_fault_of_ours_is_not_called_a_request(
    command: Callable, monkeypatch: pytest.MonkeyPatch
):
    from understudy.pipeline import asking

    def broken(*words: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(asking, "asked", broken)
    with pytest.raises(ZeroDivisionError):  # Python then leaves with 1 and shows where
        command("plan", "digits")


def test_ctrl_c_is_exit_code_130(command: Callable, monkeypatch: pytest.MonkeyPatch):
    from understudy.pipeline import asking

    def slow(*words: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)

    monkeypatch.setattr(asking, "asked", slow)
    said = command("plan", "digits")
    assert said.code == 130
    assert said.err == "understudy: interrupted; the same command continues\n"


def test_it_is_a_module_too():
    done = subprocess.run(
        [sys.executable, "-m", "understudy", "serve", "x"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("understudy: serving 'x' is not there yet")


def test_the_exit_codes_are_those_of_the_contract():
    assert (cli.REQUEST_IS_WRONG, cli.REQUIREMENT_NOT_MET, cli.INTERRUPTED) == (2, 3, 130)
