"""The teacher's candidates: its nearest really, none of them relevant, and asked for once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from understudy.data.bm25 import index_words
from understudy.data.settings import Data, Negatives
from understudy.errors import RequestError
from understudy.pipeline.distilling import Production
from understudy.pipeline.mining import are_there, drafted, finder, in_turn, is_mined, kept, once
from understudy.pipeline.running import distill, evaluate_on, plan
from understudy.pipeline.workspace import Workspace
from understudy.recipe.schema import Evaluation, Recipe
from understudy.students.sentence import preset_encoder
from understudy.students.sentence_folders import save_encoder
from understudy.students.text_transformers import preset_classifier, save_text_classifier
from understudy.students.tokens import trained_tokens
from understudy.tasks.candidates import Collection
from understudy.tasks.lists import CANDIDATES
from understudy.teachers.recalled import Recalled
from understudy.training.settings import Training

DRAW = np.random.default_rng(0)
WORDS = ("apple", "pear", "plum", "fig", "bread", "cheese", "milk", "wine", "river", "lake", "sea")
DOCUMENTS = tuple(dict.fromkeys(" ".join(DRAW.choice(WORDS, 4)) for _ in range(60)))
QUERIES = tuple(f"where is the {' '.join(DRAW.choice(WORDS, 2))} {row}" for row in range(24))
GRADES: tuple[Mapping[int, float], ...] = tuple({row: 1.0, row + 1: 0.0} for row in range(24))
COLLECTION = Collection(QUERIES, DOCUMENTS, GRADES, False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search in the shape of BEIR, and a teacher of each kind."""
    folder = tmp_path_factory.mktemp("mining")
    (folder / "search" / "qrels").mkdir(parents=True)
    for name, texts in (("corpus", DOCUMENTS), ("queries", QUERIES)):
        lines = (json.dumps({"_id": str(row), "text": text}) for row, text in enumerate(texts))
        (folder / "search" / f"{name}.jsonl").write_text("\n".join(lines))
    for part, rows in (("train", range(18)), ("test", range(18, 24))):
        judged = "".join(f"{row}\t{row}\t1\n" for row in rows)
        (folder / "search" / "qrels" / f"{part}.tsv").write_text(f"q\td\tscore\n{judged}")
    tokens = trained_tokens([*DOCUMENTS, *QUERIES], 200, 16)
    torch.manual_seed(0)
    for kind in ("pair", "cosine"):
        tokens.save(folder / kind)
    save_encoder(folder / "cosine", preset_encoder("tiny", tokens.size, 16, None), 16)
    body = preset_classifier("tiny", tokens.size, 1, 16)
    body.model.classifier.weight.data.mul_(50)
    save_text_classifier(folder / "pair", body, ("score",))
    return folder


@pytest.fixture
def recipe(place: Path) -> Callable[..., Recipe]:
    def make(kind: str = "cosine", **negatives: Any) -> Recipe:
        data = Data(
            f"{place / 'search'}@train",
            test=f"{place / 'search'}@test",
            candidates=5,
            depth=12,
            most_tokens=16,
            negatives=Negatives(**{"by": "teacher", **negatives}),
        )
        return Recipe(
            data,
            str(place / kind),
            "static",
            task="reranking",
            training=Training(epochs=1, batch_size=8),
            export=(),
            evaluation=Evaluation(resamples=20, seconds=0.01),
        )

    return make


@pytest.fixture
def asked(recipe: Callable[..., Recipe], tmp_path: Path) -> Callable[..., Recalled]:
    """A teacher of a kind, as a run asks it."""

    def make(kind: str) -> Recalled:
        production = Production(recipe(kind), Workspace(tmp_path / "run"))
        found = once(production.teacher.teacher, None)
        assert found is not None
        return found

    return make


def mined(teacher: Recalled, data: Data, collection: Collection = COLLECTION) -> list[list[int]]:
    return finder(teacher, lambda record: None)(collection, index_words(DOCUMENTS), data)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def plain(negatives: Negatives, depth: int = 12) -> Data:
    return Data("", depth=depth, negatives=negatives)


