"""Encoders answer in the teacher's dimension, whatever they are made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from understudy.errors import RequestError
from understudy.pipeline.text_encoders import design_encoder
from understudy.pipeline.text_students import Design, tokens_for, transfer_texts
from understudy.recipe.students import Cut, FromTeacher, Preset
from understudy.students.projection import Projection
from understudy.students.sentence import (
    Dense,
    SentenceEncoder,
    StaticEncoder,
    preset_encoder,
)
from understudy.students.sentence_folders import save_encoder
from understudy.students.tokens import trained_tokens
from understudy.tasks import Prepared
from understudy.tasks.reading import Tokenised
from understudy.teachers import NetworkTeacher

WIDTH = 128


@pytest.fixture(scope="module")
def rows(texts: Prepared) -> Prepared:
    return replace(texts, facts=replace(texts.facts, task="text-embedding", classes=()))


@pytest.fixture(scope="module")
def teacher(rows: Prepared) -> NetworkTeacher:
    tokens = trained_tokens(transfer_texts(rows), 300, 12)
    torch.manual_seed(3)
    encoder = preset_encoder("tiny", tokens.size, 12, None)
    return NetworkTeacher(encoder, None, Tokenised(tokens), "embedding")


@pytest.fixture(scope="module")
def static_teacher(rows: Prepared) -> NetworkTeacher:
    tokens = trained_tokens(transfer_texts(rows), 300, 12).bare()
    torch.manual_seed(4)
    encoder = StaticEncoder(tokens.size, WIDTH)
    return NetworkTeacher(encoder, None, Tokenised(tokens), "embedding")


def vectors(network: nn.Module, tokens: object, some: list[str]) -> torch.Tensor:
    batch = Tokenised(tokens).arrays({"text": some})  # type: ignore[arg-type]
    with torch.no_grad():
        return network.eval()(*map(torch.from_numpy, batch.values()))


def answers(made: Design, some: list[str]) -> torch.Tensor:
    torch.manual_seed(0)
    return vectors(made.fresh(), made.tokens, some)


@pytest.mark.parametrize(
    "spec",
    [
        "static",
        "static-16",
        "tiny",
        "mini",
        Preset("static-128"),
        Preset("static-64", "used", "random"),
        FromTeacher(Cut((1,))),
        FromTeacher(Cut((0,), width=64, vocabulary="used")),
    ],
)
def test_every_student_answers_in_the_teachers_dimension(
    rows: Prepared, teacher: NetworkTeacher, spec: object
):
    made = design_encoder(spec, rows, teacher, WIDTH)
    found = answers(made, ["play the song", "rain"])
    assert found.shape == (2, WIDTH)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(answers(made, ["rain"])[0], found[1], rtol=1e-4, atol=1e-5)
    assert (made.blueprint.classes, made.blueprint.reads) == (WIDTH, "text")
    assert made.blueprint.shape == (made.tokens.size, 12)


def test_a_static_student_reads_a_texts_own_tokens_alone(rows: Prepared, teacher: NetworkTeacher):
    made = design_encoder("static", rows, teacher, WIDTH)
    (flat, _), (whole, _) = (
        tokens.encode(["rain"]) for tokens in (made.tokens, tokens_for(None, rows, teacher)[0])
    )
    assert len(whole) == len(flat) + 2


def test_a_static_student_starts_from_the_teachers_tokens(
    rows: Prepared, teacher: NetworkTeacher, static_teacher: NetworkTeacher
):
    tokens = teacher.reading.tokens
    first, last = tokens.encode([""])[0].tolist()
    alone = torch.tensor([[first, number, last] for number in range(tokens.size)])
    with torch.no_grad():
        wanted = teacher.network(alone, torch.ones_like(alone))
    started = design_encoder(Preset("static-128"), rows, teacher, WIDTH).fresh()
    assert torch.nn.functional.cosine_similarity(started.embedding.weight, wanted).min() > 0.9999
    # Rare tokens weigh more than frequent ones.
    assert started.weights.max() > 2 * started.weights.min() > 0
    other = design_encoder(Preset("static-128"), rows, static_teacher, WIDTH).fresh()
    theirs = static_teacher.network.folded()
    assert torch.nn.functional.cosine_similarity(other.embedding.weight, theirs).min() > 0.9999


def test_all_layers_of_the_teacher_are_the_teacher(rows: Prepared, teacher: NetworkTeacher):
    some = transfer_texts(rows)[:5]
    made = design_encoder(FromTeacher(Cut((0, 1), vocabulary="used")), rows, teacher, WIDTH)
    assert made.tokens.size <= teacher.reading.tokens.size
    theirs = vectors(teacher.network, teacher.reading.tokens, some)
    torch.testing.assert_close(answers(made, some), theirs, rtol=1e-4, atol=1e-5)


def test_a_folder_of_another_dimension_is_widened(
    rows: Prepared, teacher: NetworkTeacher, tmp_path: Path
):
    tokens = trained_tokens(transfer_texts(rows), 200, 12)
    torch.manual_seed(5)
    encoder = preset_encoder("tiny", tokens.size, 12, 32)
    tokens.save(tmp_path)
    save_encoder(tmp_path, encoder, 12)
    made = design_encoder(str(tmp_path), rows, teacher, WIDTH)
    assert answers(made, ["rain"]).shape == (1, WIDTH)
    network = made.fresh()
    assert isinstance(network, SentenceEncoder)
    assert [type(part) for part in network.dense] == [Dense, Dense]
    same = design_encoder(str(tmp_path), rows, teacher, 32)
    torch.testing.assert_close(answers(same, ["rain"]), vectors(encoder, tokens, ["rain"]))


@pytest.fixture(scope="module")
def turned() -> Projection:
    """Twenty directions in the teacher's space that are none of its own axes."""
    torch.manual_seed(9)
    return Projection(torch.linalg.qr(torch.randn(WIDTH, 20))[0], torch.full((20,), 0.05))


