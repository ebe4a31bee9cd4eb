"""Whole runs whose students have fewer dimensions than their teacher, or other axes."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pyarrow import parquet
from safetensors.numpy import load_file

from understudy.loading import load
from understudy.pipeline.running import Run
from understudy.students.sentence import preset_encoder
from understudy.students.sentence_folders import save_encoder
from understudy.students.tokens import trained_tokens

WIDE, NARROW = 128, 24
RECIPE = """\
task: text-embedding
data: {train: texts.csv, test: search, most_tokens: 16}
teacher: encoder
training: {epochs: 3, batch_size: 32, learning_rate: 1.0e-2}
evaluation: {resamples: 20, seconds: 0.02}
"""
PAIRS = ("--set", "data.test=pairs.csv", "--set", "export=[]")


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
    """A user's folder: texts, an encoder of 128 dimensions, a search, scored pairs."""
    folder = tmp_path_factory.mktemp("narrow")
    texts = asked[0]
    table(folder / "texts.csv", text=texts)
    scored_on(folder)
    (folder / "recipe.yaml").write_text(RECIPE)
    tokens = trained_tokens(texts, 300, 32)
    torch.manual_seed(0)
    encoder = preset_encoder("tiny", tokens.size, 32, None)
    with torch.no_grad():  # so that texts differ as they do for a trained encoder
        for weight in encoder.parameters():
            weight.mul_(3.0)
    tokens.save(folder / "encoder")
    save_encoder(folder / "encoder", encoder, 32)
    return folder


@pytest.fixture(scope="module")
def distilled(command: Callable, place: Path, cache: Path) -> Callable[..., Run]:
    def run(out: str, student: str, *words: str) -> Run:
        given = ("--out", place / out, "--set", f"student={student}", *words)
        said = command("distill", place / "recipe.yaml", *given)
        assert said.code == 0, (said.out, said.err)
        return Run(place / out)

    return run


@pytest.fixture(scope="module")
def narrow(distilled: Callable[..., Run]) -> Run:
    return distilled(
        "narrow", f"{{preset: static, dimensions: {NARROW}}}", "--set", "export=[onnx]"
    )


@pytest.fixture(scope="module")
def nested(distilled: Callable[..., Run]) -> Run:
    objective = "objective=[{matryoshka: {dimensions: [8, 32]}}]"
    return distilled("nested", "{preset: static-128, axes: principal}", "--set", objective)


def steps(run: Run, state: str) -> list[str]:
    records = [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]
    ends = [number for number, record in enumerate(records) if record["event"] == "report"]
    last = ends[-2] if len(ends) > 1 else 0
    kept = (record for record in records[last:] if record["event"] == "step")
    return [record["step"] for record in kept if record["state"] == state]


def vectors_of(run: Run) -> tuple[Any, Any, Any]:
    """All test texts (documents, queries) by the student, and by the teacher in full and narrow."""
    place = run.folder.parent
    names = ("corpus", "queries")
    lines = [(place / "search" / f"{name}.jsonl").read_text().splitlines() for name in names]
    texts = [[json.loads(line)["text"] for line in part] for part in lines]
    library = pytest.importorskip("sentence_transformers")
    teacher = library.SentenceTransformer(str(place / "encoder"), device="cpu")
    directions = load_file(run.folder / "student" / "projection.safetensors")["directions"]
    student = load(run.folder / "student")
    whole = [np.asarray(teacher.encode(part, batch_size=8), np.float64) for part in texts]
    return [student.embed(part) for part in texts], whole, [part @ directions for part in whole]


def nearest(documents: Any, queries: Any, k: int = 10) -> Any:
    """The k documents of the highest cosine to each query, by plain sorting."""
    one, two = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (documents, queries))
    return np.argsort(-(two @ one.T), axis=1, kind="stable")[:, :k]


def shared(found: Any, wanted: Any) -> Any:
    return np.array([len({*one} & {*two}) / 10 for one, two in zip(found, wanted, strict=True)])


def test_the_projection_is_pca_about_the_origin_of_the_texts_learnt_from(narrow: Run, asked: tuple):
    """By an independent singular value decomposition in float64 of the teacher's own vectors."""
    directions = load_file(narrow.folder / "student" / "projection.safetensors")["directions"]
    assert directions.shape == (WIDE, NARROW)
    library = pytest.importorskip("sentence_transformers")
    teacher = library.SentenceTransformer(str(narrow.folder.parent / "encoder"), device="cpu")
    rows = narrow.scorecard["data"]["train_rows"]
    whole = np.asarray(teacher.encode(asked[0], batch_size=8), np.float64)
    # Which of them are set aside for validation is the run's business: try all that could be.
    kept = narrow.scorecard["space"]["kept"]
    _, scale, found = np.linalg.svd(whole, full_matrices=False)
    near = (scale[:NARROW] ** 2).sum() / (scale**2).sum()
    assert rows < len(whole)
    assert kept == pytest.approx(near, abs=0.02)
    overlap = np.linalg.norm(found[:3] @ directions)  # the leading directions lie in its span
    assert overlap == pytest.approx(np.sqrt(3), rel=1e-2)


