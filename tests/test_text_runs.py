"""Whole runs over texts, from tables to what ships: each once, held against what users rely on."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pyarrow import parquet

from understudy.loading import load
from understudy.pipeline.distilling import Production
from understudy.pipeline.rooting import rooted
from understudy.pipeline.running import Run, evaluate_on
from understudy.pipeline.workspace import Workspace
from understudy.recipe.reading import read_recipe
from understudy.students.sentence import preset_encoder
from understudy.students.sentence_folders import save_encoder
from understudy.students.tokens import trained_tokens

CLASSIFYING = """\
data:
  train: train.csv
  test: test.csv
  unlabelled: unlabelled.jsonl
  out_of_scope: others.csv
  slices: [channel]
  augment: {copies: 1}
  most_tokens: 16
teacher: {train: cnn, training: {epochs: 6, batch_size: 16, learning_rate: 3.0e-3}}
student: {preset: static-32-0, vocabulary: 200}
training: {epochs: 8, batch_size: 32, learning_rate: 1.0e-2}
export: [onnx]
require: [accuracy >= 0.5, agreement >= 0.5]
evaluation: {resamples: 50, seconds: 0.02}
"""
CUTTING = """\
data: {train: train.csv, test: test.csv, most_tokens: 16}
teacher: {train: tiny, training: {epochs: 2, batch_size: 16, learning_rate: 1.0e-3}}
student: {from_teacher: {layers: [1], heads: 1, vocabulary: used}}
training: {epochs: 2, batch_size: 32, learning_rate: 1.0e-3}
rivals: none
control: false
export: []
evaluation: {resamples: 20, seconds: 0.02}
"""
EMBEDDING = """\
task: text-embedding
data: {train: texts.csv, most_tokens: 16}
teacher: encoder
training: {epochs: 3, batch_size: 32, learning_rate: 1.0e-3}
evaluation: {resamples: 50, seconds: 0.02}
"""


def table(path: Path, **columns: list[Any]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory,
    asked: tuple[list[str], list[str]],
    scored_on: Callable[[Path], None],
) -> Path:
    """A user's folder: tables of texts, an encoder, a search, and recipes beside them."""
    folder = tmp_path_factory.mktemp("texts")
    texts, labels = asked
    table(folder / "train.csv", text=texts[:140], label=labels[:140])
    channels = ["phone" if row % 3 else "web" for row in range(40)]
    table(folder / "test.csv", text=texts[140:], label=labels[140:], channel=channels)
    lines = (json.dumps({"text": f"{text} now"}) for text in texts[:30])
    (folder / "unlabelled.jsonl").write_text("\n".join(lines))
    table(folder / "others.csv", text=[f"what are you made of, number {n}" for n in range(12)])
    table(folder / "texts.csv", text=texts)
    for name, recipe in (("classes", CLASSIFYING), ("cut", CUTTING), ("vectors", EMBEDDING)):
        (folder / f"{name}.yaml").write_text(recipe)

    tokens = trained_tokens(texts, 300, 32)
    torch.manual_seed(0)
    encoder = preset_encoder("tiny", tokens.size, 32, None)
    tokens.save(folder / "encoder")
    save_encoder(folder / "encoder", encoder, 32)

    scored_on(folder)
    return folder


@pytest.fixture(scope="module")
def distilled(command: Callable, place: Path, cache: Path) -> Callable[..., Run]:
    def run(recipe: str, out: str, *words: str) -> Run:
        said = command("distill", place / f"{recipe}.yaml", "--out", place / out, *words)
        assert said.code == 0, (said.out, said.err)
        return Run(place / out)

    return run


@pytest.fixture(scope="module")
def classes(distilled: Callable[..., Run]) -> Run:
    return distilled("classes", "classes")


@pytest.fixture(scope="module")
def cut(distilled: Callable[..., Run]) -> Run:
    return distilled("cut", "cut")


@pytest.fixture(scope="module")
def pairs(distilled: Callable[..., Run]) -> Run:
    return distilled(
        "vectors",
        "pairs",
        "--set",
        "data.test=pairs.csv",
        "--set",
        "student={from_teacher: {layers: [1]}}",
        "--set",
        "export=[]",
    )


@pytest.fixture(scope="module")
def search(distilled: Callable[..., Run]) -> Run:
    return distilled(
        "vectors",
        "search",
        "--set",
        "data.test=search",
        "--set",
        "student={preset: static-32, vocabulary: used}",
        "--set",
        "export=[onnx]",
    )


def predictions(run: Run) -> dict[str, np.ndarray]:
    columns = parquet.read_table(run.folder / "predictions.parquet").to_pydict()
    return {name: np.array(values) for name, values in columns.items()}


