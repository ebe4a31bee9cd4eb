"""What a student can minimise. A recipe names a term by its class name in snake case."""

from __future__ import annotations

from understudy.objectives.binary import HardBinaryLabels, SoftBinaryLabels
from understudy.objectives.corrected import Corrected
from understudy.objectives.correlations import Correlations
from understudy.objectives.diverging import (
    AlphaBeta,
    JensenShannon,
    ReverseKl,
    SkewedKl,
    SkewedReverseKl,
    SymmetricKl,
    TotalVariation,
)
from understudy.objectives.embeddings import (
    ContrastiveEmbedding,
    EmbeddingCosine,
    EmbeddingSquaredError,
    Matryoshka,
    SimilarityKl,
    SoftContrastiveEmbedding,
)
from understudy.objectives.fused import fused_loss
from understudy.objectives.hidden import HiddenFeatures
from understudy.objectives.knobs import recipe_name
from understudy.objectives.labels import HardLabels, SoftLabels, cross_entropy, forward_kl
from understudy.objectives.rankings import (
    ListMle,
    ListwiseKl,
    MarginMse,
    RankNet,
    ScoreSquaredError,
)
from understudy.objectives.refined import DecoupledLabels, PlackettLuce, RefinedLabels
from understudy.objectives.sparse import SampledLabels, SparseLabels
from understudy.objectives.targets import (
    LogitSquaredError,
    SoftCrossEntropy,
    StandardisedLogits,
    TeacherLabels,
)
from understudy.objectives.term import (
    Answers,
    Composable,
    Objective,
    Term,
    Weighted,
    as_objective,
    is_joint,
    mirrored,
    rests_at_teacher,
)

OBJECTIVES: tuple[type[Term], ...] = (
    SoftLabels,
    HardLabels,
    SoftCrossEntropy,
    TeacherLabels,
    LogitSquaredError,
    StandardisedLogits,
    DecoupledLabels,
    RefinedLabels,
    PlackettLuce,
    Correlations,
    ReverseKl,
    SymmetricKl,
    JensenShannon,
    SkewedKl,
    SkewedReverseKl,
    AlphaBeta,
    TotalVariation,
    SparseLabels,
    SampledLabels,
    Corrected,
    HiddenFeatures,
    SoftBinaryLabels,
    HardBinaryLabels,
    EmbeddingCosine,
    EmbeddingSquaredError,
    SimilarityKl,
    ContrastiveEmbedding,
    SoftContrastiveEmbedding,
    Matryoshka,
    ScoreSquaredError,
    MarginMse,
    ListwiseKl,
    RankNet,
    ListMle,
)

__all__ = [
    "OBJECTIVES",
    "AlphaBeta",
    "Answers",
    "Composable",
    "ContrastiveEmbedding",
    "Corrected",
    "Correlations",
    "DecoupledLabels",
    "EmbeddingCosine",
    "EmbeddingSquaredError",
    "HardBinaryLabels",
    "HardLabels",
    "HiddenFeatures",
    "JensenShannon",
    "ListMle",
    "ListwiseKl",
    "LogitSquaredError",
    "MarginMse",
    "Matryoshka",
    "Objective",
    "PlackettLuce",
    "RankNet",
    "RefinedLabels",
    "ReverseKl",
    "SampledLabels",
    "ScoreSquaredError",
    "SimilarityKl",
    "SkewedKl",
    "SkewedReverseKl",
    "SoftBinaryLabels",
    "SoftContrastiveEmbedding",
    "SoftCrossEntropy",
    "SoftLabels",
    "SparseLabels",
    "StandardisedLogits",
    "SymmetricKl",
    "TeacherLabels",
    "Term",
    "TotalVariation",
    "Weighted",
    "as_objective",
    "cross_entropy",
    "forward_kl",
    "fused_loss",
    "is_joint",
    "mirrored",
    "recipe_name",
    "rests_at_teacher",
]
