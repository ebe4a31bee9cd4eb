"""What a user can get wrong with texts: one sentence on stderr, exit code 2, nothing broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

ASKING = """\
task: text-classification
data: {train: asked.csv, most_tokens: 16}
teacher: {train: static-16-0, training: {epochs: 1, batch_size: 64}}
student: static-8-0
training: {epochs: 1, batch_size: 64}
rivals: none
export: []
evaluation: {resamples: 20, seconds: 0.02}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with a recipe that runs, and a cache of its own."""
    (tmp_path / "recipe.yaml").write_text(ASKING)
    monkeypatch.setenv("UNDERSTUDY_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def refused(command: Callable, place: Path) -> Callable[..., str]:
    """Runs the recipe with overrides, which must be refused; gives the sentence."""

    def run(*overrides: str) -> str:
        sets = [word for override in overrides for word in ("--set", override)]
        said = command("distill", place / "recipe.yaml", "--out", place / "run", *sets)
        assert said.code == 2, (said.out, said.err)
        sentence = said.err.splitlines()[-1]
        assert sentence.startswith("understudy: ")
        assert "Traceback" not in said.err
        assert not (place / "run" / "scorecard.json").exists()
        assert not (place / "run" / "student").exists()
        return sentence.removeprefix("understudy: ")

    return run


@pytest.fixture
def asking(place: Path, asked: tuple[list[str], list[str]]) -> Callable[..., None]:
    """Writes tables of columns; one is there."""

    def table(name: str, **columns: list) -> None:
        lines = [",".join(columns), *(",".join(row) for row in zip(*columns.values(), strict=True))]
        (place / name).write_text("\n".join(lines) + "\n")

    table("asked.csv", text=[text.replace(",", "") for text in asked[0]], label=asked[1])
    return table


def test_blank_texts(refused: Callable, asking: Callable):
    asking("asked.csv", text=["a b", "", " ", "c d"], label=["x", "y", "x", "y"])
    sentence = refused()
    assert sentence.startswith("data.train: column 'text' has 2 blank texts of 4, row 1 first")


def test_no_text_column(refused: Callable, asking: Callable):
    asking("asked.csv", number=["1", "2"], label=["x", "y"])
    assert "no column that looks like the text" in refused()
    assert "did you mean 'number'?" in refused("data.columns={text: numer}")


def test_out_of_scope_rows_without_text(refused: Callable, asking: Callable):
    asking("others.csv", number=["1", "2"])
    assert refused("data.out_of_scope=others.csv").startswith("data.out_of_scope: ")
    asking("others.csv", text=["", "b"], by=["x", "y"])
    assert refused("data.out_of_scope=others.csv").startswith("data.out_of_scope: column 'text'")
    assert "data.out_of_scope: there is no file" in refused("data.out_of_scope=none.csv")


def saved_teacher(place: Path, classes: tuple[str, ...], tokens: bool = True) -> None:
    """A Transformers classifier of texts, with or without its tokenizer."""
    from understudy.students.text_transformers import preset_classifier, save_text_classifier
    from understudy.students.tokens import trained_tokens

    made = trained_tokens(["play the song in paris"], 100, 32)
    body = preset_classifier("tiny", made.size, len(classes), 32)
    save_text_classifier(place / "big", body, classes)
    if tokens:
        made.save(place / "big")


def test_a_teacher_without_a_tokenizer(refused: Callable, asking: Callable, place: Path):
    saved_teacher(place, ("music", "travel", "weather"), tokens=False)
    sentence = refused("teacher=big")
    assert "has no vocabulary; the folder needs a tokenizer.json" in sentence


def test_a_teacher_of_other_classes(refused: Callable, asking: Callable, place: Path):
    saved_teacher(place, ("music", "travel"))
    assert "the teacher answers 2 classes, but the data have 3" in refused("teacher=big")


def test_a_teacher_of_classes_in_another_order(refused: Callable, asking: Callable, place: Path):
    saved_teacher(place, ("weather", "travel", "music"))
    assert "stand in another order than the data's" in refused("teacher=big")


def test_more_tokens_than_the_teacher_reads(refused: Callable, asking: Callable, place: Path):
    saved_teacher(place, ("music", "travel", "weather"))
    sentence = refused("teacher=big", "data.most_tokens=64")
    assert "reads at most 32 tokens of a text, 64 were asked" in sentence


@pytest.mark.parametrize("teacher", ["{train: static-16-0}", "{train: cnn}"])
def test_layers_of_a_teacher_that_has_none(refused: Callable, asking: Callable, teacher: str):
    sentence = refused(f"teacher={teacher}", "student={from_teacher: {layers: [0]}}")
    assert "needs a Transformers classifier as teacher" in sentence


def test_layers_that_the_teacher_does_not_have(refused: Callable, asking: Callable, place: Path):
    saved_teacher(place, ("music", "travel", "weather"))
    assert "the teacher has layers 0 to 1, asked for were [0, 5]" in refused(
        "teacher=big", "student={from_teacher: {layers: [0, 5]}}"
    )


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("data.most_tokens=3", "data.most_tokens is 3; it must be 4 or more"),
        ("data.augment={copies: 0}", "augment.copies is 0"),
        ("data.augment={mask: 0.9, swap: 0.9}", "must not exceed 1"),
        ("student={preset: static, vocabulary: 7}", "must be 100 tokens or more"),
        ("student={preset: statik}", "did you mean 'static'?"),
        ("student=statik", "did you mean 'static'?"),
        ("student=cnn-small", "did you mean 'small'?"),
        ("objective=[{embedding_cosine: {}}]", "reads 'embedding'"),
        ("rivals=[tfdif]", "known are: auto, none, tfidf-linear"),
    ],
)
def test_a_wrong_value_of_texts(refused: Callable, asking: Callable, override: str, words: str):
    assert words in refused(override)


def test_embeddings_without_a_test(refused: Callable, asking: Callable, place: Path):
    assert "data.test is missing: name scored pairs" in refused("task=text-embedding")
    asking("pairs.csv", text=["a b"], text_2=["c d"])
    sentence = refused("task=text-embedding", "data.test=pairs.csv")
    assert sentence.startswith("data.test: ")
    assert "score" in sentence


def test_an_encoder_is_not_trained_on_labels(refused: Callable, asking: Callable):
    asking("pairs.csv", text=["a b", "c"], text_2=["c d", "e"], score=["1", "2"])
    sentence = refused("task=text-embedding", "data.test=pairs.csv", "data.train=asked.csv")
    assert "an encoder is not trained on labels" in sentence


def test_the_recipe_itself_runs(command: Callable, asking: Callable, place: Path):
    said = command("distill", place / "recipe.yaml", "--out", place / "run")
    assert said.code == 0, said.err
