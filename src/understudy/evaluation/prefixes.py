"""What vectors are worth when they are cut to their first few dimensions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from understudy.evaluation.bootstrap import intervals
from understudy.evaluation.embeddings import EmbeddingEvidence, measure, resampled_figures

BYTES = 4
"""Of one number of a vector, as fp32."""
CUT = "teacher, cut"
"""What the teacher's vectors are called, in the students' space and cut as theirs are."""


def at_prefixes(
    evidence: EmbeddingEvidence, lengths: Sequence[int], models: Iterable[str]
) -> list[dict[str, Any]]:
    """Each model's figures at each length, the whole vectors last; none where no length is asked.

    An entry has model, dimensions, bytes_per_vector (fp32), quality {metric: {value, low, high}},
    agreement (the share of the teacher's ten nearest, by its full vectors, that are among the
    model's ten nearest) and drop_in_overlap (the same among the teacher's vectors cut as long).
    """
    whole = evidence.target
    if not lengths or whole is None:
        return []
    found: list[dict[str, Any]] = []
    for length in sorted({*lengths, whole.shape[1]}):
        teacher = {"teacher": evidence.vectors["teacher"], CUT: whole[:, :length]}
        cut = replace(
            evidence,
            vectors={**teacher, **{name: evidence.vectors[name][:, :length] for name in models}},
            projected=whole[:, :length],
            rankings={},
            scores={},
        )
        measured = measure(cut)
        figures = resampled_figures(cut, measured)
        for name, model in measured.items():
            if name == "teacher" or model.overlap is None or model.drop_in is None:
                continue
            found.append(
                {
                    "model": name,
                    "dimensions": length,
                    "bytes_per_vector": BYTES * length,
                    "quality": intervals(figures[name]),
                    "agreement": float(model.overlap.mean()),
                    "drop_in_overlap": float(model.drop_in.mean()),
                }
            )
    return found
