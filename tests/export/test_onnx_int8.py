"""What ships in 8 bits: measured against the student, chosen by rule, the same each time."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from understudy.errors import RequestError
from understudy.evaluation.predictor import answers_from
from understudy.export import onnx_int8, quantising
from understudy.export.closeness import closeness
from understudy.export.onnx import OnnxPredictor
from understudy.export.onnx_int8 import write
from understudy.export.quantising import WAYS, Way
from understudy.students import Blueprint, build
from understudy.tasks import Prepared
from understudy.tasks.folders import ModelFacts
from understudy.tasks.image_classification import ImageClassification
from understudy.training.optimizer import optimizer_of
from understudy.training.settings import Training

VOCABULARY, TOKENS, CLASSES = 4000, 12, 6
SLOW = pytest.param("tiny", marks=pytest.mark.slow)
"""A BERT takes long to export."""


@dataclass(frozen=True)
class Exported:
    network: nn.Module
    facts: ModelFacts
    rows: dict[str, Any]
    calibration: dict[str, Any]
    folder: Path
    told: dict[str, Any]

    def chosen(self) -> dict[str, Any]:
        (entry,) = [entry for entry in self.told["candidates"] if entry["chosen"]]
        return dict(entry)


def texts(count: int, seed: int) -> dict[str, Any]:
    """Ragged rows, padded to one length."""
    draw = np.random.default_rng(seed)
    lengths = draw.integers(1, TOKENS + 1, count)
    lengths[0] = TOKENS
    mask = (np.arange(TOKENS) < lengths[:, None]).astype(np.int64)
    return {"ids": draw.integers(1, VOCABULARY, (count, TOKENS)) * mask, "mask": mask}


def facts_of_text(source: str) -> ModelFacts:
    blueprint = Blueprint("preset", source, (VOCABULARY, TOKENS), CLASSES, reads="text")
    classes = tuple(f"class {number}" for number in range(CLASSES))
    return ModelFacts("text-classification", blueprint, {"tokens": TOKENS}, classes)


def trained(network: nn.Module, rows: dict[str, Any], labels: Any, steps: int) -> nn.Module:
    arrays, wanted = [torch.from_numpy(value) for value in rows.values()], torch.as_tensor(labels)
    optimiser = optimizer_of(network.train(), Training(learning_rate=3e-3))
    for step in range(steps):
        some = torch.arange(step * 32, step * 32 + 32) % len(wanted)
        optimiser.zero_grad()
        logits = network(*(array[some] for array in arrays))
        nn.functional.cross_entropy(logits, wanted[some]).backward()
        optimiser.step()
    return network.eval()


@pytest.fixture(scope="session")
def exports(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Exported]:
    """Exports each kind of student once."""
    made: dict[str, Exported] = {}

    def digits() -> tuple[nn.Module, ModelFacts, dict[str, Any], dict[str, Any]]:
        form, classes = prepared.facts.form, prepared.facts.classes
        blueprint = Blueprint("preset", "cnn-small", tuple(form["shape"]), len(classes))
        network = ImageClassification().network(build(blueprint), form)
        seen = np.arange(200)
        inputs = prepared.inputs(seen, ("image",))
        trained(network, inputs, prepared.labels[seen], 60)
        rows = prepared.inputs(np.arange(200, 232), ("image",))
        return network, ModelFacts("image-classification", blueprint, form, classes), rows, inputs

    def of_texts(source: str) -> tuple[nn.Module, ModelFacts, dict[str, Any], dict[str, Any]]:
        facts, rows = facts_of_text(source), texts(120, 0)
        network = trained(build(facts.blueprint), rows, rows["ids"][:, 0] % CLASSES, 20)
        return network, facts, texts(32, 1), rows

    def export(source: str) -> Exported:
        if source not in made:
            torch.manual_seed(0)
            student = digits() if source == "cnn-small" else of_texts(source)
            folder = tmp_path_factory.mktemp(source) / "onnx-int8"
            network, facts, rows, calibration = student
            told = write(network, facts, rows, folder, calibration)
            made[source] = Exported(network, facts, rows, calibration, folder, told)
        return made[source]

    return export


@pytest.mark.parametrize("source", ["cnn-small", "static-32", SLOW])
def test_what_ships_is_small_and_close_and_takes_any_batch(
    exports: Callable[[str], Exported], source: str
):
    made = exports(source)
    chosen = made.chosen()
    whole = made.told["candidates"][0]
    assert (whole["name"], whole["int8"]) == ("fp32", False)
    assert chosen["int8"]
    assert made.told["within_tolerance"]
    assert chosen["kl"] <= made.told["tolerance"]["kl"] == 0.01
    assert chosen["lost"] <= made.told["tolerance"]["lost"] == 0.005
    size = (made.folder / "model.onnx").stat().st_size
    assert made.told["bytes"] == chosen["bytes"] == size <= whole["bytes"] / 2.5
    artefact = OnnxPredictor("int8", made.folder / "model.onnx")
    for count in (1, 2, 31):
        rows = {name: value[:count] for name, value in made.rows.items()}
        with torch.inference_mode():
            wanted = made.network(*map(torch.from_numpy, rows.values())).numpy()
        found = artefact.predict(rows)
        assert (found.shape, found.dtype) == (wanted.shape, np.float32)
        assert closeness(wanted, found, "logits").divergence < 0.02


@pytest.mark.parametrize("source", ["cnn-small", "static-32", SLOW])
def test_figures_are_those_of_the_shipped_file(exports: Callable[[str], Exported], source: str):
    made, logits = exports(source), []
    artefact = OnnxPredictor("int8", made.folder / "model.onnx")
    for first in range(0, len(next(iter(made.calibration.values()))), 32):
        part = {name: value[first : first + 32] for name, value in made.calibration.items()}
        logits.append(artefact.predict(part))
    with torch.inference_mode():
        wanted = made.network(*map(torch.from_numpy, made.calibration.values())).numpy()
    said, meant = answers_from(np.concatenate(logits)), answers_from(wanted)
    chosen = made.chosen()
    gap = meant.log_probabilities - said.log_probabilities
    kl = (np.exp(meant.log_probabilities) * gap).sum(axis=1).mean()
    assert chosen["kl"] == pytest.approx(kl, rel=0.05, abs=1e-6)
    assert chosen["agreement"] == (said.classes == meant.classes).mean()
    assert 0 < made.told["parity"] < 0.2
    assert made.told["rows"] == len(wanted)


TRIED = {
    "cnn-small": {"fp32", "static", "dynamic", "blocks", "weights", "fp16"},
    "static-32": {"fp32", "dynamic", "blocks", "weights", "fp16"},
    "tiny": {"fp32", "dynamic", "blocks", "weights", "fp16"},
}


@pytest.mark.parametrize("source", ["cnn-small", "static-32", SLOW])
def test_the_folder_tells_of_all_that_was_tried(exports: Callable[[str], Exported], source: str):
    made = exports(source)
    names = {path.name for path in made.folder.iterdir()}
    assert {"model.onnx", "labels.json", "use.py", "candidates.json"} <= names
    stored = json.loads((made.folder / "candidates.json").read_text())
    assert made.told == {"parity": made.told["parity"], "bytes": made.told["bytes"], **stored}
    assert {entry["name"] for entry in stored["candidates"]} == TRIED[source]
    assert stored["failed"] == {}
    for entry in stored["candidates"]:
        assert entry["bytes"] > 0
        assert 0 < entry["seconds"] < 1
        assert 0 <= entry["kl"] < 0.1
        assert 0 <= entry["agreement"] <= 1
    assert stored["chosen"] == made.chosen()["name"]
    assert stored["why"]


@pytest.mark.parametrize("source", ["cnn-small", "static-32", SLOW])
def test_nothing_of_the_machine_is_shipped(exports: Callable[[str], Exported], source: str):
    made = exports(source)
    here = {str(Path(__file__).parents[2]), str(Path(torch.__file__).parents[1]), str(Path.home())}
    words = (*here, "site-packages", ".py", "/tmp", "Traceback", "pkg.torch", "onnx.quantize")
    content = (made.folder / "model.onnx").read_bytes()
    for word in words:
        assert word.encode() not in content, word
    inside = {p.key: p.value for p in onnx.load(made.folder / "model.onnx").metadata_props}
    assert json.loads(inside["classes"]) == list(made.facts.classes)


@pytest.mark.parametrize("source", ["static-32", pytest.param("cnn-small", marks=pytest.mark.slow)])
def test_exporting_again_gives_the_same_bytes(
    exports: Callable[[str], Exported], tmp_path: Path, source: str
):
    made = exports(source)
    again = write(made.network, made.facts, made.rows, tmp_path, made.calibration)
    assert again["chosen"] == made.told["chosen"]
    for name in ("model.onnx", "labels.json", "use.py"):
        assert (tmp_path / name).read_bytes() == (made.folder / name).read_bytes(), name
    untimed = [
        [{**entry, "seconds": None} for entry in told["candidates"]] for told in (again, made.told)
    ]
    assert untimed[0] == untimed[1]


class Reader(nn.Module):
    """A mean of tokens, two inputs that are always zero, and a layer with huge weights on them."""

    def __init__(self, table: int, inner: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(VOCABULARY, table)
        self.first = nn.Linear(table, inner)
        self.hostile = nn.Linear(inner, inner)
        self.head = nn.Linear(inner, CLASSES)
        with torch.no_grad():
            self.first.weight[::16] = 0.0
            self.first.bias[::16] = 0.0
            self.hostile.weight[:, ::16] = 1e3
            self.head.weight *= 20

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        held = self.embedding(ids) * mask.unsqueeze(-1)
        mean = held.sum(1) / mask.sum(1, keepdim=True)
        logits: Tensor = self.head(torch.relu(self.hostile(torch.relu(self.first(mean)))))
        return logits


def test_the_node_that_suffers_is_left_out_where_that_is_enough(tmp_path: Path):
    network, facts = Reader(64, 64).eval(), facts_of_text("static-32")
    told = write(network, facts, texts(16, 1), tmp_path, texts(100, 0))
    by_name = {entry["name"]: entry for entry in told["candidates"]}
    whole = [by_name[name] for name in ("dynamic", "blocks", "weights")]
    assert not any(entry["within"] for entry in whole)
    (last,) = [entry for entry in told["candidates"] if entry["chosen"]]
    assert last["name"] == told["chosen"]
    assert last["name"].endswith("-in-part")
    assert told["within_tolerance"]
    assert last["kl"] < 0.01 < min(entry["kl"] for entry in whole)
    assert 1 <= len(last["left_out"]) <= 2
    assert told["bytes"] < by_name["fp32"]["bytes"] / 2.5


def test_where_nothing_is_enough_the_closest_ships_and_it_is_told(tmp_path: Path):
    network, facts = Reader(4, 512).eval(), facts_of_text("static-32")
    told = write(network, facts, texts(16, 1), tmp_path, texts(64, 0))
    assert not told["within_tolerance"]
    assert told["why"] == "none is within tolerance; this is the closest"
    quantised = [entry for entry in told["candidates"] if entry["int8"]]
    closest = min(quantised, key=lambda entry: entry["kl"])
    assert closest["chosen"]
    assert closest["kl"] > 0.01
    assert (tmp_path / "model.onnx").stat().st_size == closest["bytes"]


def test_a_way_that_fails_is_told_and_not_fatal(
    exports: Callable[[str], Exported], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuses(source: Path, target: Path, rows: Any, left_out: Any) -> None:
        raise ValueError(f"cannot read '{source}'\nand more")

    def says_nothing(source: Path, target: Path, rows: Any, left_out: Any) -> None:
        model = onnx.load(source)
        for tensor in model.graph.initializer:
            if tensor.data_type == onnx.TensorProto.FLOAT:
                values = np.full(tuple(tensor.dims), math.nan, dtype=np.float32)
                tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
        onnx.save(model, target)

    odd = (Way("refuses", (), True, refuses), Way("nothing", (), True, says_nothing))
    kept = tuple(way for way in WAYS if way.name == "weights")
    monkeypatch.setattr(quantising, "WAYS", (*odd, *kept))
    made = exports("static-32")
    told = write(made.network, made.facts, made.rows, tmp_path)
    assert told["chosen"] == "weights"
    assert told["failed"] == {
        "refuses": "ValueError: cannot read 'model.onnx'",
        "nothing": "ValueError: it answers with numbers that are not finite",
    }
    assert told["rows"] == 32


class Sum(nn.Module):
    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        total = (ids * mask).to(torch.float32).sum(1, keepdim=True)
        return torch.cat([total, -total], 1)


def test_a_student_with_nothing_to_quantise_is_told(tmp_path: Path):
    (tmp_path / "model.onnx").write_bytes(b"that of a student before")
    with pytest.raises(RequestError) as caught:
        write(Sum(), facts_of_text("static-32"), texts(8, 0), tmp_path)
    assert str(caught.value) == (
        "the student cannot be quantised (weights: ValueError: there is no matrix of weights); "
        "write 'onnx' under export instead of 'onnx-int8'"
    )
    assert not (tmp_path / "model.onnx").exists()


class Embedder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Parameter(torch.randn(VOCABULARY, 64))
        self.project = nn.Linear(64, 64)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        held = (self.table[ids] * mask.unsqueeze(-1)).sum(1)
        return nn.functional.normalize(self.project(held))


def test_embeddings_are_ranked_by_their_cosine(tmp_path: Path):
    facts = ModelFacts("text-embedding", facts_of_text("x").blueprint, {"tokens": TOKENS}, ())
    told = write(Embedder().eval(), facts, texts(16, 1), tmp_path, texts(100, 0))
    assert told["tolerance"] == {"cosine_distance": 0.002, "lost": 0.005}
    assert told["within_tolerance"]
    (chosen,) = [entry for entry in told["candidates"] if entry["chosen"]]
    assert 0 < chosen["cosine_distance"] < 0.002
    assert "kl" not in chosen


def test_load_gives_what_ships(exports: Callable[[str], Exported]):
    made = exports("cnn-small")
    artefact = onnx_int8.load(made.folder)
    assert artefact.name == "onnx-int8"
    assert artefact.bytes == made.told["bytes"]
    assert artefact.predict(made.rows).shape == (32, 10)
