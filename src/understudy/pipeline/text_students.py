"""Networks that read texts: what each is made of, and the tokenizer that it gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import RequestError
from understudy.recipe.students import Cut, FromTeacher, Preset, Vocabulary
from understudy.students import Blueprint, build, is_preset, of_module
from understudy.tasks import task_named
from understudy.tasks.lists import single_texts
from understudy.tasks.reading import Tokenised

if TYPE_CHECKING:
    from torch import nn

    from understudy.students.tokens import Tokens
    from understudy.tasks import Prepared
    from understudy.tasks.prepared import IntArray
    from understudy.teachers import NetworkTeacher

LEARNT_TOKENS = 8000
"""Tokens of a tokenizer that is made for a transfer set, at most."""


@dataclass(frozen=True)
class Design:
    """How to make a network that reads texts. `fresh` draws from torch's random state."""

    blueprint: Blueprint
    fresh: Callable[[], nn.Module]
    tokens: Tokens
    told: Mapping[str, Any] = field(default_factory=dict)
    """What the report says of it."""


def design(
    spec: Any,
    prepared: Prepared,
    teacher: NetworkTeacher | None,
    *,
    allow_code: bool,
    dropout: float,
) -> Design:
    """What a recipe names as `student:` or `train:`, for texts.

    Raises: RequestError where it cannot be made.
    """
    if isinstance(spec, str) and is_preset(spec, "text"):
        spec = Preset(spec, dropout=dropout)
    if isinstance(spec, FromTeacher):
        return _cut(spec.from_teacher, prepared, teacher)
    if isinstance(spec, Preset):
        return _preset(spec, prepared, teacher)
    return _named(spec, prepared, teacher, allow_code)


def _named(
    spec: str, prepared: Prepared, teacher: NetworkTeacher | None, allow_code: bool
) -> Design:
    """A model folder or hub id with its own tokenizer, or what the user's own function makes."""
    facts = prepared.facts
    blueprint = task_named(facts.task).blueprint(spec, facts)
    if blueprint.kind == "transformers":
        from understudy.students.tokens import read_tokens

        folder = blueprint.source.removesuffix("config.json") or "."
        tokens = read_tokens(folder, facts.form["tokens"])
    else:
        tokens = own_tokens(prepared, teacher)
    blueprint = replace(blueprint, shape=(tokens.size, tokens.most))

    def fresh() -> nn.Module:
        from understudy.students.sentence_classifier import SentenceClassifier

        network = build(blueprint, allow_code=allow_code)
        if isinstance(network, SentenceClassifier):  # whose head is always new
            _know_rates(network, prepared)
        return network

    return Design(blueprint, fresh, tokens)


def _know_rates(network: nn.Module, prepared: Prepared) -> None:
    """Let a new head begin with how often each class occurs, where a row may have several."""
    from understudy.students.rates import rates_of, start_at_rates

    if prepared.labels.ndim == 2:
        start_at_rates(network, rates_of(prepared.labels[prepared.splits["train"]]))


def own_tokens(prepared: Prepared, teacher: NetworkTeacher | None) -> Tokens:
    """The tokenizer of a network that brings none: the teacher's, or one of these texts."""
    return tokens_for(None, prepared, teacher)[0]


def given_network(module: nn.Module, prepared: Prepared, teacher: NetworkTeacher | None) -> Design:
    """A module that was given in Python."""
    tokens = own_tokens(prepared, teacher)
    shape, classes = (tokens.size, tokens.most), len(prepared.facts.classes)
    return Design(*of_module(module, shape, classes, reads="text"), tokens)