def test_an_encoders_candidates_are_its_nearest_that_nobody_judged(asked: Callable[..., Recalled]):
    teacher = asked("cosine")
    found = mined(teacher, plain(Negatives("teacher")))
    cosines = unit(teacher.of(QUERIES)).astype(np.float64) @ unit(teacher.of(DOCUMENTS)).T
    for query, documents in enumerate(found):
        row = cosines[query].copy()
        row[[*GRADES[query]]] = -np.inf
        assert row[documents] == pytest.approx(np.sort(row)[::-1][:12], abs=1e-5)
        assert len(set(documents)) == 12
        assert not set(documents) & set(GRADES[query])


def test_a_cross_encoders_are_its_highest_of_what_bm25_finds(asked: Callable[..., Recalled]):
    teacher, index = asked("pair"), index_words(DOCUMENTS)
    found = mined(teacher, plain(Negatives("teacher", among=15), depth=5))
    for query, documents in enumerate(found):
        pool = [each for each in index.best(QUERIES[query], 15) if each not in GRADES[query]]
        pairs = [f"{QUERIES[query]}\x1f{DOCUMENTS[each]}" for each in pool]
        scores = teacher.of(pairs)[:, 0]
        assert documents == [pool[at] for at in np.argsort(-scores, kind="stable")[:5]]
        assert not set(documents) & set(GRADES[query])


def test_the_first_are_left_out_and_those_too_near_to_what_is_relevant(
    asked: Callable[..., Recalled],
):
    teacher = asked("cosine")
    whole = mined(teacher, plain(Negatives("teacher"), depth=40))
    skipped = mined(teacher, plain(Negatives("teacher", skip=3), depth=37))
    assert skipped == [documents[3:] for documents in whole]
    guarded = mined(teacher, plain(Negatives("teacher", margin=0.1), depth=40))
    cosines = unit(teacher.of(QUERIES)).astype(np.float64) @ unit(teacher.of(DOCUMENTS)).T
    left_out = 0
    for query, documents in enumerate(guarded):
        limit = 0.9 * cosines[query, query]  # document `query` is the relevant one
        assert (cosines[query, documents] <= limit + 1e-5).all()
        near = [each for each in whole[query] if cosines[query, each] > limit + 1e-5]
        left_out += len(near)
        assert documents[: 40 - len(near)] == [each for each in whole[query] if each not in near]
    assert left_out > 0


def test_a_margin_below_a_score_that_is_negative_still_lies_below_it():
    data = plain(Negatives("teacher", margin=0.5))
    assert kept(([1, 2, 3], [-0.1, -0.25, -0.4], -0.2), data) == [3]
    assert kept(([1, 2, 3], [-0.1, -0.25, -0.4], None), data) == [1, 2, 3]


def test_both_take_turns_and_name_a_document_once(asked: Callable[..., Recalled]):
    assert in_turn([1, 2, 3], [3, 4]) == [1, 3, 2, 4]
    teacher = asked("cosine")
    found = mined(teacher, plain(Negatives("both"), depth=10))
    theirs, words = (
        mined(teacher, plain(Negatives("teacher"), depth=10)),
        [index_words(DOCUMENTS).best(query, 10) for query in QUERIES],
    )
    for query, documents in enumerate(found):
        assert len(set(documents)) == len(documents) == 10
        assert set(documents) <= {*theirs[query], *words[query].tolist()}
        assert documents[0] == theirs[query][0]
        assert not set(documents) & set(GRADES[query])


def events(folder: Path, *kinds: str) -> list[dict[str, Any]]:
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [each for each in map(json.loads, lines) if each["event"] in kinds]


def new_texts(folder: Path) -> int:
    return sum(each["new"] for each in events(folder, "asked"))


