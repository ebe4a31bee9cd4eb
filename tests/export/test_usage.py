"""The script beside an artefact of texts answers as the loaded model does, without us."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from understudy.export.onnx import write
from understudy.loading import load
from understudy.students import Blueprint, build
from understudy.students.sentence import StaticEncoder
from understudy.students.tokens import trained_tokens
from understudy.tasks.folders import ModelFacts
from understudy.tasks.reading import Tokenised

TEXTS = ["Play the song!", "a train to Paris, please", "will it rain", "play " * 40]
LISTED = """
import runpy, sys
allowed = set(sys.stdlib_module_names) | {"numpy", "onnxruntime", "tokenizers", "__main__"}
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0])
for name in ("understudy", "torch", "transformers", "safetensors", "pyarrow", "sklearn"):
    assert name not in sys.modules, name
"""


def used(folder: Path, *texts: str) -> str:
    """What the script prints, in another process and another place."""
    command = [sys.executable, "-c", LISTED, str(folder / "use.py"), *texts]
    said = subprocess.run(command, capture_output=True, text=True, cwd=folder.parent, check=False)
    assert said.returncode == 0, said.stderr
    return said.stdout.strip()


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artefact of a classifier that tells its texts apart by their lengths and words."""
    folder, tokens = tmp_path_factory.mktemp("usage") / "onnx", trained_tokens(TEXTS, 120, 16)
    reading = Tokenised(tokens)
    blueprint = Blueprint("preset", "cnn", (tokens.size, 16), 3, reads="text")
    facts = ModelFacts("text-classification", blueprint, {"tokens": 16}, ("a", "b b", "ç"))
    torch.manual_seed(1)
    network = build(blueprint).eval()
    for value in network.parameters():
        torch.nn.init.normal_(value, std=0.1)
    rows = reading.arrays({"text": TEXTS})
    reading.save(folder)
    write(network, facts, rows, folder)
    return folder


def test_a_class_and_how_sure(classifier: Path):
    model = load(classifier)
    for text in TEXTS:
        (answer,) = model.predict(text)
        assert used(classifier, text) == f"{answer.label} {round(answer.confidence, 4)}"


def test_a_pair_is_two_words_of_the_command(classifier: Path):
    model = load(classifier)
    (pair,), (joined,) = model.predict([("play", "a song")]), model.predict("play a song")
    assert pair.confidence != pytest.approx(joined.confidence, abs=1e-4)
    assert used(classifier, "play", "a song") == f"{pair.label} {round(pair.confidence, 4)}"


def test_cosines_of_texts(tmp_path: Path):
    tokens = trained_tokens(TEXTS, 120, 16).bare()
    reading, folder = Tokenised(tokens), tmp_path / "onnx"
    blueprint = Blueprint("preset", "static", (tokens.size, 16), 6, reads="text")
    facts = ModelFacts("text-embedding", blueprint, {"tokens": 16}, ())
    torch.manual_seed(0)
    reading.save(folder)
    encoder = StaticEncoder(tokens.size, 6).eval()
    write(encoder, facts, reading.arrays({"text": TEXTS}), folder)
    vectors = load(folder).embed(TEXTS[:3])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    cosines = [round(float(vectors[0] @ other), 4) for other in vectors[1:]]
    assert used(folder, *TEXTS[:3]) == f"dimensions 6 cosines {cosines}"