def _preset(spec: Preset, prepared: Prepared, teacher: NetworkTeacher | None) -> Design:
    """One of our own networks, with token embeddings from the teacher where it can use them."""
    from understudy.students.bilstm import BiLstm
    from understudy.students.static import Static
    from understudy.students.text_cnn import TextCnn

    tokens, kept, told = tokens_for(spec.vocabulary, prepared, teacher)
    facts = prepared.facts
    named = task_named(facts.task).blueprint(spec.preset, facts, spec.dropout)
    blueprint = replace(named, shape=(tokens.size, tokens.most))
    table = _teachers_table(teacher) if spec.start == "teacher" else None
    rows = table if table is None or kept is None else table[kept]

    def fresh() -> nn.Module:
        network = build(blueprint)
        if isinstance(network, Static | BiLstm | TextCnn) and rows is not None:
            # Without weights by frequency: on CLINC150 they cost a classifier 2 to 5 points.
            network.start_from(rows)
        _know_rates(network, prepared)
        return network

    return Design(blueprint, fresh, tokens, told)


def _cut(cut: Cut, prepared: Prepared, teacher: NetworkTeacher | None) -> Design:
    """Some layers of the teacher, its embeddings and its head."""
    from understudy.students.sentence_classifier import SentenceClassifier, cut_sentence_classifier
    from understudy.students.text_transformers import TextLogitsOf, cut_classifier

    body = teacher.network if teacher else None
    if not isinstance(body, TextLogitsOf | SentenceClassifier):
        raise RequestError(
            "student.from_teacher needs a Transformers classifier as teacher, to take layers from; "
            "give a preset instead"
        )
    tokens, kept, told = tokens_for(cut.vocabulary, prepared, teacher)
    classes = len(prepared.facts.classes)
    blueprint = Blueprint(
        "transformers", "from_teacher", (tokens.size, tokens.most), classes, reads="text"
    )

    def fresh() -> nn.Module:
        if isinstance(body, SentenceClassifier):
            return cut_sentence_classifier(body, cut.layers, cut.heads, cut.width, kept)
        return cut_classifier(body.model, cut.layers, cut.heads, cut.width, classes, kept)

    return Design(blueprint, fresh, tokens, told)


def tokens_for(
    vocabulary: Vocabulary, prepared: Prepared, teacher: NetworkTeacher | None
) -> tuple[Tokens, IntArray | None, dict[str, Any]]:
    """A tokenizer, the teacher's tokens that it keeps (None for all), and what that saved."""
    from understudy.students.tokens import reduced, trained_tokens

    most = prepared.facts.form["tokens"]
    reading = teacher.reading if teacher else None
    if not isinstance(reading, Tokenised):
        size = vocabulary if isinstance(vocabulary, int) else LEARNT_TOKENS
        return trained_tokens(transfer_texts(prepared), size, most), None, {}
    whole = reading.tokens
    if vocabulary is None:
        return whole, None, {}
    limit = None if vocabulary == "used" else vocabulary
    fewer, kept = reduced(whole, transfer_texts(prepared), limit)
    return fewer, kept, {"vocabulary": {"kept": fewer.size, "of": whole.size}}


def transfer_texts(prepared: Prepared) -> list[str]:
    """All texts that a student learns from."""
    rows = prepared.raw
    found: list[str] = []
    order = rows.splits["train"]
    for start in range(0, len(order), 4096):
        found += single_texts(rows.inputs(order[start : start + 4096], ("text",))["text"])
    return found


def _teachers_table(teacher: NetworkTeacher | None) -> Any:
    """The teacher's token embeddings [V, D], where it is a Transformers model."""
    from understudy.students.sentence_classifier import SentenceClassifier
    from understudy.students.text_transformers import TextLogitsOf, token_table

    body = teacher.network if teacher else None
    if isinstance(body, SentenceClassifier):
        return token_table(body.encoder.model)
    return token_table(body.model) if isinstance(body, TextLogitsOf) else None


def frequencies(prepared: Prepared, tokens: Tokens) -> Any:
    """How often each token stands in the transfer set, [V]."""
    counts = np.zeros(tokens.size, dtype=np.int64)
    texts = transfer_texts(prepared)
    for start in range(0, len(texts), 4096):
        ids, _ = tokens.encode(texts[start : start + 4096])
        counts += np.bincount(ids, minlength=tokens.size)
    return counts
