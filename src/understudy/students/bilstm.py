"""A recurrent reader of texts, once from each end."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from understudy.students.embedding import fill


class BiLstm(nn.Module):
    """One LSTM from the first token on, one from the last back; their last states, then ReLUs.

    Two of one direction each stand for one of two: padding behind the text then cannot reach a
    state that is read, nothing has to be packed, and the network exports to ONNX.
    Shapes: ids [B, T], mask [B, T] -> [B, outputs], the ones of the mask first in every row.
    Source: Tang et al. 2019, arXiv:1903.12136, section 3.1: 150 hidden, 200 ReLUs, embeddings of
    300 features.
    """

    def __init__(
        self,
        vocabulary: int,
        outputs: int,
        width: int = 300,
        hidden: int = 150,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.onwards = nn.LSTM(width, hidden, batch_first=True)
        self.backwards = nn.LSTM(width, hidden, batch_first=True)
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(2 * hidden, 200),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(200, outputs),
        )

    def start_from(self, table: Tensor, frequencies: Any = None) -> None:
        """Begin with a teacher's token embeddings [V, D]; how frequent they are does not matter."""
        fill(self.embedding, table)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        last = (mask.sum(1, keepdim=True) - 1).clamp(min=0)
        places = torch.arange(ids.shape[1], device=ids.device)
        reversed_ids = ids.gather(1, (last - places).clamp(min=0))
        states = [
            _state_at(last, lstm(self.embedding(row) * mask.unsqueeze(2))[0])
            for lstm, row in ((self.onwards, ids), (self.backwards, reversed_ids))
        ]
        logits: Tensor = self.head(torch.cat(states, 1))
        return logits


def _state_at(places: Tensor, states: Tensor) -> Tensor:
    """Shapes: places [B, 1], states [B, T, H] -> [B, H]."""
    return states.gather(1, places.unsqueeze(2).expand(-1, 1, states.shape[2])).squeeze(1)
