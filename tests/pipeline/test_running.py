import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from understudy.errors import RequestError
from understudy.objectives import HardLabels, SoftLabels
from understudy.pipeline import running
from understudy.pipeline.running import Run, compare, distill, evaluate, plan, report, teach
from understudy.recipe.reading import read_recipe
from understudy.recipe.schema import Knowledge, Recipe

HOLDER = """
import sys, time
from pathlib import Path
from understudy.files import locked
with locked(Path(sys.argv[1]), "busy"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def quick(recipe: Recipe) -> Recipe:
    return replace(recipe, rivals="none", require=("accuracy >= 0.1",))


@pytest.fixture(scope="module")
def finished(quick: Recipe, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of arrays that are given in Python, without an export; read only."""
    return distill(quick, tmp_path_factory.mktemp("running") / "run")


def test_a_run_knows_what_came_of_it(finished: Run):
    card = finished.scorecard
    assert card["verdict"] == "ship"
    assert finished.shipped
    assert finished.verdict == card["why"]
    assert finished.report.is_file()
    assert set(card["models"]) == {"teacher", "control", "student"}
    assert {"rows", "knowledge", "student", "control", "score"} <= set(card["timings"])


def test_a_folder_without_a_scorecard_is_no_run(tmp_path: Path):
    for ask in (lambda: Run(tmp_path).scorecard, lambda: compare([tmp_path])):
        with pytest.raises(RequestError, match="is no finished run"):
            ask()
    with pytest.raises(RequestError, match="is no finished run"):
        report(tmp_path)


def test_a_rerun_trains_and_scores_nothing(finished: Run, quick: Recipe, heard):
    distill(quick, finished.folder, emit=heard)
    assert heard.steps("begun") == []
    assert {"rows", "knowledge", "self-check", "student", "control", "score"} <= set(
        heard.steps("kept")
    )


def test_what_is_judged_later_may_change(finished: Run, quick: Recipe, heard):
    harder = replace(quick, require=("accuracy > 1",))
    run = distill(harder, finished.folder, emit=heard)
    assert not run.shipped
    assert run.scorecard["verdict"] == "do not ship"
    assert heard.steps("begun") == []
    distill(quick, finished.folder)


def test_what_was_trained_may_not(finished: Run, quick: Recipe):
    for changes, told in [
        ({"student": "mlp-9"}, "student was mlp-8 and is mlp-9"),
        ({"training": replace(quick.training, epochs=5)}, r"training\.epochs was 4 and is 5"),
        ({"objective": 1.0 * SoftLabels(2.0) + 0.0 * HardLabels()}, "objective"),
    ]:
        with pytest.raises(RequestError, match=f"belongs to another recipe: .*{told}"):
            distill(replace(quick, **changes), finished.folder)


def test_a_plan_takes_no_folder(quick: Recipe, tmp_path: Path):
    first = plan(quick, tmp_path)
    assert not (tmp_path / "recipe.yaml").exists()
    other = plan(replace(quick, student="mlp-9"), tmp_path)
    assert [step.name for step in first.steps] == [step.name for step in other.steps]


def test_a_recipe_that_failed_can_be_mended_in_its_folder(quick: Recipe, tmp_path: Path):
    from torch import nn

    wrong = replace(quick, teacher=nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))
    with pytest.raises(RequestError, match="answers 3 classes"):
        distill(wrong, tmp_path)
    assert plan(quick, tmp_path)
    # Where a student was begun, it is this recipe's.
    (tmp_path / "checkpoints" / "student.safetensors").touch()
    with pytest.raises(RequestError, match="belongs to another recipe"):
        plan(quick, tmp_path)


def test_two_processes_do_not_work_in_one_folder(quick: Recipe, tmp_path: Path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "checkpoints")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RequestError, match="another process is working in"):
            plan(quick, tmp_path)
        holder.kill()
    assert plan(quick, tmp_path)


def test_a_file_is_no_run_folder(quick: Recipe, tmp_path: Path):
    (tmp_path / "taken").write_text("mine")
    for place in ("taken", "taken/below"):
        with pytest.raises(RequestError, match="cannot be a run folder"):
            plan(quick, tmp_path / place)
    assert (tmp_path / "taken").read_text() == "mine"


def test_teaching_asks_once(quick: Recipe, tmp_path: Path, heard):
    kept = teach(quick, tmp_path, emit=heard)
    assert kept["rows"] == 300
    assert kept["bytes"] > 300 * 40
    assert Path(kept["root"]).is_dir()
    before = len(heard.of("taught"))
    assert teach(quick, tmp_path, emit=heard) == kept
    assert len(heard.of("taught")) == before
    with pytest.raises(RequestError, match="live"):
        teach(replace(quick, knowledge=Knowledge(mode="live")), tmp_path)


def test_objects_are_described_in_the_recipe_that_is_written(finished: Run):
    text = (finished.folder / "recipe.yaml").read_text()
    assert "train: 'python: object Rows'" in text
    for read in (
        lambda: read_recipe(finished.folder / "recipe.yaml"),
        lambda: evaluate(finished.folder),
    ):
        with pytest.raises(RequestError, match=r"recipe\.yaml, line \d+: data\.train .*Python"):
            read()


def test_what_is_no_run_cannot_be_evaluated(tmp_path: Path):
    for ask in (evaluate, lambda run: running.export(run, ("onnx",))):
        with pytest.raises(RequestError, match="is no run: it has no recipe"):
            ask(tmp_path / "gone")
    assert not (tmp_path / "gone").exists()


def test_a_report_is_drawn_again_from_the_folder_alone(finished: Run):
    before = finished.report.read_text()
    finished.report.unlink()
    assert report(finished.folder) == finished.report
    assert finished.report.read_text() == before


def test_runs_are_compared_as_their_scorecards_have_it(finished: Run):
    rows = compare([finished.folder, finished.folder])
    card = finished.scorecard
    assert len(rows) == 2
    assert rows[0]["quality"] == card["models"]["student"]["quality"]["accuracy"]
    assert rows[0]["harmful_flips"] == card["comparison"]["student"]["harmful_flips"]
    assert rows[0]["verdict"] == "ship"


def test_a_student_as_large_as_its_teacher_is_warned_of(
    quick: Recipe, tmp_path: Path, heard: Callable
):
    production = running.Production(
        replace(quick, student="mlp-64"), running.Workspace(tmp_path, heard)
    )
    running._warn_of_size(production)
    (warning,) = heard.of("warning")
    assert "not smaller than its teacher: 4,810 against 4,810 parameters" in warning["text"]
    small = running.Production(quick, running.Workspace(tmp_path, heard))
    running._warn_of_size(small)
    assert len(heard.of("warning")) == 1


def test_every_event_is_in_the_log(finished: Run):
    lines = (finished.folder / "log.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    events = [record["event"] for record in records]
    for event in ("plan", "knowledge", "self-check", "epoch", "verdict", "report"):
        assert event in events
    epochs = [record for record in records if record["event"] == "epoch"]
    assert {record["model"] for record in epochs} <= {"teacher", "student", "control"}


def test_a_run_under_torchrun_is_refused(
    quick: Recipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RequestError, match="a run is the work of one process"):
        plan(quick, tmp_path / "run")
    assert not (tmp_path / "run").exists()
