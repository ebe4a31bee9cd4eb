"""The artefact is the student, whole, the same each time, and needs nothing of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from transformers import ViTConfig

from understudy.errors import RequestError
from understudy.evaluation.predictor import answers_from
from understudy.export import exporter
from understudy.export import onnx as exporting
from understudy.export.onnx import load, parity, write
from understudy.students import Blueprint, build
from understudy.tasks import Prepared
from understudy.tasks.folders import ModelFacts
from understudy.tasks.image_classification import ImageClassification

STUDENTS = ("mlp-16", "cnn-small", "vit")
VIT = ViTConfig(
    hidden_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=32,
    image_size=8,
    patch_size=4,
    num_channels=1,
)


@dataclass(frozen=True)
class Exported:
    network: nn.Module
    facts: ModelFacts
    rows: dict[str, Any]
    folder: Path
    told: dict[str, Any]


def student(source: str, prepared: Prepared, folder: Path) -> tuple[nn.Module, ModelFacts]:
    """A network whose statistics and weights are not those it begins with."""
    form, classes = prepared.facts.form, prepared.facts.classes
    kind = "preset"
    if source == "vit":
        VIT.save_pretrained(folder)
        kind, source = "transformers", str(folder)
    torch.manual_seed(0)
    blueprint = Blueprint(kind, source, tuple(form["shape"]), len(classes), dropout=0.3)
    network = ImageClassification().network(build(blueprint), form).train()
    for _ in range(3):
        network(torch.from_numpy(prepared.inputs(np.arange(64), ("image",))["image"]))
    return network, ModelFacts("image-classification", blueprint, form, classes)


@pytest.fixture(scope="session")
def artefacts(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Exported]:
    """Exports each kind of student once."""
    made: dict[str, Exported] = {}

    def export(source: str) -> Exported:
        if source not in made:
            folder = tmp_path_factory.mktemp(source)
            network, facts = student(source, prepared, folder / "config")
            rows = prepared.inputs(prepared.splits["test"][:16], ("image",))
            told = write(network, facts, rows, folder / "onnx")
            made[source] = Exported(network, facts, rows, folder / "onnx", told)
        return made[source]

    return export


@pytest.mark.parametrize("source", STUDENTS)
def test_the_artefact_answers_as_the_student_does_at_any_batch_size(
    artefacts: Callable[[str], Exported], prepared: Prepared, source: str
):
    made = artefacts(source)
    artefact = load(made.folder)
    for size in (1, 2, 7, 64):
        inputs = prepared.inputs(np.arange(100, 100 + size), ("image",))
        with torch.no_grad():
            wanted = made.network(torch.from_numpy(inputs["image"])).numpy()
        found = artefact.predict(inputs)
        assert (found.shape, found.dtype) == ((size, 10), np.float32)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
    assert made.told["parity"] == parity(made.network, artefact, made.rows) < 1e-4
    assert made.told["bytes"] == artefact.bytes == (made.folder / "model.onnx").stat().st_size
    assert artefact.name == "onnx"


@pytest.mark.parametrize("source", STUDENTS)
def test_the_file_says_nothing_of_the_machine_that_made_it(
    artefacts: Callable[[str], Exported], source: str
):
    path = artefacts(source).folder / "model.onnx"
    content = path.read_bytes()
    here = {str(Path(__file__).parents[2]), str(Path(torch.__file__).parents[1]), str(Path.home())}
    for word in (*here, "site-packages", ".py", "/tmp", "Traceback", "pkg.torch"):
        assert word.encode() not in content, word
    model = onnx.load(path)
    assert [entry.key for entry in model.metadata_props] == ["task", "classes"]
    nodes = [*model.graph.node, *(node for inner in model.functions for node in inner.node)]
    assert nodes
    for part in (model, model.graph, *nodes, *model.graph.initializer, *model.graph.value_info):
        assert part.doc_string == ""
    for part in (model.graph, *nodes, *model.graph.initializer, *model.graph.value_info):
        assert not part.metadata_props


def test_texts_inside_of_branches_are_dropped_too(prepared: Prepared, tmp_path: Path):
    inner = onnx.helper.make_node("Identity", ["x"], ["y"], doc_string="/home/me/secret.py")
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1], "/home/me/secret.py")
    branch = onnx.helper.make_graph([inner], "branch", [], [y], doc_string="/home/me/secret.py")
    outer = onnx.helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch)
    graph = onnx.helper.make_graph(
        [outer],
        "graph",
        [
            onnx.helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, []),
            onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1]),
        ],
        [onnx.helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, [1])],
    )
    path = tmp_path / "model.onnx"
    opset = onnx.helper.make_opsetid("", exporting.OPSET)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10), path)
    assert b"secret" in path.read_bytes()
    facts = student("mlp-16", prepared, tmp_path)[1]
    exporting._clean(path, facts)
    assert b"secret" not in path.read_bytes()


def test_labels_lie_in_the_file_and_beside_it(artefacts: Callable[[str], Exported]):
    folder = artefacts("mlp-16").folder
    model = onnx.load(folder / "model.onnx")
    inside = {entry.key: entry.value for entry in model.metadata_props}
    assert inside["task"] == "image-classification"
    assert json.loads(inside["classes"]) == [*"0123456789"]
    beside = json.loads((folder / "labels.json").read_text())
    assert beside["classes"] == [*"0123456789"]
    assert (beside["form"]["shape"], beside["form"]["dtype"]) == ([8, 8, 1], "uint8")
    assert sorted(path.name for path in folder.iterdir()) == ["labels.json", "model.onnx", "use.py"]


@pytest.mark.parametrize("source", ["cnn-small"])
def test_exporting_again_gives_the_same_bytes(
    artefacts: Callable[[str], Exported], tmp_path: Path, source: str
):
    made = artefacts(source)
    write(made.network, made.facts, made.rows, tmp_path)
    for name in ("model.onnx", "labels.json", "use.py"):
        assert (tmp_path / name).read_bytes() == (made.folder / name).read_bytes(), name


def picture(folder: Path, kind: str) -> Path:
    """A real digit as a file that must be resized, turned, or put on white first."""
    from sklearn.datasets import load_digits

    pixels = (load_digits().images[0] * 15.9).astype(np.uint8)
    path = folder / f"{kind}.png"
    image = Image.fromarray(pixels)
    if kind == "large":
        image = image.resize((50, 31), Image.Resampling.BICUBIC)
    elif kind == "transparent":
        alpha = Image.fromarray(np.where(pixels > 90, 255, 40).astype(np.uint8))
        image = Image.merge("LA", (image, alpha))
    elif kind == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6
        image.save(path, exif=exif)
        return path
    image.save(path)
    return path


@pytest.mark.parametrize("kind", ["plain", "large", "transparent", "turned"])
def test_the_snippet_answers_as_the_student_does_without_us(
    artefacts: Callable[[str], Exported], tmp_path: Path, kind: str
):
    made, path = artefacts("mlp-16"), picture(tmp_path, kind)
    # An empty package of our name would be found first, and would fail.
    (tmp_path / "understudy").mkdir()
    (tmp_path / "understudy" / "__init__.py").write_text("raise SystemExit('imported')")
    done = subprocess.run(
        [sys.executable, made.folder / "use.py", path],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert "understudy" not in (made.folder / "use.py").read_text()
    inputs = ImageClassification().rows_of(made.facts.form, path)
    with torch.no_grad():
        answer = answers_from(made.network(torch.from_numpy(inputs["image"])).numpy())
    label, confidence = done.stdout.split()
    assert label == made.facts.classes[answer.classes[0]]
    assert float(confidence) == pytest.approx(float(answer.confidence[0]), abs=2e-4)


class NotTheStudent(nn.Module):
    """Answers otherwise when it is exported."""

    def __init__(self, inner: nn.Module, shift: float) -> None:
        super().__init__()
        self.inner = inner
        self.shift = shift

    def forward(self, image: Tensor) -> Tensor:
        logits = self.inner(image)
        return logits + self.shift if torch.compiler.is_exporting() else logits


@pytest.mark.parametrize("shift", [0.1, float("nan")])
def test_an_artefact_that_differs_is_refused_and_not_left_behind(
    artefacts: Callable[[str], Exported], tmp_path: Path, shift: float
):
    made = artefacts("mlp-16")
    (tmp_path / "model.onnx").write_bytes(b"that of a student before")
    with pytest.raises(RequestError) as caught:
        write(NotTheStudent(made.network, shift), made.facts, made.rows, tmp_path)
    told = str(caught.value)
    assert told.startswith("the ONNX artefact differs from the student by ")
    assert told.endswith(
        " of the largest logit (allowed: 1e-03); it is not shipped. Please report the student's "
        "layers"
    )
    assert not list(tmp_path.glob("*.onnx"))
    assert not list(tmp_path.glob(".*"))


class Branching(nn.Module):
    """Looks at values to decide what to compute."""

    def forward(self, image: Tensor) -> Tensor:
        flat = image.flatten(1).float()
        return flat[:, :10] if bool(flat.sum() > 0) else flat[:, 10:20]


def test_a_network_that_cannot_be_exported_is_told(
    artefacts: Callable[[str], Exported], tmp_path: Path
):
    made = artefacts("mlp-16")
    with pytest.raises(RequestError) as caught:
        write(Branching(), made.facts, made.rows, tmp_path)
    told = str(caught.value)
    assert told.startswith("the student cannot be exported to ONNX: ")
    assert told.endswith(
        "; leave 'onnx' out of export, or write its forward without Python control flow that "
        "depends on values"
    )
    assert "\n" not in told
    assert not list(tmp_path.glob("*.onnx"))


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", None])
def test_a_corrupt_artefact_is_told(
    artefacts: Callable[[str], Exported], tmp_path: Path, content: bytes | None
):
    folder = artefacts("mlp-16").folder
    whole = (folder / "model.onnx").read_bytes()
    (tmp_path / "labels.json").write_bytes((folder / "labels.json").read_bytes())
    path = tmp_path / "model.onnx"
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(RequestError) as caught:
        load(tmp_path)
    assert str(caught.value).startswith(f"'{path}' cannot be loaded by onnxruntime: ")


def test_formats_are_known_by_name():
    assert exporter("onnx") is exporting
    with pytest.raises(RequestError) as caught:
        exporter("onx")
    assert str(caught.value) == "export: there is no format 'onx'; did you mean 'onnx'?"
