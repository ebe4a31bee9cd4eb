"""A convolutional reader of texts: which short phrases are there, wherever they stand."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from understudy.students.embedding import fill

SPANS = (3, 4, 5)
"""Tokens that the filters see at once."""


class TextCnn(nn.Module):
    """Filters over three, four and five tokens, each at its strongest place in the text.

    A filter is centred on a token of the text, and sees zeros before its first and after its last.
    Shapes: ids [B, T], mask [B, T] -> [B, outputs], T at least 1.
    Source: Kim 2014, arXiv:1408.5882, section 2, with narrower embeddings by default.
    """

    def __init__(
        self,
        vocabulary: int,
        outputs: int,
        width: int = 128,
        filters: int = 100,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.filters = nn.ModuleList(nn.Conv1d(width, filters, span) for span in SPANS)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(filters * len(SPANS), outputs)

    def start_from(self, table: Tensor, frequencies: Any = None) -> None:
        """Begin with a teacher's token embeddings [V, D]; how frequent they are does not matter."""
        fill(self.embedding, table)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        real = mask.unsqueeze(1)
        vectors = self.embedding(ids).transpose(1, 2) * real
        strongest = []
        for span, convolution in zip(SPANS, self.filters, strict=True):
            padded = nn.functional.pad(vectors, ((span - 1) // 2, span // 2))
            # Behind the ReLU nothing is below zero, so that a zero never is the strongest place.
            strongest.append((convolution(padded).relu() * real).amax(2))
        logits: Tensor = self.head(self.dropout(torch.cat(strongest, 1)))
        return logits