@pytest.mark.parametrize("kind", ["cosine", "pair"])
def test_a_whole_run_learns_from_lists_that_hold_what_is_relevant_once(
    kind: str, recipe: Callable[..., Recipe], tmp_path: Path, own_cache: Path
):
    run = distill(recipe(kind), tmp_path / "run")
    assert set(run.scorecard["models"]) == {"teacher", "student", "rival-bm25"}
    production = Production(recipe(kind), Workspace(tmp_path / "run"))
    prepared = production.prepared
    for part in ("train", "validation"):
        for row in prepared.inputs(prepared.splits[part], ("text",))["text"]:
            query, first, *others = row.split(CANDIDATES)
            relevant = DOCUMENTS[QUERIES.index(query)]
            assert first == relevant
            assert relevant not in others
    # The test is the draft's, whoever finds the candidates to learn from.
    draft = production.draft.prepared
    assert prepared.key != draft.key
    np.testing.assert_array_equal(prepared.relations["found"], draft.relations["found"])
    # Scored on that test once more, it has the very figures.
    card = evaluate_on(run.folder, recipe(kind).data.test)
    for name, model in run.scorecard["models"].items():
        for metric, figure in model["quality"].items():
            assert card["models"][name]["quality"][metric] == pytest.approx(figure, abs=1e-6)
    # The whole again: nothing is asked, nothing trained.
    before = new_texts(tmp_path / "run")
    assert before > 0
    distill(recipe(kind), tmp_path / "run")
    assert new_texts(tmp_path / "run") == before


def test_a_killed_run_asks_nothing_twice(
    recipe: Callable[..., Recipe],
    tmp_path: Path,
    own_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    from understudy.pipeline import mining

    texts: list[str] = []
    read = Recalled._asked

    def counted(self: Recalled, parts: Sequence[str]) -> Any:
        texts.extend(parts)
        return read(self, parts)

    def killed(*words: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Recalled, "_asked", counted)
    with monkeypatch.context() as patch:
        patch.setattr(mining, "kept", killed)  # when all is asked, and no list is made yet
        with pytest.raises(KeyboardInterrupt):
            Production(recipe(), Workspace(tmp_path / "run")).prepared  # noqa: B018
    assert set(DOCUMENTS) <= set(texts)
    production = Production(recipe(), Workspace(tmp_path / "run"))
    assert not are_there(production)
    assert production.store is not None
    assert are_there(production)
    assert len(texts) == len(set(texts))
    # Nor does another run with other negatives, over the same texts.
    other = Production(recipe(by="both", margin=0.1), Workspace(tmp_path / "other"))
    assert other.prepared.key != production.prepared.key
    assert len(texts) == len(set(texts))


def test_a_plan_asks_nothing(recipe: Callable[..., Recipe], tmp_path: Path, own_cache: Path):
    found = plan(recipe(), tmp_path / "run")
    names = [step.name for step in found.steps]
    assert names[:2] == ["rows", "candidates"]
    assert new_texts(tmp_path / "run") == 0
    Production(recipe(), Workspace(tmp_path / "run")).prepared  # noqa: B018
    assert "candidates" not in [step.name for step in plan(recipe(), tmp_path / "run").steps]


def test_a_teacher_that_only_answers_lists_finds_nothing(
    recipe: Callable[..., Recipe], tmp_path: Path
):
    class Guess:
        fingerprint = "guess"
        classes = None

        def answer(self, inputs: Mapping[str, Any]) -> dict[str, torch.Tensor]:
            return {"scores": torch.zeros(len(inputs["text"]), 5)}

    production = Production(replace(recipe(), teacher=Guess()), Workspace(tmp_path / "run"))
    with pytest.raises(RequestError, match=r"data\.negatives\.by: .* finds no documents"):
        production.prepared  # noqa: B018


def test_without_a_teachers_candidates_there_is_no_draft(recipe: Callable[..., Recipe]):
    plain_recipe = recipe(by="bm25")
    assert is_mined(recipe())
    assert not is_mined(plain_recipe)
    assert not is_mined(drafted(recipe()))
    assert not is_mined(replace(recipe(), task="text-embedding"))
