"""How well documents answer a query: what turns a network into one that scores lists of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from understudy.students.score_arrays import SCALE


class PairScores(nn.Module):
    """A network that reads a query and a document together, and gives one number.

    Shapes: ids [B, K, T], mask [B, K, T], a row for each pair -> scores [B, K].
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.of(self.body, ids, mask)

    def of(self, body: Callable[..., Tensor], ids: Tensor, mask: Tensor) -> Tensor:
        """The same, by whatever answers as the body does."""
        return body(ids.flatten(0, 1), mask.flatten(0, 1)).reshape(ids.shape[:2])


class CosineScores(nn.Module):
    """An encoder, by the cosine of a query's vector with each document's, times 20.

    Shapes: ids [B, 1 + K, T], mask [B, 1 + K, T], the query first -> scores [B, K].
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.of(self.body, ids, mask)

    def of(self, body: Callable[..., Tensor], ids: Tensor, mask: Tensor) -> Tensor:
        """The same, by whatever answers as the body does."""
        vectors = body(ids.flatten(0, 1), mask.flatten(0, 1))
        unit = nn.functional.normalize(vectors, dim=-1).reshape(*ids.shape[:2], -1)
        scores: Tensor = SCALE * (unit[:, :1] * unit[:, 1:]).sum(-1)
        return scores


def body_of(network: nn.Module) -> nn.Module:
    """What reads one text or pair at a time, without what makes lists of it."""
    return network.body if isinstance(network, PairScores | CosineScores) else network


def kind_of_folder(source: str) -> str | None:
    """Whether a model folder holds a classifier ("pair") or an encoder ("cosine").

    None where neither can be told: a bare Transformers model can become either.
    """
    folder = Path(source).expanduser()
    try:
        named = json.loads((folder / "config.json").read_text()).get("architectures") or []
    except (OSError, ValueError, AttributeError):
        named = []
    if any(name.endswith("ForSequenceClassification") for name in named):
        return "pair"
    return "cosine" if (folder / "modules.json").is_file() else None