def test_narrow_vectors_are_the_same_wherever_they_come_from(narrow: Run, asked: tuple):
    library = pytest.importorskip("sentence_transformers")
    texts = [*asked[0][:9], "play " * 40]
    ours = load(narrow.folder / "student").embed(texts)
    assert ours.shape == (10, NARROW)
    student = narrow.folder / "student"
    theirs = library.SentenceTransformer(str(student), device="cpu").encode(texts)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_allclose(ours, load(narrow.folder).embed(texts), atol=1e-5)
    table = load_file(student / "model.safetensors")["embedding.weight"]
    assert table.shape[1] == NARROW  # no wider table behind a map


def test_neighbours_are_the_full_teachers_and_drop_in_is_projected(narrow: Run):
    student, whole, projected = vectors_of(narrow)
    wanted = nearest(*whole)
    near = parquet.read_table(narrow.folder / "neighbours.parquet").to_pydict()
    versus = narrow.scorecard["comparison"]["student"]
    overlap = shared(nearest(*student), wanted).mean()
    drop_in = shared(nearest(projected[0], student[1]), wanted).mean()
    assert versus["agreement"] == pytest.approx(overlap, abs=1e-3)
    assert versus["drop_in_overlap"] == pytest.approx(drop_in, abs=1e-3)
    assert np.mean(
        [share for share in near["student.drop_in"] if share is not None]
    ) == pytest.approx(drop_in, abs=1e-3)
    asked, said = (np.concatenate(side) for side in (student, projected))
    cosine = (asked * said).sum(1) / np.linalg.norm(said, axis=1)
    assert versus["cosine"]["mean"] == pytest.approx(cosine.mean(), abs=1e-3)
    assert cosine.mean() > 0.5


def test_an_index_is_brought_along_without_understudy(narrow: Run, tmp_path: Path):
    _, whole, projected = vectors_of(narrow)
    expected = projected[0] / np.linalg.norm(projected[0], axis=1, keepdims=True)
    np.testing.assert_allclose(load(narrow.folder).project(whole[0]), expected, atol=1e-5)
    np.save(tmp_path / "from.npy", whole[0])
    script = narrow.folder / "export" / "onnx" / "project.py"
    call = [sys.executable, str(script), str(tmp_path / "from.npy"), str(tmp_path / "to.npy")]
    said = subprocess.run(call, check=True, capture_output=True, text=True).stdout
    assert said.strip() == f"from {WIDE} to {NARROW} dimensions: {len(whole[0])} texts"
    np.testing.assert_allclose(np.load(tmp_path / "to.npy"), expected, atol=1e-5)


def test_scorecard_report_and_card_say_where_the_vectors_lie(narrow: Run):
    space = narrow.scorecard["space"]
    assert (space["dimensions"], space["teacher_dimensions"]) == (NARROW, WIDE)
    assert space["axes"] == "principal"
    assert f"{NARROW} dimensions and the teacher's {WIDE}" in space["text"]
    assert "neighbour overlap is against its full vectors" in space["text"]
    assert "projected, by projection.safetensors" in narrow.report.read_text()
    assert "brought into its space" in (narrow.folder / "student" / "README.md").read_text()
    assert narrow.scorecard["prefixes"] == []
    assert 'id="prefixes"' not in narrow.report.read_text()
    weights = (narrow.folder / "student" / "model.safetensors").stat().st_size
    assert narrow.scorecard["models"]["student"]["bytes"] == weights


def test_a_second_run_keeps_the_projection_and_mends_a_damaged_one(
    narrow: Run, distilled: Callable[..., Run]
):
    student = f"{{preset: static, dimensions: {NARROW}}}"
    path = narrow.folder / "checkpoints" / "projection.safetensors"
    before = path.read_bytes()
    distilled("narrow", student, "--set", "export=[onnx]")
    assert steps(narrow, "begun") == []
    assert {"knowledge", "projection", "student", "score"} <= set(steps(narrow, "kept"))
    damaged = bytearray(before)
    damaged[-200] ^= 1
    path.write_bytes(damaged)
    distilled("narrow", student, "--set", "export=[onnx]")
    assert steps(narrow, "begun") == ["projection"]
    assert path.read_bytes() == before


