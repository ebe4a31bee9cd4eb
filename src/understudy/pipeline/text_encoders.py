"""Networks that turn texts into vectors in the teacher's space, so that an index can stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import RequestError
from understudy.files import content_key, replace_atomically
from understudy.pipeline.text_students import Design, frequencies, tokens_for
from understudy.recipe.students import Cut, FromTeacher, Preset
from understudy.students import Blueprint, is_preset
from understudy.students.presets import static_sizes
from understudy.tasks import task_named

if TYPE_CHECKING:
    from torch import nn

    from understudy.students.projection import Projection
    from understudy.students.sentence import SentenceEncoder, StaticEncoder
    from understudy.tasks import Prepared
    from understudy.tasks.prepared import IntArray
    from understudy.teachers import NetworkTeacher

TOKENS_AT_ONCE = 512
"""Tokens that a teacher is asked about together."""
STATIC_WIDTH = 256
"""Features of a static student's token embeddings where the recipe does not say."""


def design_encoder(
    spec: Any,
    prepared: Prepared,
    teacher: NetworkTeacher | None,
    outputs: int,
    projection: Projection | None = None,
) -> Design:
    """What a recipe names as `student:`, for embeddings of the teacher's `outputs` features, or for
    as many as a projection of them has.

    Raises: RequestError where it cannot be made.
    """
    if isinstance(spec, str) and is_preset(spec, "text"):
        spec = Preset(spec)
    if isinstance(spec, FromTeacher):
        return _cut(spec.from_teacher, prepared, teacher, projection)
    if isinstance(spec, Preset):
        return _preset(spec, prepared, teacher, outputs, projection)
    facts = prepared.facts
    named = task_named(facts.task).blueprint(spec, facts)
    if named.kind == "module":
        raise RequestError(
            f"'{spec}': a network of your own is not there yet for embeddings; give a preset, a "
            "folder, or {from_teacher: ...}"
        )
    from understudy.students.tokens import read_tokens

    tokens = read_tokens(named.source, facts.form["tokens"])
    given = projection.dimensions if projection else outputs
    blueprint = replace(named, shape=(tokens.size, tokens.most), classes=given)

    def fresh() -> nn.Module:
        return _ending(_widened(named.source, outputs), projection)

    return Design(blueprint, fresh, tokens)


def _preset(
    spec: Preset,
    prepared: Prepared,
    teacher: NetworkTeacher | None,
    outputs: int,
    projection: Projection | None,
) -> Design:
    """A static encoder or a BERT miniature."""
    from understudy.students.sentence import StaticEncoder, bend, preset_encoder

    tokens, kept, told = tokens_for(spec.vocabulary, prepared, teacher)
    given = projection.dimensions if projection else outputs
    if not spec.preset.startswith("static"):
        if spec.preset in ("cnn", "bilstm"):
            raise RequestError(
                f"student: '{spec.preset}' tells classes apart and makes no embeddings; take "
                "static, tiny, mini or small, or {from_teacher: ...}"
            )
        shape = (tokens.size, tokens.most)
        blueprint = Blueprint("preset", spec.preset, shape, given, reads="text")
        name, most = spec.preset, tokens.most
        return Design(
            blueprint, lambda: preset_encoder(name, tokens.size, most, given), tokens, told
        )
    # A static encoder reads a text's own tokens alone, as sentence-transformers has it.
    bare = tokens.bare()
    blueprint = Blueprint("preset", spec.preset, (bare.size, bare.most), given, reads="text")
    named, hidden = static_sizes(spec.preset)
    width = named or (given if spec.dimensions else STATIC_WIDTH)
    starts = spec.start == "teacher"
    vectors = _vectors_of_tokens(teacher, kept, prepared) if starts else None
    # A table as narrow as the vectors begins along their axes; a wider one is mapped to them.
    narrow = projection is not None and width <= projection.dimensions
    if vectors is not None and projection is not None and narrow:
        vectors = projection.along(vectors)
    if vectors is not None and not width <= vectors.shape[1]:
        vectors = None  # there is nothing to fill the further features with
    counts = None if vectors is None else frequencies(prepared, bare)

    def fresh() -> nn.Module:
        ends = given if narrow else outputs
        encoder = StaticEncoder(bare.size, width, ends if width != ends else None)
        if vectors is not None:
            encoder.start_in_space(vectors, counts)
        _ending(encoder, None if narrow else projection)
        if hidden:
            bend(encoder, hidden)
        return encoder

    return Design(blueprint, fresh, bare, told)


