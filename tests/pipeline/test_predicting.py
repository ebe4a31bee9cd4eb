import csv
import json
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from understudy.data.rows import Rows
from understudy.errors import RequestError
from understudy.loading import load
from understudy.pipeline.distilling import Production
from understudy.pipeline.predicting import predict_file


@pytest.fixture(scope="module")
def images(digits_rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "some.npz"
    np.savez(path, x=np.asarray(digits_rows.columns["image"])[:7])
    return path


@pytest.fixture
def student(production: Production) -> Path:
    return production.folder("student")


def read(path: Path) -> list[dict]:
    if path.suffix == ".csv":
        with path.open() as file:
            return [
                {**row, "row": int(row["row"]), "confidence": float(row["confidence"])}
                for row in csv.DictReader(file)
            ]
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    return parquet.read_table(path).to_pylist()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_each_format_holds_what_the_model_says(
    student: Path, images: Path, tmp_path: Path, suffix: str
):
    to = tmp_path / "new" / f"answers{suffix}"
    assert predict_file(student, str(images), to) == 7
    wanted = load(student).predict(np.load(images)["x"])
    found = read(to)
    assert [row["row"] for row in found] == list(range(7))
    assert [row["prediction"] for row in found] == [answer.label for answer in wanted]
    for row, answer in zip(found, wanted, strict=True):
        assert row["confidence"] == pytest.approx(answer.confidence, abs=1e-6)


def test_an_unknown_format_is_refused_before_anything_is_read(tmp_path: Path):
    with pytest.raises(RequestError, match=r"cannot write that; did you mean '\.csv'"):
        predict_file(tmp_path / "no-model", "no-data", tmp_path / "answers.cvs")


def test_a_folder_without_a_model_is_refused(tmp_path: Path, images: Path):
    with pytest.raises(RequestError, match="holds no model of ours"):
        predict_file(tmp_path, str(images), tmp_path / "answers.csv")


def test_inputs_of_another_kind_are_refused(student: Path, tmp_path: Path):
    (tmp_path / "texts.csv").write_text("text\nhello\n")
    with pytest.raises(RequestError, match="no column that looks like the image"):
        predict_file(student, str(tmp_path / "texts.csv"), tmp_path / "answers.csv")
    assert not (tmp_path / "answers.csv").exists()


def test_an_encoder_writes_its_vectors(tmp_path: Path):
    from transformers import BertConfig, BertModel

    from understudy.students import Blueprint
    from understudy.students.sentence import SentenceEncoder
    from understudy.students.tokens import trained_tokens
    from understudy.tasks.folders import ModelFacts, save_network
    from understudy.tasks.reading import Tokenised

    texts = ["a red car", "a blue boat", "two red boats"]
    tokens = trained_tokens(texts, 64, 16)
    config = BertConfig(
        vocab_size=tokens.size, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8, max_position_embeddings=16,
    )  # fmt: skip
    blueprint = Blueprint("transformers", "from_teacher", (tokens.size, 16), 8, reads="text")
    facts = ModelFacts("text-embedding", blueprint, {"tokens": 16}, ())
    save_network(tmp_path / "model", SentenceEncoder(BertModel(config)), facts, Tokenised(tokens))
    (tmp_path / "texts.jsonl").write_text("\n".join(json.dumps({"text": each}) for each in texts))
    to = tmp_path / "vectors.parquet"
    assert predict_file(tmp_path / "model", str(tmp_path / "texts.jsonl"), to) == 3
    found = np.stack(parquet.read_table(to)["embedding"].to_numpy(zero_copy_only=False))
    np.testing.assert_array_equal(found, load(tmp_path / "model").embed(texts))
    with pytest.raises(RequestError, match="vectors fit no CSV"):
        predict_file(tmp_path / "model", str(tmp_path / "texts.jsonl"), tmp_path / "vectors.csv")
