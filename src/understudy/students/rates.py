"""Heads that begin by answering each class as often as it occurs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from understudy.students.sentence_classifier import SCALE, SentenceClassifier

RAREST = 1e-4
"""The least rate that a head begins with."""


def rates_of(marks: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """How often each class occurs among rows with labels. Shapes: [N, C] of 0, 1 and -1 -> [C]."""
    known = marks[(marks >= 0).all(axis=1)]
    return np.asarray(np.clip(known.mean(axis=0), RAREST, 1 - RAREST), dtype=np.float64)


def start_at_rates(body: nn.Module, rates: NDArray[np.float64]) -> None:
    """Give a fresh classifier the log-odds of the rates as the bias of its head.

    Without it, sigmoids begin at a half, and the first epochs go into learning that most classes
    are rare. The head is the last linear layer with as many outputs as rates; where there is none,
    nothing changes.
    Shapes: rates [C] between 0 and 1.
    Source: Lin et al. 2017, arXiv:1708.02002, section 4.1 (the prior of a rare class).
    """
    heads = [
        part
        for part in body.modules()
        if isinstance(part, nn.Linear) and part.out_features == len(rates) and part.bias is not None
    ]
    if not heads:
        return
    scale = SCALE if isinstance(body, SentenceClassifier) else 1.0
    odds = np.log(rates) - np.log1p(-rates)
    with torch.no_grad():
        heads[-1].bias.copy_(torch.from_numpy(odds / scale))
