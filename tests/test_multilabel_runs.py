"""A whole run over texts with several classes each, from a table to what ships."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet
from sklearn import metrics

from understudy.errors import RequestError
from understudy.loading import load
from understudy.pipeline.running import Run, evaluate_on

RECIPE = """\
task: text-multilabel
data: {train: train.jsonl, test: test.jsonl, unlabelled: more.jsonl, slices: [channel],
       most_tokens: 24}
teacher: {train: cnn, training: {epochs: 12, batch_size: 16, learning_rate: 3.0e-3}}
student: {preset: static-32-64, vocabulary: 200}
training: {epochs: 20, batch_size: 32, learning_rate: 1.0e-2}
export: [onnx, onnx-int8]
require: [micro_f1 >= 0.5, exact_match >= 0.2]
evaluation: {resamples: 50, seconds: 0.02}
"""
CLASSES = ("music", "travel", "weather")


def mixed(asked: tuple[list[str], list[str]], count: int, seed: int) -> list[dict[str, Any]]:
    """One or two of the questions in one, with the labels of both."""
    texts, labels = asked
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        chosen = random.choice(len(texts), random.integers(1, 3), replace=False)
        rows.append(
            {
                "text": " and ".join(texts[row] for row in chosen),
                "label": sorted({labels[row] for row in chosen}),
                "channel": "phone" if random.random() < 0.6 else "web",
            }
        )
    return rows


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, asked: tuple[list[str], list[str]]) -> Path:
    folder = tmp_path_factory.mktemp("multilabel")
    for name, count, seed in (("train", 240, 0), ("test", 80, 1), ("more", 60, 2)):
        rows = mixed(asked, count, seed)
        if name == "more":
            rows = [{"text": f"{row['text']} now"} for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def run(command: Callable, place: Path, cache: Path) -> Run:
    said = command("distill", place / "recipe.yaml", "--out", place / "run")
    assert said.code == 0, (said.out, said.err)
    return Run(place / "run")


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def marks(sets: list[list[str]]) -> np.ndarray:
    return np.array([[name in some for name in CLASSES] for some in sets])


def test_the_student_learns_and_every_model_is_scored(run: Run):
    card = run.scorecard
    assert (card["task"], card["metric"], card["verdict"]) == (
        "text-multilabel",
        "micro_f1",
        "ship",
    )
    assert [*card["models"]] == [
        *("teacher", "control", "student"),
        *("rival-tfidf-svm", "rival-tfidf-linear", "onnx", "onnx-int8"),
    ]
    assert card["models"]["student"]["quality"]["micro_f1"]["value"] > 0.7
    assert (card["data"]["unlabelled"], card["data"]["classes"]) == (60, 3)
    text = (run.folder / "recipe.yaml").read_text()
    assert "soft_binary_labels" in text
    assert "hard_binary_labels" in text


def test_figures_follow_from_the_predictions(run: Run, place: Path):
    found = parquet.read_table(run.folder / "predictions.parquet").to_pydict()
    rows = rows_of(place / "test.jsonl")
    truth = marks([row["label"] for row in rows])
    assert found["label"] == [row["label"] for row in rows]
    for name, model in run.scorecard["models"].items():
        said = marks(found[name])
        wanted = metrics.f1_score(truth, said, average="micro")
        assert model["quality"]["micro_f1"]["value"] == pytest.approx(wanted)
        assert model["quality"]["exact_match"]["value"] == pytest.approx(
            (said == truth).all(1).mean()
        )
    phone = np.array([row["channel"] == "phone" for row in rows])
    groups = {(group["column"], group["value"]): group for group in run.scorecard["slices"]}
    said = marks(found["student"])
    assert groups["channel", "phone"]["student"] == pytest.approx(
        metrics.f1_score(truth[phone], said[phone], average="micro")
    )
    assert groups["class", "travel"]["student"] == pytest.approx(
        metrics.f1_score(truth[:, 1], said[:, 1])
    )


def test_the_artefact_and_the_student_answer_alike(run: Run, place: Path):
    texts = [row["text"] for row in rows_of(place / "test.jsonl")]
    artefact, student = load(run.folder), load(run.folder / "student")
    np.testing.assert_allclose(
        artefact.probabilities(texts), student.probabilities(texts), atol=1e-5
    )
    found = parquet.read_table(run.folder / "predictions.parquet").to_pydict()
    sets = [[answer.label for answer in some] for some in student.predict_sets(texts)]
    assert [sorted(some) for some in sets] == found["student"]
    sure = student.predict_sets(texts[0], threshold=0.0)[0]
    assert [answer.label for answer in sure] == sorted(
        CLASSES, key=lambda name: -student.probabilities(texts[0])[0][CLASSES.index(name)]
    )


def test_each_model_is_asked_in_its_own_way(run: Run):
    student = load(run.folder / "student")
    for call in (student.predict, student.answers):
        with pytest.raises(RequestError, match="several classes"):
            call("play jazz")


def test_the_script_beside_the_export_names_the_same_classes(run: Run, place: Path):
    import subprocess
    import sys

    folder = run.folder / "export" / "onnx"
    text = rows_of(place / "test.jsonl")[0]["text"]
    said = subprocess.run(
        [sys.executable, folder / "use.py", text], capture_output=True, text=True, check=True
    )
    lines = dict(line.split() for line in said.stdout.splitlines())
    wanted = {answer.label: answer.confidence for answer in load(folder).predict_sets(text)[0]}
    assert {name: float(value) for name, value in lines.items()} == pytest.approx(wanted, abs=1e-3)


def test_a_file_is_answered_with_lists_or_with_joined_texts(
    run: Run, place: Path, command: Callable
):
    wanted = parquet.read_table(run.folder / "predictions.parquet").to_pydict()["student"]
    for name in ("answers.jsonl", "answers.csv"):
        said = command(
            "predict", run.folder / "student", place / "test.jsonl", "--to", place / name
        )
        assert said.code == 0, said.err
    lists = [row["prediction"] for row in rows_of(place / "answers.jsonl")]
    assert [sorted(some) for some in lists] == wanted
    with (place / "answers.csv").open() as file:
        joined = [row["prediction"] for row in csv.DictReader(file)]
    assert joined == ["|".join(some) for some in lists]


def test_scored_again_on_its_own_test_rows_nothing_changes(run: Run, place: Path):
    again = evaluate_on(run.folder, str(place / "test.jsonl"))
    for name in ("teacher", "student", "onnx"):
        assert again["models"][name]["quality"]["micro_f1"]["value"] == pytest.approx(
            run.scorecard["models"][name]["quality"]["micro_f1"]["value"]
        )


def test_a_second_run_keeps_every_step(run: Run, place: Path, command: Callable):
    before = (run.folder / "log.jsonl").read_text()
    said = command("distill", place / "recipe.yaml", "--out", place / "run")
    assert said.code == 0
    new = (run.folder / "log.jsonl").read_text().removeprefix(before)
    states = {
        record["step"]: record["state"]
        for record in map(json.loads, new.splitlines())
        if record["event"] == "step"
    }
    assert set(states.values()) == {"kept"}


def test_the_report_shows_classes_and_sets(run: Run):
    page = run.report.read_text()
    assert "Micro-F1 by class" in page
    assert "Exact match" in page
    assert "travel" in page
    card = (run.folder / "student" / "README.md").read_text()
    assert "an input may have several, or none" in card
    assert "pipeline_tag: text-classification" in card


def test_a_transformer_student_opens_in_their_pipeline(command: Callable, place: Path, cache: Path):
    from transformers import pipeline

    said = command(
        *("distill", place / "recipe.yaml", "--out", place / "tiny"),
        *("--set", "student=tiny", "--set", "export=[]", "--set", "control=false"),
        *("--set", "rivals=none", "--set", "training.epochs=1", "--set", "require=[]"),
    )
    assert said.code == 0, said.err
    folder = place / "tiny" / "student"
    text = rows_of(place / "test.jsonl")[0]["text"]
    theirs = pipeline("text-classification", str(folder), device="cpu", top_k=None)([text])[0]
    ours = load(folder).probabilities(text)[0]
    assert {answer["label"]: answer["score"] for answer in theirs} == pytest.approx(
        dict(zip(CLASSES, map(float, ours), strict=True)), abs=1e-4
    )


def test_columns_of_marks_give_the_same_rows_as_lists(
    command: Callable, place: Path, cache: Path, tmp_path: Path
):
    for name in ("train", "test"):
        rows = rows_of(place / f"{name}.jsonl")
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", *CLASSES])
            writer.writerows(
                [row["text"], *(int(label in row["label"]) for label in CLASSES)] for row in rows
            )
    recipe = RECIPE.replace("train.jsonl", "train.csv").replace("test.jsonl", "test.csv")
    recipe = recipe.replace(
        "unlabelled: more.jsonl, slices: [channel]", "label_columns: [music, travel, weather]"
    )
    (tmp_path / "marks.yaml").write_text(recipe)
    said = command("plan", tmp_path / "marks.yaml", "--out", tmp_path / "out")
    assert said.code == 0, said.err


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ("task=text-classification", "set task: text-multilabel"),
        ("data.out_of_scope=more.jsonl", "a row of no class has an empty set of labels"),
        ("teacher=openai:http://127.0.0.1:9/v1#model", "picks one class"),
        ("data.classes=[music, travel]", "the label 'weather' is not among the 2 classes"),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    command: Callable, place: Path, tmp_path: Path, cache: Path, changed: str, told: str
):
    said = command("distill", place / "recipe.yaml", "--out", tmp_path / "out", "--set", changed)
    assert said.code == 2
    assert told in " ".join(said.err.split())
    assert "Traceback" not in said.err
