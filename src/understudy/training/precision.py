"""When to compute in bfloat16."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn

LARGE = 10_000_000
"""Parameters from which a processor with bfloat16 matrix units gains more than casting costs."""


def resolve(precision: str, network: nn.Module, device: Any) -> str:
    """'fp32' or 'bf16': what `auto` means for this network on this device.

    It depends on the hardware and the network alone, never on a measured time: a run that is
    continued must compute as it began.
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    parameters = sum(weight.numel() for weight in network.parameters())
    fast = device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return "bf16" if fast and parameters >= LARGE else "fp32"


def autocast(precision: str, network: nn.Module, device: Any) -> Callable[[], Any]:
    """A context for the forward pass of training; scoring is always done in fp32."""
    if resolve(precision, network, device) == "fp32":
        return nullcontext
    return partial(torch.autocast, device_type=device.type, dtype=torch.bfloat16)
