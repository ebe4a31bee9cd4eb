"""The folders of sentence-transformers, read and written without it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from understudy.errors import RequestError
from understudy.files import replace_atomically, write_json
from understudy.students.hugging_face import (
    loading,
    quietly,
    refuse_missing,
    refuse_pickles,
)
from understudy.students.packing import Pooling
from understudy.students.sentence import (
    ACTIVATIONS,
    Dense,
    SentenceEncoder,
    StaticEncoder,
)
from understudy.students.tokens import name_inputs

POOLING: Mapping[Pooling, str] = {
    "mean": "pooling_mode_mean_tokens",
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
}
"""What a pooling is called in a folder; newer ones say `"pooling_mode": "mean"`."""

WEIGHTS = "model.safetensors"
TYPES = "sentence_transformers.models."


def read_encoder(folder: str | Path) -> SentenceEncoder | StaticEncoder:
    """The encoder in a folder of sentence-transformers, or a Transformers model with mean pooling.

    Raises: RequestError where it cannot be read, where its weights are a pickle, or where it holds
    a module that is not known here.
    """
    path = Path(folder)
    if not (path / "modules.json").is_file():
        return SentenceEncoder(_transformer(path), normalise=False)
    with loading(str(folder)):
        return _assembled(path)


def save_encoder(folder: Path, encoder: SentenceEncoder | StaticEncoder, most: int) -> None:
    """Write what SentenceTransformer(folder) loads once the tokenizer is saved there too."""
    modules: list[tuple[str, str]] = []
    if isinstance(encoder, StaticEncoder):
        table = {"embedding.weight": encoder.folded().cpu().contiguous()}
        _save_weights(folder / WEIGHTS, table)
        modules.append(("StaticEmbedding", ""))
    else:
        with quietly():
            encoder.model.save_pretrained(folder)
        name_inputs(folder)
        write_json(
            folder / "sentence_bert_config.json", {"max_seq_length": most, "do_lower_case": False}
        )
        told = {name: mode == encoder.pooling for mode, name in POOLING.items()}
        width = {"word_embedding_dimension": encoder.model.config.hidden_size}
        write_json(folder / "1_Pooling" / "config.json", width | told)
        modules += [("Transformer", ""), ("Pooling", "1_Pooling")]
    for given in encoder.dense:
        place = f"{len(modules)}_Dense"
        _save_dense(folder / place, given)
        modules.append(("Dense", place))
    if encoder.normalise:
        place = f"{len(modules)}_Normalize"
        (folder / place).mkdir(exist_ok=True)
        modules.append(("Normalize", place))
    write_json(
        folder / "modules.json",
        [
            {"idx": number, "name": str(number), "path": place, "type": TYPES + kind}
            for number, (kind, place) in enumerate(modules)
        ],
    )
    write_json(folder / "config_sentence_transformers.json", {"similarity_fn_name": "cosine"})


def _assembled(path: Path) -> SentenceEncoder | StaticEncoder:
    told = _json(path / "config_sentence_transformers.json")
    if told.get("default_prompt_name"):
        raise RequestError(
            f"the encoder in '{path}' puts the prompt '{told['default_prompt_name']}' before every "
            "text; put it into your texts, and take default_prompt_name out of its config"
        )
    listed = json.loads((path / "modules.json").read_text())
    parts = [(module["type"].rsplit(".", 1)[-1], path / module["path"]) for module in listed]
    kinds = [kind for kind, _ in parts]
    begin = 1 if kinds[:1] == ["StaticEmbedding"] else 2
    middle = kinds[begin:-1] if kinds[-1] == "Normalize" else kinds[begin:]
    first = kinds[:begin] in (["StaticEmbedding"], ["Transformer", "Pooling"])
    if not first or set(middle) - {"Dense"}:
        raise RequestError(
            f"the encoder in '{path}' is made of {', '.join(kinds)}; known are: Transformer and "
            "Pooling, or StaticEmbedding, then any Dense, then Normalize or nothing"
        )
    dense = [_read_dense(place) for _, place in parts[begin : begin + len(middle)]]
    normalise = kinds[-1] == "Normalize"
    if begin == 2:
        pooling = _read_pooling(parts[1][1] / "config.json")
        return SentenceEncoder(_transformer(parts[0][1]), pooling, dense, normalise)
    table = _read_table(parts[0][1])
    encoder = StaticEncoder(table.shape[0], table.shape[1], normalise=normalise)
    encoder.embedding.weight.data.copy_(table)
    encoder.dense = nn.Sequential(*dense)
    return encoder


def _transformer(path: Path) -> Any:
    """The model in a folder, whole but for a pooler, which no embedding is read from."""
    from transformers import AutoModel

    refuse_pickles(str(path))
    with loading(str(path)):
        model, found = AutoModel.from_pretrained(
            path, dtype=torch.float32, use_safetensors=True, output_loading_info=True
        )
    missing = {name for name in found["missing_keys"] if not name.startswith("pooler.")}
    refuse_missing(str(path), missing, "give a folder that was saved whole")
    return model


def _read_pooling(path: Path) -> Pooling:
    told = _json(path)
    named = told.get("pooling_mode", [name for name, on in told.items() if on is True])
    several = [named] if isinstance(named, str) else named
    asked = [name for name in several if name != "include_prompt"]
    for mode, name in POOLING.items():
        if asked in ([mode], [name]):
            return mode
    raise RequestError(
        f"{path} asks for pooling by {', '.join(asked)}; known are: {', '.join(POOLING)}"
    )


def _read_dense(path: Path) -> Dense:
    from safetensors.torch import load_file

    refuse_pickles(str(path))
    told = _json(path / "config.json")
    name = told.get("activation_function", "torch.nn.modules.activation.Tanh")
    if name not in ACTIVATIONS or told.get("use_residual"):
        raise RequestError(
            f"{path} holds a dense map with {name if name not in ACTIVATIONS else 'a residual'}, "
            f"which is not known; known are: {', '.join(ACTIVATIONS)}"
        )
    dense = Dense(told["in_features"], told["out_features"], name, told.get("bias", True))
    dense.load_state_dict(load_file(path / WEIGHTS))
    return dense


def _save_dense(folder: Path, dense: nn.Module) -> None:
    assert isinstance(dense, Dense)
    write_json(
        folder / "config.json",
        {
            "in_features": dense.linear.in_features,
            "out_features": dense.linear.out_features,
            "bias": dense.linear.bias is not None,
            "activation_function": dense.activation_name,
        },
    )
    _save_weights(folder / WEIGHTS, dense.state_dict())


def _read_table(path: Path) -> Tensor:
    """The token embeddings of a static folder, also as Model2Vec writes them."""
    from safetensors.torch import load_file

    refuse_pickles(str(path))
    stored = load_file(path / WEIGHTS)
    found: Tensor | None = stored.get("embedding.weight", stored.get("embeddings"))
    if found is None:
        raise RequestError(f"{path / WEIGHTS} holds no token embeddings: {', '.join(stored)}")
    table = found[stored["mapping"].long()] if "mapping" in stored else found
    weights = stored.get("weights", torch.ones(len(table)))
    folded: Tensor = table.float() * weights.float().unsqueeze(1)
    return folded


def _save_weights(path: Path, weights: dict[str, Tensor]) -> None:
    from safetensors.torch import save_file

    replace_atomically(path, lambda file: save_file(weights, str(file)))


def _json(path: Path) -> dict[str, Any]:
    """A JSON file that a folder may lack."""
    return json.loads(path.read_text()) if path.is_file() else {}