@pytest.mark.parametrize(
    ("spec", "table"),
    [
        (Preset("static", dimensions=20), 20),
        (Preset("static-12", dimensions=20), 12),
        (Preset("static-64", dimensions=20), 64),
        (Preset("static-200", dimensions=20), 200),
        (Preset("static", start="random", dimensions=20), 20),
        (Preset("tiny", dimensions=20), None),
        (FromTeacher(Cut((1,), dimensions=20)), None),
        (FromTeacher(Cut((0,), width=64, dimensions=20)), None),
    ],
)
def test_every_student_can_be_narrower_than_its_teacher(
    rows: Prepared, teacher: NetworkTeacher, turned: Projection, spec: object, table: int | None
):
    made = design_encoder(spec, rows, teacher, WIDTH, turned)
    found = answers(made, ["play the song", "rain"])
    assert found.shape == (2, 20)
    assert made.blueprint.classes == 20
    network = made.fresh()
    assert network.width == 20
    assert len(network.dense) == (0 if table == 20 else 1)
    if table is not None:
        assert network.embedding.weight.shape[1] == table


@pytest.mark.parametrize(
    "spec", [Preset("static-20", dimensions=20), Preset("static-128", dimensions=20)]
)
def test_a_narrow_static_student_starts_along_the_directions(
    rows: Prepared, teacher: NetworkTeacher, turned: Projection, spec: Preset
):
    tokens = teacher.reading.tokens
    first, last = tokens.encode([""])[0].tolist()
    alone = torch.tensor([[first, number, last] for number in range(tokens.size)])
    with torch.no_grad():
        wanted = turned.of(teacher.network(alone, torch.ones_like(alone)))
        ids = torch.arange(tokens.size).unsqueeze(1)
        found = design_encoder(spec, rows, teacher, WIDTH, turned).fresh()(
            ids, torch.ones_like(ids)
        )
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_all_layers_of_the_teacher_are_its_projection(
    rows: Prepared, teacher: NetworkTeacher, turned: Projection, tmp_path: Path
):
    some = transfer_texts(rows)[:5]
    wanted = turned.of(vectors(teacher.network, teacher.reading.tokens, some))
    made = design_encoder(FromTeacher(Cut((0, 1))), rows, teacher, WIDTH, turned)
    torch.testing.assert_close(answers(made, some), wanted, rtol=1e-4, atol=1e-5)
    teacher.reading.tokens.save(tmp_path)
    save_encoder(tmp_path, teacher.network, 12)
    folder = design_encoder(str(tmp_path), rows, teacher, WIDTH, turned)
    torch.testing.assert_close(answers(folder, some), wanted, rtol=1e-4, atol=1e-5)


def test_what_makes_no_embeddings_is_refused(
    rows: Prepared, teacher: NetworkTeacher, static_teacher: NetworkTeacher
):
    for name in ("cnn", "bilstm"):
        with pytest.raises(RequestError, match="makes no embeddings; take static"):
            design_encoder(name, rows, teacher, WIDTH)
    with pytest.raises(RequestError, match="network of your own is not there yet"):
        design_encoder("mine:made", rows, teacher, WIDTH)
    for given in (None, static_teacher):
        with pytest.raises(RequestError, match="needs an encoder with layers as teacher"):
            design_encoder(FromTeacher(Cut((0,))), rows, given, WIDTH)
    with pytest.raises(RequestError, match="did you mean 'static'"):
        design_encoder("statik", rows, teacher, WIDTH)