def _ending(
    encoder: SentenceEncoder | StaticEncoder, projection: Projection | None
) -> SentenceEncoder | StaticEncoder:
    """An encoder of the teacher's width, its vectors mapped as a projection, if any, maps those."""
    from understudy.students.sentence import end_in

    if projection is not None:
        end_in(encoder, projection.directions)
    return encoder


def _cut(
    cut: Cut, prepared: Prepared, teacher: NetworkTeacher | None, projection: Projection | None
) -> Design:
    from understudy.students.sentence import SentenceEncoder, cut_encoder

    if teacher is None or not isinstance(teacher.network, SentenceEncoder):
        raise RequestError(
            "student.from_teacher needs an encoder with layers as teacher; give a preset instead"
        )
    encoder = teacher.network
    tokens, kept, told = tokens_for(cut.vocabulary, prepared, teacher)
    shape = (tokens.size, tokens.most)
    given = projection.dimensions if projection else encoder.width
    blueprint = Blueprint("transformers", "from_teacher", shape, given, reads="text")

    def fresh() -> nn.Module:
        made = cut_encoder(encoder, cut.layers, cut.heads, cut.width, kept)
        return _ending(made, projection)

    return Design(blueprint, fresh, tokens, told)


def _widened(source: str, outputs: int) -> SentenceEncoder | StaticEncoder:
    """The encoder in a folder, with a new map to the teacher's dimension where it has another."""
    from torch import nn

    from understudy.students.sentence import Dense
    from understudy.students.sentence_folders import read_encoder

    encoder = read_encoder(source)
    if encoder.width != outputs:
        encoder.dense = nn.Sequential(*encoder.dense, Dense(encoder.width, outputs))
    return encoder


def _vectors_of_tokens(
    teacher: NetworkTeacher | None, kept: IntArray | None, prepared: Prepared
) -> Any:
    """What the teacher's encoder answers for each token alone, [V, D], kept beside the rows.

    None where the teacher has no encoder. `kept` are the teacher's ids of the tokens.
    """
    import torch
    from safetensors.torch import load_file, save_file

    from understudy.students.packed import packed
    from understudy.students.sentence import SentenceEncoder, StaticEncoder

    kinds = SentenceEncoder | StaticEncoder
    parts = teacher.network.modules() if teacher else ()
    encoder = next((part for part in parts if isinstance(part, kinds)), None)
    tokens = getattr(teacher.reading, "tokens", None) if teacher else None
    if teacher is None or encoder is None or tokens is None:
        return None
    numbers = np.arange(tokens.size) if kept is None else kept
    key = content_key([teacher.fingerprint, numbers.tolist()])[:16]
    path = Path(prepared.raw.store.root).parent / f"token-vectors-{key}.safetensors"
    if not path.is_file():
        around = tokens.encode([""])[0].astype(np.int64)  # what stands around every text
        half, found, answering = len(around) // 2, [], packed(encoder) or encoder
        for ids in np.array_split(numbers, -(-len(numbers) // TOKENS_AT_ONCE)):
            table = np.tile(np.insert(around, half, 0), (len(ids), 1))
            table[:, half] = ids
            given = torch.from_numpy(table)
            with torch.no_grad():
                found.append(answering(given, torch.ones_like(given)))
        vectors = {"vectors": torch.cat(found)}
        replace_atomically(path, lambda file: save_file(vectors, str(file)))
    return load_file(path)["vectors"]