def test_one_pass_of_the_teacher_serves_every_width(narrow: Run, distilled: Callable[..., Run]):
    """Layers of the teacher, and its own first dimensions, from the same store."""
    cut = "{from_teacher: {layers: [1], dimensions: 16}}"
    first = "{preset: static, dimensions: 40, axes: teacher}"
    for out, student, width in (("cut", cut, 16), ("first", first, 40)):
        run = distilled(out, student, "--set", "export=[]", "--set", "training.epochs=1")
        assert run.scorecard["knowledge"]["reused"]
        assert load(run.folder / "student").embed("play the song oslo").shape == (1, width)
        directions = load_file(run.folder / "student" / "projection.safetensors")["directions"]
        assert directions.shape == (WIDE, width)
    np.testing.assert_array_equal(directions, np.eye(WIDE, 40))
    assert "cut to the first 40" in run.scorecard["space"]["text"]
    assert "projection" not in steps(run, "done")


def test_prefixes_are_scored_at_every_length(nested: Run):
    """Along principal axes, of as many dimensions; the table follows from the exported vectors."""
    card = nested.scorecard
    assert card["space"]["axes"] == "principal"
    assert "which changes no cosine" in card["space"]["text"]
    _, whole, projected = vectors_of(nested)
    names = ("corpus", "queries")
    folder = nested.folder.parent / "search"
    lines = [(folder / f"{name}.jsonl").read_text().splitlines() for name in names]
    texts = [[json.loads(line)["text"] for line in part] for part in lines]
    shipped = [load(nested.folder / "export" / "onnx").embed(part) for part in texts]
    wanted = nearest(*whole)
    entries = {(entry["model"], entry["dimensions"]): entry for entry in card["prefixes"]}
    assert {length for _, length in entries} == {8, 32, WIDE}
    assert {name for name, _ in entries} == {"teacher, cut", "student", "onnx"}
    for name, (documents, queries) in (("onnx", shipped), ("teacher, cut", projected)):
        for length in (8, 32, WIDE):
            entry = entries[name, length]
            found = nearest(documents[:, :length], queries[:, :length])
            assert entry["bytes_per_vector"] == 4 * length
            assert entry["agreement"] == pytest.approx(shared(found, wanted).mean(), abs=2e-2)
            gained = np.array(
                [[each in (row, row + 3) for each in best] for row, best in enumerate(found)]
            )
            ndcg = (gained / np.log2(np.arange(2, 12))).sum(1) / (1 + 1 / np.log2(3))
            value = entry["quality"]["ndcg_at_10"]["value"]
            assert value == pytest.approx(ndcg.mean(), abs=2e-2)
    report = nested.report.read_text()
    assert 'id="prefixes"' in report
    assert "Quality at each length" in report


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("student={preset: static, dimensions: 200}",),
            "the teacher's vectors have 128; name 128",
        ),
        (("student={preset: static, dimensions: 0}",), "is 0; it must be 1 or more"),
        (("student={preset: static, dimensions: wide}",), "must be a whole number or null"),
        (("student={preset: static, axes: own}",), "must be 'auto', 'teacher' or 'principal'"),
        (
            ("student={preset: static, dimensions: 16}", "objective=[{matryoshka: {}}]"),
            "matryoshka names 256 dimensions, but the student's vectors have 16; name 16 or fewer",
        ),
        (
            ("student={preset: static, dimensions: 127}", "data.test=pairs.csv"),
            "do not show the 127 principal dimensions",
        ),
        (
            ("student={preset: static, dimensions: 16}", "knowledge.mode=live"),
            "set knowledge.mode to stored",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(
    words: tuple[str, ...], sentence: str, command: Callable, place: Path, tmp_path: Path
):
    given = [part for word in words for part in ("--set", word)]
    said = command("distill", place / "recipe.yaml", "--out", tmp_path / "run", *given)
    assert said.code == 2, said.out
    assert sentence in " ".join(said.err.split()), said.err
    assert "Traceback" not in said.err


def test_dimensions_are_for_vectors(command: Callable, place: Path, tmp_path: Path, asked: tuple):
    table(tmp_path / "train.csv", text=asked[0], label=asked[1])
    recipe = tmp_path / "classes.yaml"
    recipe.write_text(
        "data: train.csv\nteacher: {train: cnn}\nstudent: {preset: static, dimensions: 16}\n"
    )
    said = command("distill", recipe, "--out", tmp_path / "run")
    assert said.code == 2
    assert "student.dimensions and student.axes are for text-embedding" in said.err
