"""What the terminal shows, at a width of 80 characters and without a terminal."""

import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout

import pytest

from understudy import screen

PLAN = {
    "seconds": 260.0,
    "steps": [
        {"name": "rows", "kept": True, "rows": 1797, "bytes": 129_600, "seconds": 0.0},
        {"name": "student", "kept": False, "rows": 1258, "bytes": 2440, "seconds": 200.0},
        {"name": "export onnx", "kept": False, "rows": None, "bytes": None, "seconds": None},
    ],
}


def model(value: float, **rest: object) -> dict:
    figures = {"value": value, "low": value - 0.02, "high": value + 0.02}
    return {
        "quality": {"accuracy": figures},
        "parameters": 610,
        "bytes": 2440,
        "latency_ms": {"p50": 0.123, "p95": 0.2},
        "throughput_per_s": 1_234_567.8,
        **rest,
    }


def card(**rest: object) -> dict:
    versus = {"quality_retained": 0.975, "harmful_flips": 0.031}
    return {
        "task": "image-classification",
        "metric": "accuracy",
        "rows": 1540,
        "models": {"teacher": model(0.95, bytes=3_000_000), "student": model(0.92)},
        "comparison": {"student": versus},
        "requirements": [],
        "why": "No requirement was set.",
        **rest,
    }


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.setenv("COLUMNS", "80")

    def show(function: Callable, value: object) -> str:
        out = io.StringIO()
        with redirect_stdout(out):
            function(value)
        text = out.getvalue()
        assert max(map(len, text.splitlines())) <= 80
        return text

    return show


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    monkeypatch.setenv("COLUMNS", "80")

    def watch(*records: dict) -> list[str]:
        err = io.StringIO()
        with redirect_stderr(err), screen.watching() as emit:
            for record in records:
                emit(record)
        return [line.rstrip() for line in err.getvalue().splitlines() if line.strip()]

    return watch


def test_a_plan_says_what_is_there_and_what_is_left(shown: Callable):
    lines = shown(screen.show_plan, PLAN).splitlines()
    (rows,) = [line for line in lines if line.strip().startswith("rows")]
    assert rows.split() == ["rows", "there", "1,797", "129.6", "kB"]
    (student,) = [line for line in lines if line.strip().startswith("student")]
    assert student.split() == ["student", "to", "do", "1,258", "2.4", "kB", "3", "min"]
    (export,) = [line for line in lines if line.strip().startswith("export")]
    assert export.split() == ["export", "onnx", "to", "do", "-", "-"]
    assert "4 min left" in lines[0]


def test_a_scorecard_has_a_line_for_each_model(shown: Callable):
    text = shown(screen.show_scorecard, card())
    (student,) = [line for line in text.splitlines() if line.strip().startswith("student")]
    for figure in ("92.00%", "97.5%", "3.1%", "2.4 kB", "0.12 ms", "1,234,568"):
        assert figure in student
    (teacher,) = [line for line in text.splitlines() if line.strip().startswith("teacher")]
    assert "3.0 MB" in teacher
    assert "1,540 test rows" in text
    assert "No requirement was set." in text


def test_what_was_not_measured_is_a_dash(shown: Callable):
    bare = card()
    bare["models"]["student"] |= {
        "bytes": None,
        "latency_ms": {"p50": None, "p95": None},
        "throughput_per_s": None,
    }
    bare["comparison"]["student"]["quality_retained"] = None
    text = shown(screen.show_scorecard, bare)
    (student,) = [line for line in text.splitlines() if line.strip().startswith("student")]
    assert student.split().count("-") == 4


def test_requirements_are_marked(shown: Callable):
    results = [
        {"rule": "accuracy > 0.9", "model": "onnx", "value": 0.92, "passed": True},
        {"rule": "speedup > 2", "model": "onnx", "value": None, "passed": False},
    ]
    text = shown(screen.show_scorecard, card(requirements=results, advice=["Train longer."]))
    assert "✓ accuracy > 0.9  (onnx: 0.92)" in text
    assert "✗ speedup > 2  (onnx: no value)" in text
    assert "Train longer." in text


def test_text_from_data_is_no_markup(shown: Callable):
    text = shown(screen.show_scorecard, card(why="Class [bold] is lost [/nothing]."))
    assert "Class [bold] is lost [/nothing]." in text


def test_runs_are_compared_in_one_table(shown: Callable):
    row = {
        "run": "runs/a",
        "metric": "accuracy",
        "quality": {"value": 0.92},
        "quality_retained": 0.97,
        "recovered_gap": {"value": None},
        "harmful_flips": 0.03,
        "bytes": 2440,
        "latency_ms": {"p50": 0.1},
        "verdict": "ship",
    }
    text = shown(screen.show_comparison, [row, {**row, "recovered_gap": {"value": 0.61}}])
    assert text.count("runs/a") == 2
    assert "61%" in text


def test_steps_are_told_as_they_end(watched: Callable):
    name = "teacher-74a262bf"
    lines = watched(
        {"event": "step", "step": "rows", "state": "kept"},
        {"event": "step", "step": name, "state": "begun"},
        {"event": "epoch", "model": "teacher", "epoch": 1, "of": 2, "loss": 1.0, "validation": 0.5},
        {"event": "epoch", "model": "teacher", "epoch": 2, "of": 2, "loss": 0.5, "validation": 0.6},
        {"event": "step", "step": name, "state": "done", "seconds": 1.25},
    )
    assert lines[0].split() == ["·", "rows", "kept", "from", "before"]
    assert lines[1].split() == ["✓", name, "1.2", "s"]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"event": "warning", "text": "too [large]"}, "too [large]"),
        ({"event": "damaged shard", "shard": 3}, "shard 3 of the knowledge is asked again"),
        ({"event": "self-check", "passed": ["a", "b"]}, "2 checks hold on real rows"),
        (
            {"event": "probe", "objective": "soft_labels(temperature=2)", "validation": 0.915},
            "soft_labels(temperature=2): validation 91.50%",
        ),
        ({"event": "plan", **PLAN}, "4 min left"),
    ],
)
def test_events_become_lines(watched: Callable, record: dict, words: str):
    assert words in "\n".join(watched(record))


def test_bars_come_and_go_and_unknown_events_are_left_to_the_log(watched: Callable):
    lines = watched(
        {"event": "asked", "new": 512, "done": 512, "of": 700},
        {"event": "asked", "new": 188, "done": 700, "of": 700},
        {"event": "step", "step": "candidates", "state": "done", "seconds": 0.5},
        {"event": "taught", "rows": 256, "of": 300, "seconds": 0.1},
        {"event": "step", "step": "knowledge", "state": "done", "seconds": 0.5},
        {"event": "something new"},
        {"event": "report", "path": "runs/a/report.html"},
    )
    assert [line.split()[1] for line in lines] == ["candidates", "knowledge"]