def steps(run: Run, state: str) -> list[str]:
    """The steps of a run's last process that were begun, or kept."""
    records = [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]
    ends = [number for number, record in enumerate(records) if record["event"] == "report"]
    last = ends[-2] if len(ends) > 1 else 0
    return [
        record["step"]
        for record in records[last:]
        if record["event"] == "step" and record["state"] == state
    ]


# Classes.


def test_the_task_and_its_objective_are_written_out(classes: Run):
    text = (classes.folder / "recipe.yaml").read_text()
    assert "task: text-classification" in text
    assert "soft_labels" in text
    assert "vocabulary: 200" in text


def test_the_student_learns_and_every_model_is_scored(classes: Run):
    card = classes.scorecard
    assert card["verdict"] == "ship"
    assert {"teacher", "control", "student", "onnx"} <= set(card["models"])
    assert any(name.startswith("rival-") for name in card["models"])
    assert card["models"]["student"]["quality"]["accuracy"]["value"] > 0.6
    data = card["data"]
    assert (data["test_rows"], data["out_of_scope_rows"]) == (40, 12)
    assert data["unlabelled"] > 30 + 12
    assert data["rows"] == data["unlabelled"] + 140 + 40


def test_accuracy_follows_from_the_predictions(classes: Run, asked: tuple):
    found = predictions(classes)
    card = classes.scorecard
    labels = np.array(asked[1][140:])
    assert found["row"].tolist() == list(range(40))
    assert found["label"].tolist() == labels.tolist()
    for name, model in card["models"].items():
        accuracy = np.mean(found[name] == labels)
        assert model["quality"]["accuracy"]["value"] == pytest.approx(accuracy)
    phone = np.array([bool(row % 3) for row in range(40)])
    parts = {entry["value"]: entry for entry in card["slices"]}
    assert parts["phone"]["rows"] == phone.sum()
    right = np.mean(found["student"][phone] == labels[phone])
    told = parts["phone"]["student"]
    assert (told["value"] if isinstance(told, dict) else told) == pytest.approx(right)


def test_rows_of_no_class_are_held_against_those_in_scope(classes: Run, place: Path):
    told = classes.scorecard["models"]["student"]["out_of_scope"]
    inside = predictions(classes)["student.confidence"]
    with (place / "others.csv").open() as file:
        others = [row["text"] for row in csv.DictReader(file)]
    outside = np.array(
        [answer.confidence for answer in load(classes.folder / "student").predict(others)]
    )
    above = (inside[:, None] > outside).mean() + (inside[:, None] == outside).mean() / 2
    value = told["auroc"]
    found = value["value"] if isinstance(value, dict) else value
    assert found == pytest.approx(above, abs=2e-3)


def test_a_second_run_keeps_every_step(classes: Run, distilled: Callable[..., Run]):
    before = predictions(classes)
    weights = (classes.folder / "student" / "model.safetensors").read_bytes()
    distilled("classes", "classes")
    assert steps(classes, "begun") == []
    assert {"rows", "knowledge", "student", "control", "rivals", "export-onnx", "score"} <= set(
        steps(classes, "kept")
    )
    assert (classes.folder / "student" / "model.safetensors").read_bytes() == weights
    after = predictions(classes)
    for name, values in before.items():
        assert (after[name] == values).all(), name


def test_the_artefact_and_the_student_answer_alike(classes: Run, asked: tuple):
    artefact, student = load(classes.folder), load(classes.folder / "student")
    for texts in (asked[0][140:150], asked[0][0]):
        ours, theirs = artefact.answers(texts), student.answers(texts)
        np.testing.assert_allclose(
            ours.log_probabilities, theirs.log_probabilities, rtol=1e-4, atol=1e-4
        )
    # One text alone and among longer ones.
    alone = artefact.answers(asked[0][0]).log_probabilities[0]
    among = artefact.answers([asked[0][0], "play " * 40]).log_probabilities[0]
    np.testing.assert_allclose(alone, among, rtol=1e-4, atol=1e-5)


def test_new_data_are_scored_by_the_same_models(classes: Run, place: Path, asked: tuple):
    table(place / "later.csv", text=asked[0][:20], label=asked[1][:20])
    card = evaluate_on(classes.folder, str(place / "later.csv"))
    assert card["data"]["rows"] == 20
    assert card["models"]["onnx"]["quality"]["accuracy"]["value"] > 0.6


