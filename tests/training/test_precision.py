"""When bfloat16 is chosen; it must never follow from a measured time."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from understudy.training.precision import LARGE, autocast, resolve

CPU, CUDA, OTHER = (torch.device(name) for name in ("cpu", "cuda", "meta"))
SMALL = nn.Linear(4, 4)
with torch.device("meta"):
    HUGE = nn.Linear(LARGE // 1000, 1000)


@pytest.mark.parametrize(
    ("precision", "network", "device", "fast", "wanted"),
    [
        ("fp32", HUGE, CUDA, True, "fp32"),
        ("bf16", SMALL, CPU, False, "bf16"),
        ("auto", SMALL, CPU, True, "fp32"),
        ("auto", HUGE, CPU, True, "bf16"),
        ("auto", HUGE, CPU, False, "fp32"),
        ("auto", SMALL, CUDA, True, "bf16"),
        ("auto", HUGE, CUDA, False, "fp32"),
        ("auto", HUGE, OTHER, True, "fp32"),
    ],
)
def test_what_auto_means(
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    network: nn.Module,
    device: torch.device,
    fast: bool,
    wanted: str,
):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: fast)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: fast)
    assert resolve(precision, network, device) == wanted


@pytest.mark.parametrize(
    ("precision", "wanted"), [("fp32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_the_context_casts_the_forward_pass(precision: str, wanted: torch.dtype):
    with autocast(precision, SMALL, CPU)():
        assert SMALL(torch.ones(2, 4)).dtype == wanted
    assert SMALL(torch.ones(2, 4)).dtype == torch.float32
