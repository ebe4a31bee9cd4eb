"""ONNX files answer as teachers, whatever they read; what cannot is told with its ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from scipy.special import softmax
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from understudy.errors import RequestError
from understudy.tasks.pixels import Pixels
from understudy.teachers.graph import Graph

FLOAT, UINT8, INT64 = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT64
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "book", "a", "flight", "hi", "there", "cancel")
Ends = list[tuple[str, int, list[Any]]]
RNG = np.random.default_rng(0)


def save(
    path: Path,
    inputs: Ends,
    outputs: Ends,
    nodes: list[Any],
    weights: dict[str, Any] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(*end) for end in inputs],
        [helper.make_tensor_value_info(*end) for end in outputs],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in (weights or {}).items()],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return path


def node(kind: str, inputs: str, output: str, **settings: Any) -> Any:
    return helper.make_node(kind, inputs.split(), [output], **settings)


def linear(
    path: Path, kind: int, shape: list[Any], size: int, end: str = "logits", **more: Any
) -> tuple[Path, np.ndarray]:
    """A graph over images: all numbers of one, times weights [size, 3]."""
    weights = RNG.normal(size=(size, 3)).astype(np.float32)
    nodes = [
        node("Cast", "image", "floats", to=FLOAT),
        node("Flatten", "floats", "flat"),
        node("MatMul", "flat weights", "product"),
        node("Softmax" if end == "probabilities" else "Identity", "product", end),
    ]
    outputs: Ends = [(end, FLOAT, ["rows", 3])]
    return save(
        path, [("image", kind, shape)], outputs, nodes, {"weights": weights}, **more
    ), weights


class TestImages:
    image = RNG.integers(0, 255, (5, 4, 6, 3)).astype(np.uint8)

    def planes(self) -> np.ndarray:
        return self.image.transpose(0, 3, 1, 2).reshape(5, -1).astype(np.float32)

    def rows(self) -> np.ndarray:
        return self.image.reshape(5, -1).astype(np.float32)

    @pytest.mark.parametrize(
        ("kind", "shape", "as_planes"),
        [
            (UINT8, ["rows", 4, 6, 3], False),
            (FLOAT, ["rows", 4, 6, 3], False),
            (FLOAT, ["rows", 3, 4, 6], True),
            (FLOAT, ["rows", 3, "height", "width"], True),
            (FLOAT, ["rows", "c", "height", "width"], True),
            (UINT8, ["rows", "height", "width", "c"], False),
        ],
    )
    def test_they_are_handed_over_as_the_graph_takes_them(
        self, kind: int, shape: list[Any], as_planes: bool, tmp_path: Path
    ):
        path, weights = linear(tmp_path / "m.onnx", kind, shape, 72)
        logits = Graph(path).answer({"image": torch.from_numpy(self.image)})["logits"]
        wanted = (self.planes() if as_planes else self.rows()) @ weights
        assert logits.dtype == torch.float32
        np.testing.assert_allclose(logits, wanted, rtol=1e-4)

    def test_a_graph_for_one_row_is_asked_row_by_row(self, tmp_path: Path):
        path, weights = linear(tmp_path / "m.onnx", UINT8, [1, 4, 6, 3], 72)
        logits = Graph(path).answer({"image": torch.from_numpy(self.image)})["logits"]
        np.testing.assert_allclose(logits, self.rows() @ weights, rtol=1e-4)

    def test_pixels_come_first_and_count(self, tmp_path: Path):
        path, weights = linear(tmp_path / "m.onnx", FLOAT, ["rows", 3, 4, 6], 72)
        pixels = Pixels((10.0, 20.0, 30.0), (2.0, 4.0, 8.0))
        teacher = Graph(path, pixels=pixels)
        image = torch.from_numpy(self.image)
        wanted = pixels(image).flatten(1).numpy() @ weights
        np.testing.assert_allclose(teacher.answer({"image": image})["logits"], wanted, rtol=1e-4)
        other = Graph(path, pixels=Pixels((10.0, 20.0, 30.0), (2.0, 4.0, 9.0)))
        assert len({Graph(path).fingerprint, teacher.fingerprint, other.fingerprint}) == 3

    def test_another_size_and_floats_for_bytes_are_refused(self, tmp_path: Path):
        path, _ = linear(tmp_path / "m.onnx", UINT8, ["rows", 4, 5, 3], 60)
        with pytest.raises(
            RequestError, match=r"does not fit images of \[4, 6, 3\]; inputs: image"
        ):
            Graph(path).answer({"image": torch.from_numpy(self.image)})
        with pytest.raises(RequestError, match="reads bytes"):
            Graph(path).answer({"image": torch.zeros(2, 4, 5, 3)})
        with pytest.raises(RequestError, match="does not read texts"):
            Graph(path).answer({"text": np.array(["hi"], dtype=object)})


def test_probabilities_become_logits(tmp_path: Path):
    path, weights = linear(tmp_path / "m.onnx", FLOAT, ["rows", 1, 2, 2], 4, "probabilities")
    image = torch.from_numpy(RNG.normal(size=(6, 2, 2, 1)).astype(np.float32))
    image[0] *= 1000  # sure of itself: others have probability 0
    logits = Graph(path).answer({"image": image})["logits"].numpy()
    wanted = softmax(image.flatten(1).numpy() @ weights, axis=-1)
    np.testing.assert_allclose(np.exp(logits), np.maximum(wanted, 1e-6), rtol=1e-3)
    assert np.isfinite(logits).all()


def test_logits_stay_logits_also_where_a_row_looks_like_probabilities(tmp_path: Path):
    path = save(
        tmp_path / "m.onnx",
        [("image", FLOAT, ["rows", 1, 1, 2])],
        [("logits", FLOAT, ["rows", 2])],
        [node("Flatten", "image", "logits")],
    )
    teacher = Graph(path)
    table = torch.tensor([[0.4, 0.6], [3.0, -1.0]])
    assert torch.equal(teacher.answer({"image": table.view(2, 1, 2, 1)})["logits"], table)
    assert torch.equal(teacher.answer({"image": table[:1].view(1, 1, 2, 1)})["logits"], table[:1])


class TestTokens:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """A tokenizer that pads to 12 by itself, as that of all-MiniLM does to 128."""
        vocabulary = {word: number for number, word in enumerate(WORDS)}
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B [SEP]",
            special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
        )
        tokenizer.enable_padding(length=12)
        tokenizer.save(str(tmp_path / "tokenizer.json"))
        return tmp_path

    @staticmethod
    def graph(
        path: Path, names: tuple[str, ...] = ("input_ids", "attention_mask"), tokens: Any = "tokens"
    ) -> tuple[Path, np.ndarray]:
        """The mean of the embeddings of real tokens; types are added to the ids of the tokens."""
        weights = RNG.normal(size=(20, 3)).astype(np.float32)
        ids, mask, *types = names
        nodes = [
            node("Mul", f"{types[0]} ten", "shift") if types else node("Identity", "zero", "shift"),
            node("Add", f"{ids} shift", "moved"),
            node("Gather", "weights moved", "vectors"),
            node("Cast", mask, "real", to=FLOAT),
            node("Unsqueeze", "real last", "column"),
            node("Mul", "vectors column", "kept"),
            node("ReduceSum", "kept one", "sum", keepdims=0),
            node("ReduceSum", "real one", "count", keepdims=1),
            node("Div", "sum count", "logits"),
        ]
        numbers = {"ten": 10, "zero": 0, "last": [2], "one": [1]}
        constants = {name: np.array(value, np.int64) for name, value in numbers.items()}
        inputs: Ends = [(name, INT64, ["rows", tokens]) for name in names]
        outputs: Ends = [("logits", FLOAT, ["rows", 3])]
        return save(path, inputs, outputs, nodes, {"weights": weights, **constants}), weights

    @staticmethod
    def ask(teacher: Graph, *texts: str) -> np.ndarray:
        assert teacher.reading is not None
        arrays = teacher.reading.arrays({"text": np.array(texts, dtype=object)})
        return teacher.answer({k: torch.from_numpy(v) for k, v in arrays.items()})["logits"].numpy()

    @pytest.mark.parametrize("names", [("ids", "mask"), ("input_ids", "attention_mask")])
    def test_texts_are_read_with_the_tokenizer_beside_the_graph(
        self, folder: Path, names: tuple[str, ...]
    ):
        path, weights = self.graph(folder / "m.onnx", names)
        found = self.ask(Graph(path), "hi", "book a flight")
        wanted = [weights[[2, 7, 3]].mean(0), weights[[2, 4, 5, 6, 3]].mean(0)]
        np.testing.assert_allclose(found, wanted, rtol=1e-5)
        # Alone or in a batch, a text gets the same answer.
        np.testing.assert_allclose(self.ask(Graph(path), "hi"), wanted[:1], rtol=1e-5)

    def test_the_parts_of_a_text_have_types(self, folder: Path):
        names = ("input_ids", "attention_mask", "token_type_ids")
        path, weights = self.graph(folder / "m.onnx", names)
        found = self.ask(Graph(path), "hi\x1fbook a", "hi")
        wanted = [weights[[2, 7, 3, 14, 15, 13]].mean(0), weights[[2, 7, 3]].mean(0)]
        np.testing.assert_allclose(found, wanted, rtol=1e-5)

    def test_texts_are_cut_and_padded_to_the_one_length_of_a_graph(self, folder: Path):
        path, weights = self.graph(folder / "m.onnx", tokens=4)
        found = self.ask(Graph(path), "book a flight", "hi")
        wanted = [weights[[2, 4, 5, 3]].mean(0), weights[[2, 7, 3]].mean(0)]
        np.testing.assert_allclose(found, wanted, rtol=1e-5)

    def test_the_tokenizer_counts(self, folder: Path):
        path, _ = self.graph(folder / "m.onnx")
        first = Graph(path).fingerprint
        assert Graph(path, most=3).fingerprint != first
        told = json.loads((folder / "tokenizer.json").read_text())
        told["model"]["vocab"].update(hi=8, there=7)
        (folder / "tokenizer.json").write_text(json.dumps(told))
        assert Graph(path).fingerprint != first

    def test_without_mask_or_tokenizer_it_is_refused(self, folder: Path):
        path = save(
            folder / "bare.onnx",
            [("input_ids", INT64, ["rows", "tokens"])],
            [("logits", FLOAT, ["rows", 2])],
            [node("Cast", "input_ids", "logits", to=FLOAT)],
        )
        with pytest.raises(RequestError, match="has no mask, without which padding"):
            Graph(path)
        path, _ = self.graph(folder / "m.onnx")
        (folder / "tokenizer.json").unlink()
        with pytest.raises(RequestError, match=r"no tokenizer\.json lies beside it"):
            Graph(path)


@pytest.mark.parametrize("shape", [["rows"], ["rows", 1]])
def test_pipelines_over_strings(shape: list[Any], tmp_path: Path):
    path = save(
        tmp_path / "m.onnx",
        [("input", TensorProto.STRING, shape)],
        [("label", INT64, ["rows"]), ("probabilities", FLOAT, ["rows", 2])],
        [
            node(
                "LabelEncoder",
                "input",
                "sure",
                domain="ai.onnx.ml",
                keys_strings=["hi", "book it"],
                values_floats=[0.9, 0.2],
                default_float=0.5,
            ),
            node("Reshape", "sure column", "yes"),
            node("Sub", "one yes", "no"),
            node("Concat", "yes no", "probabilities", axis=1),
            node("ArgMax", "probabilities", "label", axis=1, keepdims=0),
        ],
        {"column": np.array([-1, 1], np.int64), "one": np.array(1, np.float32)},
        {"classes": '["greet", "book"]'},
    )
    teacher = Graph(path)
    said = teacher.answer({"text": np.array(["hi", "book\x1fit", "what"], dtype=object)})["logits"]
    assert teacher.classes == ("greet", "book")
    assert teacher.reading is None
    np.testing.assert_allclose(said.exp(), [[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]], rtol=1e-5)


def test_the_fingerprint_is_of_the_content_and_not_of_the_place(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    first, _ = linear(tmp_path / "m.onnx", FLOAT, ["rows", 1, 2, 2], 4)
    copied = tmp_path / "elsewhere" / "copy.onnx"
    copied.write_bytes(first.read_bytes())
    other, _ = linear(tmp_path / "other.onnx", FLOAT, ["rows", 1, 2, 2], 4)
    assert Graph(first).fingerprint == Graph(copied).fingerprint != Graph(other).fingerprint


def test_weights_outside_the_file_count(tmp_path: Path):
    path, _ = linear(tmp_path / "m.onnx", FLOAT, ["rows", 1, 2, 2], 4)
    large = tmp_path / "large.onnx"
    settings = {"save_as_external_data": True, "location": "w.data", "size_threshold": 0}
    onnx.save(onnx.load(path), large, **settings)
    before = Graph(large).fingerprint
    data = bytearray((tmp_path / "w.data").read_bytes())
    data[0] ^= 1
    (tmp_path / "w.data").write_bytes(bytes(data))
    assert Graph(large).fingerprint != before


Broken = Callable[[Path], Path]


def no_table(folder: Path) -> Path:
    return save(
        folder / "m.onnx",
        [("image", FLOAT, ["rows", 1, 2, 2])],
        [("features", FLOAT, ["rows", 1, 2, 2])],
        [node("Identity", "image", "features")],
    )


def two_tables(folder: Path) -> Path:
    return save(
        folder / "m.onnx",
        [("image", FLOAT, ["rows", 1, 2, 2])],
        [("first", FLOAT, ["rows", 4]), ("second", FLOAT, ["rows", 4])],
        [node("Flatten", "image", "first"), node("Flatten", "image", "second")],
    )


@pytest.mark.parametrize("broken", [no_table, two_tables])
def test_what_is_no_classifier_is_told_with_its_ends(broken: Broken, tmp_path: Path):
    with pytest.raises(
        RequestError,
        match=r"has no output, or several.* \[rows, classes\]; inputs: "
        r"image tensor\(float\) \['rows', 1, 2, 2\]; outputs: f",
    ):
        Graph(broken(tmp_path))


def test_a_file_that_is_no_graph(tmp_path: Path):
    (tmp_path / "m.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(RequestError, match="cannot be loaded by onnxruntime"):
        Graph(tmp_path / "m.onnx")


def test_names_that_do_not_fit_the_table(tmp_path: Path):
    path, _ = linear(tmp_path / "m.onnx", FLOAT, ["rows", 1, 2, 2], 4)
    (tmp_path / "labels.json").write_text('["a", "b"]')
    with pytest.raises(RequestError, match="answers 3 classes, but 2 are named"):
        Graph(path)


def test_where_a_row_may_have_several_classes_numbers_within_0_and_1_are_probabilities(
    tmp_path: Path,
):
    path, weights = linear(tmp_path / "a.onnx", FLOAT, ["n", 2, 2, 1], 4)
    image = RNG.uniform(0, 1, size=(3, 2, 2, 1)).astype(np.float32)
    plain = image.reshape(3, 4) @ weights
    found = Graph(path, several=True).answer({"image": torch.from_numpy(image)})["logits"]
    np.testing.assert_allclose(found, plain, rtol=1e-5)
    sigmoids = save(
        tmp_path / "b.onnx",
        [("image", FLOAT, ["n", 2, 2, 1])],
        [("probabilities", FLOAT, ["n", 3])],
        [
            node("Flatten", "image", "flat"),
            node("MatMul", "flat w", "logits"),
            node("Sigmoid", "logits", "probabilities"),
        ],
        {"w": weights},
    )
    found = Graph(sigmoids, several=True).answer({"image": torch.from_numpy(image)})["logits"]
    np.testing.assert_allclose(found, plain, rtol=1e-3, atol=1e-4)
    assert Graph(path, several=True).fingerprint != Graph(path).fingerprint
