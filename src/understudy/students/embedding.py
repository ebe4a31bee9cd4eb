"""Token embeddings that begin as a teacher's: its table made narrow, and weights for its tokens."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def principal(table: Tensor, width: int) -> Tensor:
    """The rows of a table along its main directions, scaled to a mean square of one in all.

    Shapes: [V, D] -> [V, min(width, D)]; the signs are such that the largest entry of a direction
    is positive, so that every machine gives the same.
    Source: Raunak, Gupta, Metze 2019, arXiv:1708.03629, section 3, for PCA of token embeddings,
    without their removal of the first directions.
    """
    rows = table.detach().double()
    centred = rows - rows.mean(0)
    _, directions = torch.linalg.eigh(centred.T @ centred)
    chosen = directions.flip(1)[:, :width]
    largest = chosen.gather(0, chosen.abs().argmax(0, keepdim=True))
    found: Tensor = centred @ (chosen * largest.sign())
    scale = found.square().mean().sqrt().clamp(min=1e-12)
    return (found / scale).float()


def rareness(counts: Any, smooth: float = 1e-3) -> Tensor:
    """How much each token tells: `smooth / (smooth + p)`, with p its share of all tokens.

    Shapes: counts [V] -> [V], 1 for a token never seen and near 0 for one in every text.
    Source: Arora, Liang, Ma 2017, "A simple but tough-to-beat baseline for sentence embeddings",
    equation 3.
    """
    shares = torch.as_tensor(counts, dtype=torch.float64)
    shares = shares / shares.sum().clamp(min=1.0)
    return (smooth / (smooth + shares)).float()


def fill(embedding: nn.Embedding, table: Tensor) -> None:
    """Begin an embedding as a teacher's table [V, D], as far as that is wide enough."""
    found = principal(table, embedding.embedding_dim)
    with torch.no_grad():
        embedding.weight[:, : found.shape[1]] = found.to(embedding.weight)


def weighted_mean(ids: Tensor, mask: Tensor, table: nn.Embedding, weights: Tensor) -> Tensor:
    """The sum of the weighted embeddings of the real tokens, over their number; 0 where none is.

    Shapes: ids [B, T], mask [B, T], table of [V, D], weights [V, 1] -> [B, D].
    """
    chosen = nn.functional.embedding(ids, weights).squeeze(-1) * mask
    total = torch.einsum("bt,btd->bd", chosen, table(ids))
    return total / mask.sum(1, keepdim=True).clamp(min=1)
