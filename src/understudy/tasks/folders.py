"""A model folder: weights as safetensors, and `understudy.json`: how to build it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from understudy.errors import RequestError
from understudy.files import replace_atomically, write_json
from understudy.students.blueprint import Blueprint, build
from understudy.tasks import task_named

if TYPE_CHECKING:
    from torch import nn

    from understudy.tasks.reading import Reading

CONFIG = "understudy.json"
PROJECTION = "projection.safetensors"
"""Lies beside the weights of an encoder whose vectors are its teacher's through a projection."""
WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class ModelFacts:
    """All that a saved network is, but its weights."""

    task: str
    blueprint: Blueprint
    form: Mapping[str, Any]
    classes: tuple[str, ...]


def save_network(
    folder: Path, body: nn.Module, facts: ModelFacts, reading: Reading | None = None
) -> None:
    """Write a network and how it reads; a Transformers one by its own save_pretrained.

    `understudy.json` comes last and says that the folder is whole.
    """
    from safetensors.torch import save_model

    folder.mkdir(parents=True, exist_ok=True)
    kind = _kind(facts)
    if kind == "encoder":
        from understudy.students.sentence import SentenceEncoder, StaticEncoder
        from understudy.students.sentence_folders import save_encoder

        assert isinstance(body, SentenceEncoder | StaticEncoder)
        save_encoder(folder, body, facts.form["tokens"])
    elif kind == "text":
        _save_text(folder, body, facts)
    elif kind == "image":
        from understudy.students.hugging_face import save_classifier

        save_classifier(folder, body, facts.classes, facts.form)
    else:
        replace_atomically(folder / WEIGHTS, lambda path: save_model(body, str(path)))
    if reading is not None:
        reading.save(folder)
    write_json(folder / CONFIG, {"schema": 1, **asdict(facts)})


def read_facts(folder: Path) -> ModelFacts:
    """What `understudy.json` says.

    Raises: RequestError where there is none, or where it cannot be read.
    """
    path = folder / CONFIG
    try:
        stored = json.loads(path.read_text())
        blueprint = stored["blueprint"] | {"shape": tuple(stored["blueprint"]["shape"])}
        return ModelFacts(
            task=stored["task"],
            blueprint=Blueprint(**blueprint),
            form=stored["form"],
            classes=tuple(stored["classes"]),
        )
    except FileNotFoundError as error:
        raise RequestError(
            f"'{folder}' is no model of ours: it has no {CONFIG}; name a run, or its student folder"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError(f"{path} cannot be read: {error}") from error


def load_body(
    folder: Path, facts: ModelFacts, *, module: nn.Module | None = None, allow_code: bool = False
) -> nn.Module:
    """The network in a folder, with its weights, in eval mode; `module` where it is the user's own.

    Raises: RequestError where the weights do not fit or cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_model

    kind = _kind(facts)
    if kind == "encoder":
        from understudy.students.sentence_folders import read_encoder

        return read_encoder(folder).eval()
    if kind == "text":
        return _trained_text(folder).eval()
    if kind == "image":
        from understudy.students.hugging_face import trained_classifier

        return trained_classifier(str(folder)).eval()
    if facts.blueprint.kind == "module" and module is None and ":" not in facts.blueprint.source:
        raise RequestError(
            f"the network in '{folder}' is your own {facts.blueprint.source}; "
            "pass one as load(folder, module=...), its weights will be filled in"
        )
    body = module if module is not None else build(facts.blueprint, allow_code=allow_code)
    try:
        load_model(body, str(folder / WEIGHTS))
    except (SafetensorError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise RequestError(f"the weights in '{folder}' cannot be read: {reason}") from error
    return body.eval()


def load_network(
    folder: Path, *, module: nn.Module | None = None, allow_code: bool = False
) -> nn.Module:
    """The network in a folder behind its own preprocessing, for what its reading gives."""
    facts = read_facts(folder)
    body = load_body(folder, facts, module=module, allow_code=allow_code)
    return task_named(facts.task).network(body, facts.form).eval()


def _save_text(folder: Path, body: nn.Module, facts: ModelFacts) -> None:
    """A classifier of texts, in the form of Transformers or of sentence-transformers."""
    from understudy.students.sentence_classifier import SentenceClassifier, save_sentence_classifier
    from understudy.students.text_transformers import save_text_classifier

    if isinstance(body, SentenceClassifier):
        save_sentence_classifier(folder, body, facts.form["tokens"])
    else:
        several = task_named(facts.task).several
        save_text_classifier(folder, body, facts.classes, several)


def _trained_text(folder: Path) -> nn.Module:
    from understudy.students.sentence_classifier import HEAD, trained_sentence_classifier
    from understudy.students.text_transformers import trained_text_classifier

    if (folder / HEAD).is_file():
        return trained_sentence_classifier(folder)
    return trained_text_classifier(str(folder))


def _kind(facts: ModelFacts) -> Literal["encoder", "text", "image", "own"]:
    """Whose form a folder has: of sentence-transformers, of Transformers, or ours alone."""
    blueprint = facts.blueprint
    if body_gives(facts) == "embedding" and blueprint.kind != "module":
        return "encoder"
    return blueprint.reads if blueprint.is_foreign else "own"


def body_gives(facts: ModelFacts) -> str:
    """What the saved network itself answers of one text or pair: logits, or an embedding.

    A reranker's scores come of either: of one logit, or of vectors that are compared.
    """
    gives = task_named(facts.task).gives
    if gives != "scores":
        return gives
    return "logits" if facts.blueprint.classes == 1 else "embedding"


def load_reading(folder: Path) -> Reading:
    """How the network in a folder reads rows."""
    facts = read_facts(folder)
    return task_named(facts.task).reading(folder, facts.form)


def weight_bytes(folder: Path) -> int:
    """Bytes of the weights in a model folder; a projection beside them is no part of the model."""
    weights = (path for path in folder.rglob("*.safetensors") if path.name != PROJECTION)
    return sum(path.stat().st_size for path in weights)