def test_a_file_is_answered_row_by_row(classes: Run, command: Callable, place: Path):
    said = command("predict", classes.folder, place / "test.csv", "--to", place / "said.csv")
    assert said.code == 0, said.err
    with (place / "said.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["prediction"] for row in rows] == predictions(classes)["onnx"].tolist()


def test_the_report_shows_texts(classes: Run):
    report = classes.report.read_text()
    assert "<img" not in report or "data:image" in report
    assert "text-classification" in report


def test_a_transformer_student_opens_in_their_pipeline(cut: Run, asked: tuple):
    from transformers import pipeline

    texts = asked[0][140:152]
    theirs = pipeline("text-classification", str(cut.folder / "student"), device="cpu")(texts)
    ours = load(cut.folder / "student").predict(texts)
    assert [answer.label for answer in ours] == [answer["label"] for answer in theirs]
    assert [answer.confidence for answer in ours] == pytest.approx(
        [answer["score"] for answer in theirs], abs=1e-4
    )
    # A pruned model, saved and loaded again, is the one that was scored.
    found = predictions(cut)
    again = load(cut.folder / "student").predict(asked[0][140:])
    assert [answer.label for answer in again] == found["student"].tolist()
    assert [answer.confidence for answer in again] == pytest.approx(
        found["student.confidence"].tolist(), abs=1e-5
    )
    assert "control" not in cut.scorecard["models"]


def test_the_tokens_that_a_student_leaves_out_are_told(cut: Run, classes: Run):
    kept = json.loads((cut.folder / "student" / "config.json").read_text())["vocab_size"]
    (told,) = (
        each["text"]
        for each in cut.scorecard["data"]["findings"]
        if each["kind"] == "reduced_vocabulary"
    )
    assert told.startswith(f"the student keeps {kept:,} of the ")
    assert told in cut.report.read_text()
    kinds = {each["kind"] for each in classes.scorecard["data"]["findings"]}
    assert "reduced_vocabulary" in kinds


def test_a_control_begins_with_what_its_teacher_began_with(place: Path, cut: Run, cache: Path):
    recipe = read_recipe(place / "cut.yaml", ["student={from_teacher: {layers: [1]}}"])
    production = Production(rooted(recipe, place), Workspace(place / "begun"))
    networks = (
        production.student.fresh(),
        production.teacher.teacher.network,
        production.control.fresh(),
        production.search.untaught(production.recipe.teacher).network,
    )
    name = "model.bert.encoder.layer.{}.output.dense.weight"
    student, taught, control, untaught = (
        network.get_parameter(name.format(layer))
        for network, layer in zip(networks, (0, 1, 0, 1), strict=True)
    )
    assert torch.equal(student, taught)
    assert torch.equal(control, untaught)
    assert not torch.equal(student, control)


# Vectors.


def test_spearman_follows_from_the_predictions(pairs: Run, place: Path):
    from scipy.stats import spearmanr

    found = predictions(pairs)
    card = pairs.scorecard
    assert card["metric"] == "spearman"
    with (place / "pairs.csv").open() as file:
        rows = list(csv.DictReader(file))
    gold = np.array([float(row["score"]) for row in rows])
    np.testing.assert_allclose(found["label"], gold)
    for name in ("teacher", "student"):
        value = card["models"][name]["quality"]["spearman"]["value"]
        assert value == pytest.approx(spearmanr(found[name], gold).statistic, abs=1e-6)
    # And the cosines from the student that was saved.
    student = load(pairs.folder / "student")
    first, second = (student.embed([row[side] for row in rows]) for side in ("text", "text_2"))
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    np.testing.assert_allclose((first * second).sum(1) / lengths, found["student"], atol=1e-5)


def test_an_embedding_student_has_no_control_and_comes_near(pairs: Run):
    card = pairs.scorecard
    assert "control" not in card["models"]
    curve = [
        record
        for record in map(json.loads, (pairs.folder / "log.jsonl").read_text().splitlines())
        if record["event"] == "epoch"
    ]
    assert curve[-1]["validation"] > curve[0]["validation"]
    assert curve[-1]["validation"] > 0.9


@pytest.mark.parametrize("which", ["pairs", "search"])
def test_sentence_transformers_gives_the_same_vectors(
    which: str, request: pytest.FixtureRequest, asked: tuple
):
    library = pytest.importorskip("sentence_transformers")
    run: Run = request.getfixturevalue(which)
    texts = [*asked[0][:9], "play " * 40]
    theirs = library.SentenceTransformer(str(run.folder / "student"), device="cpu").encode(texts)
    ours = load(run.folder / "student").embed(texts)
    assert ours.shape == (10, 128)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_ndcg_follows_from_the_vectors(search: Run, place: Path):
    card, found = search.scorecard, predictions(search)
    assert card["metric"] == "ndcg_at_10" or card["metric"].lower().startswith("ndcg")
    lines = [
        [json.loads(line) for line in (place / "search" / name).read_text().splitlines()]
        for name in ("queries.jsonl", "corpus.jsonl")
    ]
    for name, folder in (("student", search.folder / "student"), ("onnx", search.folder)):
        model = load(folder)
        queries, documents = (model.embed([entry["text"] for entry in side]) for side in lines)
        scores = queries @ documents.T
        ndcg = []
        for query, row in enumerate(scores):
            best = np.argsort(-row, kind="stable")[:10]
            gained = np.isin(best, [query, query + 3]) / np.log2(np.arange(2, 12))
            ndcg.append(gained.sum() / (1 + 1 / np.log2(3)))
        np.testing.assert_allclose(found[name], ndcg, atol=1e-6)
        value = card["models"][name]["quality"][card["metric"]]["value"]
        assert value == pytest.approx(np.mean(ndcg), abs=1e-6)


def test_bm25_stands_beside_a_search_and_letters_beside_pairs(search: Run, pairs: Run):
    assert "rival-bm25" in search.scorecard["models"]
    rivals = [name for name in pairs.scorecard["models"] if name.startswith("rival")]
    assert len(rivals) == 1
    assert rivals != ["rival-bm25"]


@pytest.mark.parametrize("which", ["pairs", "search"])
def test_a_second_run_over_vectors_keeps_every_step(
    which: str, request: pytest.FixtureRequest, place: Path
):
    from understudy.pipeline.running import distill
    from understudy.recipe.reading import read_recipe

    run: Run = request.getfixturevalue(which)
    distill(read_recipe(run.folder / "recipe.yaml"), run.folder, root=run.folder)
    assert steps(run, "begun") == []
    assert {"rows", "knowledge", "student", "score"} <= set(steps(run, "kept"))


@pytest.mark.parametrize(("which", "data"), [("pairs", "pairs.csv"), ("search", "search@test")])
def test_vectors_scored_on_the_test_of_their_run_have_its_very_figures(
    which: str, data: str, request: pytest.FixtureRequest, place: Path, command: Callable
):
    run: Run = request.getfixturevalue(which)
    said = command("evaluate", run.folder, "--data", place / data)
    assert said.code == 0, (said.out, said.err)
    (path,) = (run.folder / "evaluations").glob("*/scorecard.json")
    card, before = json.loads(path.read_text()), run.scorecard
    assert list(card["models"]) == list(before["models"])
    assert card["verdict"] == before["verdict"]
    assert card["data"]["source"] == str(place / data)
    for name, model in before["models"].items():
        assert card["models"][name]["bytes"] == model["bytes"]
        for metric, figure in model["quality"].items():
            assert card["models"][name]["quality"][metric] == pytest.approx(figure, abs=1e-6)
    own, anew = (
        parquet.read_table(folder / "predictions.parquet").to_pydict()
        for folder in (run.folder, path.parent)
    )
    for name, values in own.items():
        np.testing.assert_allclose(anew[name], values, atol=1e-5, err_msg=name)


def test_vectors_are_scored_on_the_other_kind_of_test_too(pairs: Run, place: Path):
    card = evaluate_on(pairs.folder, str(place / "search@test"))
    assert card["metric"] == "ndcg_at_10"
    assert card["row_is"] == "query"
    assert card["rows"] == 12
    assert "rival-bm25" in card["models"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("texts.csv", "is neither scored pairs (text, text_2, score) nor a search"),
        ("flat.csv", "the column 'score' has one score only"),
        ("gone.csv", "gone.csv"),
    ],
)
def test_what_vectors_cannot_be_scored_on_is_one_sentence(
    data: str, told: str, pairs: Run, place: Path, command: Callable, asked: tuple
):
    table(place / "flat.csv", text=asked[0][:5], text_2=asked[0][1:6], score=[1.0] * 5)
    before = sorted(pairs.folder.glob("evaluations/*"))
    said = command("evaluate", pairs.folder, "--data", place / data)
    assert said.code == 2
    assert "data.test" not in said.err
    (sentence,) = (line for line in said.err.splitlines() if line.startswith("understudy: "))
    assert told in sentence
    assert sorted(pairs.folder.glob("evaluations/*")) == before


def test_classes_and_vectors_are_not_mistaken(classes: Run, pairs: Run):
    from understudy.errors import RequestError

    with pytest.raises(RequestError, match="tells classes apart instead|call predict instead"):
        load(classes.folder).embed("a text")
    with pytest.raises(RequestError, match="call embed instead"):
        load(pairs.folder / "student").predict("a text")
