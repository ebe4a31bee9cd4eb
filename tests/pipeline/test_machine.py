import platform
from pathlib import Path

import pytest

from understudy.pipeline.machine import environment, processor


def test_the_environment_is_told_in_words():
    import torch

    found = environment(3)
    assert found["threads while timing"] == "3"
    assert found["torch"] == torch.__version__
    assert found["python"] == platform.python_version()
    assert all(isinstance(value, str) and value for value in found.values())


def test_the_processor_is_named_as_the_system_does(monkeypatch: pytest.MonkeyPatch):
    text = "processor\t: 0\nvendor_id\t: X\nmodel name\t: Fast: 3000 @ 2 GHz\n\nprocessor\t: 1\n"
    monkeypatch.setattr(Path, "is_file", lambda path: True)
    monkeypatch.setattr(Path, "read_text", lambda path: text)
    assert processor() == "Fast: 3000 @ 2 GHz"


def test_a_system_that_tells_nothing_still_has_a_processor(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Path, "is_file", lambda path: False)
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert processor() == platform.machine()
