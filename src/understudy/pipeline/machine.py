"""What the figures of a run were measured on."""

from __future__ import annotations

import platform
from pathlib import Path


def environment(threads: int) -> dict[str, str]:
    """What the figures were measured on."""
    import onnxruntime
    import torch

    from understudy import __version__

    return {
        "understudy": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
        "processor": processor(),
        "threads while timing": str(threads),
        "threads while training": str(torch.get_num_threads()),
    }


def processor() -> str:
    """The name of this machine's processor, as the system gives it."""
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text().splitlines():
            if line.lower().startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
