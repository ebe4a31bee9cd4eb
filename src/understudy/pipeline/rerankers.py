"""Networks that score documents for a query: as pairs that are read together, or by vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from understudy.errors import RequestError
from understudy.pipeline.text_encoders import STATIC_WIDTH, design_encoder
from understudy.pipeline.text_students import Design, design, given_network
from understudy.recipe.students import FromTeacher, Preset
from understudy.students import is_preset
from understudy.tasks.lists import Lists
from understudy.tasks.reading import Tokenised

if TYPE_CHECKING:
    from understudy.tasks import Prepared
    from understudy.teachers import NetworkTeacher, Teacher


@dataclass(frozen=True)
class Scorer:
    """How to make the body of a reranker, and how it reads lists."""

    design: Design
    reading: Lists


def design_scorer(
    spec: Any, prepared: Prepared, teacher: Teacher | None, *, allow_code: bool, dropout: float
) -> Scorer:
    """What a recipe names as `student:`, for scores.

    Raises: RequestError where it cannot be made.
    """
    from torch import nn

    if teacher is None:
        raise RequestError(
            "a reranker is not trained on labels; give one that exists as teacher: a Transformers "
            "cross-encoder, or an encoder of sentences"
        )
    within = _body_of(teacher)
    if isinstance(spec, nn.Module):
        made = given_network(spec, prepared, within)
        return Scorer(made, Lists(made.tokens, apart=False))
    if isinstance(spec, str) and is_preset(spec, "text"):
        spec = Preset(spec, dropout=dropout)
    if _kind(spec, teacher) == "pair":
        made = design(spec, prepared, within, allow_code=allow_code, dropout=dropout)
        return Scorer(made, Lists(made.tokens, apart=False))
    made = design_encoder(spec, prepared, within, _features(spec, within))
    return Scorer(made, Lists(made.tokens, apart=True))


def _kind(spec: str | Preset | FromTeacher, teacher: Teacher) -> str:
    """How a student scores: as it says, as it alone can, or else as its teacher does."""
    from understudy.students.scoring import CosineScores, kind_of_folder

    theirs = "cosine" if isinstance(getattr(teacher, "network", None), CosineScores) else "pair"
    if isinstance(spec, FromTeacher):
        return theirs
    if isinstance(spec, str):
        return kind_of_folder(spec) or theirs
    if spec.scores != "auto":
        return spec.scores
    if spec.preset.startswith("static"):
        return "cosine"
    return "pair" if spec.preset in ("cnn", "bilstm") else theirs


def _features(spec: str | Preset | FromTeacher, teacher: NetworkTeacher | None) -> int:
    """The dimension of a student's vectors: its own where it has one, or else the teacher's."""
    from understudy.students.sentence import SentenceEncoder, StaticEncoder
    from understudy.students.sentence_folders import read_encoder

    if isinstance(spec, str):
        return read_encoder(spec).width
    body = teacher.network if teacher else None
    return body.width if isinstance(body, SentenceEncoder | StaticEncoder) else STATIC_WIDTH


def _body_of(teacher: Teacher) -> NetworkTeacher | None:
    """The teacher as what reads one text or pair at a time, to take tokens and layers from."""
    from understudy.students.scoring import body_of
    from understudy.teachers import NetworkTeacher

    if not isinstance(teacher, NetworkTeacher):
        return None
    lists = teacher.reading
    reading = Tokenised(lists.tokens) if isinstance(lists, Lists) else None
    return NetworkTeacher(body_of(teacher.network), reading=reading)
