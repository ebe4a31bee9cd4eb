"""Networks that turn texts into vectors of the teacher's dimension, so that an index can stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from understudy.errors import RequestError
from understudy.pipeline.text_students import Design, frequencies, tokens_for
from understudy.recipe.students import Cut, FromTeacher, Preset
from understudy.students import Blueprint, is_preset, read_blueprint

if TYPE_CHECKING:
    from torch import nn

    from understudy.students.sentence import SentenceEncoder, StaticEncoder
    from understudy.tasks import Prepared
    from understudy.teachers import NetworkTeacher

STATIC_WIDTH = 256
"""Features of a static student's token embeddings where the recipe does not say."""


def design_encoder(
    spec: Any, prepared: Prepared, teacher: NetworkTeacher | None, outputs: int
) -> Design:
    """What a recipe names as `student:`, for embeddings of `outputs` features.

    Raises: RequestError where it cannot be made.
    """
    if isinstance(spec, str) and is_preset(spec, "text"):
        spec = Preset(spec)
    if isinstance(spec, FromTeacher):
        return _cut(spec.from_teacher, prepared, teacher)
    if isinstance(spec, Preset):
        return _preset(spec, prepared, teacher, outputs)
    most = prepared.facts.form["tokens"]
    named = read_blueprint(spec, (0, most), outputs, reads="text")
    if named.kind == "module":
        raise RequestError(
            f"'{spec}': a network of your own is not there yet for embeddings; give a preset, a "
            "folder, or {from_teacher: ...}"
        )
    from understudy.students.tokens import read_tokens

    tokens = read_tokens(named.source, most)
    blueprint = Blueprint("transformers", named.source, (tokens.size, most), outputs, reads="text")
    return Design(blueprint, lambda: _widened(named.source, outputs), tokens)


def _preset(
    spec: Preset, prepared: Prepared, teacher: NetworkTeacher | None, outputs: int
) -> Design:
    """A static encoder or a BERT miniature."""
    from understudy.students.sentence import StaticEncoder, preset_encoder

    tokens, kept, told = tokens_for(spec.vocabulary, prepared, teacher)
    if not spec.preset.startswith("static"):
        if spec.preset in ("cnn", "bilstm"):
            raise RequestError(
                f"student: '{spec.preset}' tells classes apart and makes no embeddings; take "
                "static, tiny, mini or small, or {from_teacher: ...}"
            )
        shape = (tokens.size, tokens.most)
        blueprint = Blueprint("preset", spec.preset, shape, outputs, reads="text")
        name, most = spec.preset, tokens.most
        return Design(
            blueprint, lambda: preset_encoder(name, tokens.size, most, outputs), tokens, told
        )
    # A static encoder reads a text's own tokens alone, as sentence-transformers has it.
    bare = tokens.bare()
    blueprint = Blueprint("preset", spec.preset, (bare.size, bare.most), outputs, reads="text")
    width = int(spec.preset.partition("-")[2].partition("-")[0] or STATIC_WIDTH)
    table = _table(teacher) if spec.start == "teacher" else None
    counts = None if table is None else frequencies(prepared, bare)

    def fresh() -> nn.Module:
        encoder = StaticEncoder(bare.size, width, outputs if width != outputs else None)
        if table is not None:
            encoder.start_from(table if kept is None else table[kept], counts)
        return encoder

    return Design(blueprint, fresh, bare, told)


def _cut(cut: Cut, prepared: Prepared, teacher: NetworkTeacher | None) -> Design:
    from understudy.students.sentence import SentenceEncoder, cut_encoder

    if teacher is None or not isinstance(teacher.network, SentenceEncoder):
        raise RequestError(
            "student.from_teacher needs an encoder with layers as teacher; give a preset instead"
        )
    encoder = teacher.network
    tokens, kept, told = tokens_for(cut.vocabulary, prepared, teacher)
    shape = (tokens.size, tokens.most)
    blueprint = Blueprint("transformers", "from_teacher", shape, encoder.width, reads="text")

    def fresh() -> nn.Module:
        return cut_encoder(encoder, cut.layers, cut.heads, cut.width, kept)

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


def _table(teacher: NetworkTeacher | None) -> Any:
    """The teacher's token embeddings [V, D], where it has any."""
    from understudy.students.sentence import SentenceEncoder, StaticEncoder
    from understudy.students.text_transformers import TextLogitsOf, token_table

    body = teacher.network if teacher else None
    if isinstance(body, SentenceEncoder | TextLogitsOf):
        return token_table(body.model)
    return body.folded() if isinstance(body, StaticEncoder) else None
