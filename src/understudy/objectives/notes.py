"""What docs/objectives.md says of each objective beyond what a computer can read from its code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from understudy.objectives import (
    AlphaBeta,
    Corrected,
    Correlations,
    DecoupledLabels,
    HardLabels,
    HiddenFeatures,
    JensenShannon,
    LogitSquaredError,
    PlackettLuce,
    RefinedLabels,
    ReverseKl,
    SampledLabels,
    SkewedKl,
    SkewedReverseKl,
    SoftCrossEntropy,
    SoftLabels,
    SparseLabels,
    StandardisedLogits,
    SymmetricKl,
    TeacherLabels,
    TotalVariation,
    activations,
    binary,
    corrected,
    correlations,
    cross_entropy,
    divergences,
    embeddings,
    forward_kl,
    rankings,
    refined,
    relations,
    sparse,
    targets,
)
from understudy.objectives.binary import HardBinaryLabels, SoftBinaryLabels
from understudy.objectives.embeddings import (
    ContrastiveEmbedding,
    EmbeddingCosine,
    EmbeddingSquaredError,
    Matryoshka,
    SimilarityKl,
    SoftContrastiveEmbedding,
)
from understudy.objectives.rankings import (
    ListMle,
    ListwiseKl,
    MarginMse,
    RankNet,
    ScoreSquaredError,
)


@dataclass(frozen=True)
class Note:
    """What the table says of an objective beyond what its code says."""

    known_as: str
    source_in: Callable[..., Any]
    """The formula, or the class where it takes several, whose docstring names the source."""
    cost: str
    when: str


NOTES: Mapping[type, Note] = {
    SoftLabels: Note(
        "KD",
        forward_kl,
        "least (fused)",
        "the default: any classifier with logits or probabilities",
    ),
    HardLabels: Note(
        "cross-entropy", cross_entropy, "least (fused)", "beside a soft term, where labels are good"
    ),
    SoftCrossEntropy: Note(
        "soft targets",
        targets.soft_cross_entropy,
        "low",
        "to compare with code that reports it; else `soft_labels`, which is 0 at the teacher",
    ),
    TeacherLabels: Note(
        "hard-label distillation",
        TeacherLabels,
        "least",
        "a teacher that only names a class, or as half of DeiT's recipe",
    ),
    LogitSquaredError: Note(
        "logit MSE",
        targets.logit_squared_error,
        "least",
        "text students without pretraining, with many added inputs; teachers near perfection",
    ),
    StandardisedLogits: Note(
        "logit standardisation",
        targets.standardised_kl,
        "low",
        "when the weight cannot be tuned; calibrate the student afterwards",
    ),
    DecoupledLabels: Note(
        "DKD", DecoupledLabels, "medium", "labelled rows, many classes, a confident teacher"
    ),
    RefinedLabels: Note(
        "RLD", RefinedLabels, "medium", "labelled rows on which the teacher is often wrong"
    ),
    PlackettLuce: Note(
        "PLD",
        refined.plackett_luce,
        "high (sorts the classes)",
        "labelled rows, one term alone, no weight to tune",
    ),
    Correlations: Note(
        "DIST",
        correlations.correlation_distance,
        "medium",
        "a teacher much stronger than the student; batches with more rows than classes",
    ),
    ReverseKl: Note(
        "RKL", divergences.reverse_kl, "low", "small generators; on the student's own text"
    ),
    SymmetricKl: Note(
        "Jeffreys", divergences.symmetric_kl, "low", "between the two, without a knob"
    ),
    JensenShannon: Note(
        "generalised JSD, GKD", divergences.jensen_shannon, "medium", "on-policy text: bounded"
    ),
    SkewedKl: Note("SKL", divergences.skewed_kl, "medium", "on the teacher's text (DistiLLM)"),
    SkewedReverseKl: Note(
        "SRKL", divergences.skewed_reverse_kl, "medium", "on the student's text (DistiLLM)"
    ),
    AlphaBeta: Note(
        "ABKD",
        divergences.alpha_beta_divergence,
        "medium",
        "where forward KL smooths too much and reverse KL too little, and both can be tuned",
    ),
    TotalVariation: Note("TVD", divergences.total_variation, "low", "beside a KL, not alone"),
    SparseLabels: Note(
        "top-k with tail", sparse.sparse_kl, "low", "vocabularies; a server that gives its top k"
    ),
    SampledLabels: Note(
        "RS-KD", sparse.sampled_cross_entropy, "low", "vocabularies, in the fewest bytes"
    ),
    Corrected: Note(
        "confidence and correctness weighting",
        corrected.confidence_weight,
        "low, and its term",
        "labels more trustworthy than the teacher; see below",
    ),
    EmbeddingCosine: Note(
        "cosine, EmbedDistill",
        activations.cosine_distance,
        "least",
        "the default for embeddings: the student lands in the teacher's space, keep your index",
    ),
    EmbeddingSquaredError: Note(
        "MSE, summed",
        embeddings.squared_distance,
        "least",
        "embeddings whose length says something",
    ),
    SimilarityKl: Note(
        "CompRess, similarity-matrix KL",
        embeddings.similarity_kl,
        "low (B² features)",
        "beside embedding_cosine, or alone where the student's space may be its own",
    ),
    ContrastiveEmbedding: Note(
        "in-batch InfoNCE",
        relations.contrast_in_batch,
        "low (B² features)",
        "large batches of texts that all differ",
    ),
    SoftContrastiveEmbedding: Note(
        "SEED, contrastive with soft targets",
        embeddings.soft_contrast,
        "low (B² features)",
        "as contrastive_embedding, where rows of a batch are alike",
    ),
    Matryoshka: Note(
        "MRL",
        Matryoshka,
        "its term, a length at a time",
        "embeddings that users may cut short",
    ),
    ScoreSquaredError: Note(
        "logit MSE",
        rankings.score_squared_error,
        "least",
        "single pairs; scores that are compared between queries",
    ),
    MarginMse: Note(
        "MarginMSE",
        rankings.margin_squared_error,
        "least",
        "triples: a positive and a hard negative or a few",
    ),
    ListwiseKl: Note(
        "ListNet, listwise KL",
        rankings.listwise_kl,
        "least",
        "lists of 8 to 32 candidates",
    ),
    RankNet: Note(
        "RankNet",
        rankings.rank_net,
        "low (K² a query)",
        "a teacher whose order is worth more than its scores, such as a language model's",
    ),
    ListMle: Note(
        "ListMLE, Plackett-Luce",
        rankings.list_mle,
        "low (sorts the candidates)",
        "as rank_net, for short lists",
    ),
    SoftBinaryLabels: Note(
        "binary KL, soft BCE",
        binary.sigmoid_kl,
        "low",
        "several labels a row: the default there",
    ),
    HardBinaryLabels: Note(
        "BCE",
        binary.binary_cross_entropy,
        "least",
        "beside soft_binary_labels, where labels are good",
    ),
    HiddenFeatures: Note(
        "feature distillation",
        HiddenFeatures,
        "by the method, see below",
        "beside a soft term, where teacher and student are of one family",
    ),
}

METHOD_NOTES: Mapping[str, tuple[str, str, str]] = {
    "hint": ("FitNets, TinyBERT", "low", "a deep, thin student that labels alone train badly"),
    "attention_transfer": ("AT", "low", "convolutions of one family; none between families"),
    "neuron_selectivity": ("NST", "medium (C² a place)", "as attention_transfer"),
    "cosine": ("DistilBERT", "low", "transformers cut from their teacher"),
    "variational_information": ("VID", "medium", "as hint, where some features are only noise"),
    "similarity_preserving": (
        "SP",
        "low (B² features)",
        "any two networks; batches of 64 and more",
    ),
    "distance_relations": ("RKD-D", "low (B² features)", "embeddings, metric learning"),
    "angle_relations": ("RKD-A", "high (B³, B² features)", "beside distance_relations; B about 64"),
    "probabilistic_transfer": ("PKT", "low (B² features)", "embeddings, retrieval"),
    "correlation_congruence": ("CC", "low (B² features)", "as similarity_preserving"),
    "linear_cka": ("CKA", "low (B² features)", "to measure rather than to learn; large batches"),
    "contrast_in_batch": ("in-batch InfoNCE", "low (B² features)", "embeddings; large batches"),
}
"""The name in papers, the cost and when to use it, of each way to compare hidden features."""
