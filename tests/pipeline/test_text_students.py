"""What a recipe names as a student of texts, and the tokenizer that it gets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from understudy.errors import RequestError
from understudy.pipeline.text_students import (
    Design,
    design,
    frequencies,
    own_tokens,
    tokens_for,
    transfer_texts,
)
from understudy.recipe.students import Cut, FromTeacher, Preset
from understudy.students.text_transformers import preset_classifier, save_text_classifier
from understudy.students.tokens import trained_tokens
from understudy.tasks import Prepared
from understudy.tasks.reading import Tokenised
from understudy.teachers import NetworkTeacher

EXTRA = [f"word{chr(97 + number)}" for number in range(26)]
"""Words of the teacher's that no text of the transfer set has."""


@pytest.fixture(scope="module")
def teacher(texts: Prepared) -> NetworkTeacher:
    """A small BERT with a tokenizer of its own."""
    tokens = trained_tokens([*transfer_texts(texts), *EXTRA * 3], 400, 12)
    torch.manual_seed(3)
    network = preset_classifier("tiny", tokens.size, 3, 12)
    return NetworkTeacher(network, texts.facts.classes, Tokenised(tokens))


def make(spec: object, texts: Prepared, teacher: NetworkTeacher | None = None) -> Design:
    return design(spec, texts, teacher, allow_code=False, dropout=0.0)


def answers(network: nn.Module, tokens: object, some: list[str]) -> torch.Tensor:
    batch = Tokenised(tokens).arrays({"text": some})  # type: ignore[arg-type]
    with torch.no_grad():
        return network.eval()(*map(torch.from_numpy, batch.values()))


def test_the_transfer_texts_are_those_of_training_in_order(texts: Prepared):
    found = transfer_texts(texts)
    rows = texts.splits["train"]
    assert found == texts.inputs(rows, ("text",))["text"].tolist()
    tokens = trained_tokens(found, 300, 12)
    assert transfer_texts(Tokenised(tokens).over(texts)) == found


def test_without_a_teacher_a_tokenizer_is_made_of_the_texts(texts: Prepared):
    tokens, kept, told = tokens_for(None, texts, None)
    assert (kept, told, tokens.most) == (None, {}, 12)
    assert own_tokens(texts, None).fingerprint == tokens.fingerprint
    assert tokens_for(120, texts, None)[0].size <= 120 < tokens.size
    deaf = NetworkTeacher(nn.Linear(1, 1))
    assert tokens_for("used", texts, deaf)[0].fingerprint == tokens.fingerprint


def test_a_student_reads_as_its_teacher(texts: Prepared, teacher: NetworkTeacher):
    assert isinstance(teacher.reading, Tokenised)
    whole = teacher.reading.tokens
    assert tokens_for(None, texts, teacher) == (whole, None, {})
    used, kept, told = tokens_for("used", texts, teacher)
    assert kept is not None
    assert used.size == len(kept) < whole.size
    assert told == {"vocabulary": {"kept": used.size, "of": whole.size}}
    fewer, _, _ = tokens_for(100, texts, teacher)
    assert fewer.size <= 100 < used.size


def centred(rows: torch.Tensor) -> torch.Tensor:
    return rows - rows.mean(0)


def gram(rows: torch.Tensor) -> torch.Tensor:
    """What no turning or scaling of all rows together changes."""
    return rows @ rows.T / rows.square().sum(1).mean()


def test_a_preset_starts_from_the_rows_of_its_tokens(texts: Prepared, teacher: NetworkTeacher):
    table = teacher.network.model.get_input_embeddings().weight.detach()
    made = make(Preset("static-128", "used"), texts, teacher)
    _, kept, _ = tokens_for("used", texts, teacher)
    rows = made.fresh().embedding.weight.detach()
    torch.testing.assert_close(gram(rows), gram(centred(table[kept])), rtol=1e-3, atol=1e-3)
    other = make(Preset("static-128", "used", start="random"), texts, teacher).fresh()
    assert (gram(other.embedding.weight.detach()) - gram(rows)).abs().max() > 0.1
    assert made.blueprint.shape == (made.tokens.size, 12)


@pytest.mark.parametrize("name", ["static", "cnn", "bilstm", "tiny"])
def test_every_preset_answers_in_the_classes_of_the_data(
    texts: Prepared, teacher: NetworkTeacher, name: str
):
    for given in (None, teacher):
        made = make(name, texts, given)
        assert answers(made.fresh(), made.tokens, ["play paris", "x"]).shape == (2, 3)
        assert (made.blueprint.source, made.blueprint.classes) == (name, 3)


def test_all_layers_of_the_teacher_are_the_teacher(texts: Prepared, teacher: NetworkTeacher):
    whole = make(FromTeacher(Cut((0, 1), vocabulary="used")), texts, teacher)
    some = transfer_texts(texts)[:9]
    assert isinstance(teacher.reading, Tokenised)
    torch.testing.assert_close(
        answers(whole.fresh(), whole.tokens, some),
        answers(teacher.network, teacher.reading.tokens, some),
        rtol=1e-4,
        atol=1e-5,
    )
    half = make(FromTeacher(Cut((1,))), texts, teacher)
    assert half.fresh().model.config.num_hidden_layers == 1
    assert half.blueprint.is_foreign


@pytest.mark.parametrize("given", [None, NetworkTeacher(nn.Linear(1, 1))])
def test_only_a_transformer_gives_layers(texts: Prepared, given: NetworkTeacher | None):
    with pytest.raises(RequestError, match="needs a Transformers classifier as teacher"):
        make(FromTeacher(Cut((0,))), texts, given)


def test_layers_that_are_not_there_are_told(texts: Prepared, teacher: NetworkTeacher):
    with pytest.raises(RequestError, match="layer"):
        make(FromTeacher(Cut((0, 7))), texts, teacher).fresh()


def test_a_folder_brings_its_tokenizer(texts: Prepared, tmp_path: Path):
    tokens = trained_tokens(["some other words"], 100, 32)
    save_text_classifier(tmp_path, preset_classifier("tiny", tokens.size, 5, 32), tuple("abcde"))
    with pytest.raises(RequestError, match=r"tokenizer\.json"):
        make(str(tmp_path), texts)
    tokens.save(tmp_path)
    made = make(str(tmp_path), texts)
    assert (made.tokens.size, made.tokens.most) == (tokens.size, 12)
    assert made.blueprint.kind == "transformers"
    assert answers(made.fresh(), made.tokens, ["some words"]).shape == (1, 3)


def test_an_unknown_name_gets_the_nearest(texts: Prepared):
    with pytest.raises(RequestError, match="did you mean 'static'"):
        make("statik", texts)


def test_tokens_are_counted_over_the_transfer_set(
    texts: Prepared, teacher: NetworkTeacher, monkeypatch: pytest.MonkeyPatch
):
    from understudy.students.tokens import Tokens

    tokens = own_tokens(texts, None)
    counts = frequencies(texts, tokens)
    flat, _ = tokens.encode(transfer_texts(texts))
    assert isinstance(tokens, Tokens)
    assert counts.sum() == len(flat)
    assert counts[flat[0]] == (flat == flat[0]).sum()
    assert counts.shape == (tokens.size,)
    assert np.issubdtype(counts.dtype, np.integer)


def test_fresh_follows_the_random_state(texts: Prepared):
    made = make("static-16", texts)

    def drawn(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return made.fresh().embedding.weight

    assert torch.equal(drawn(0), drawn(0))
    assert not torch.equal(drawn(0), drawn(1))
