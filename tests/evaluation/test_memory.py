"""Peak memory, of models whose needs are known."""

import logging
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.datasets import load_digits

from understudy.evaluation import rivals
from understudy.evaluation.memory import Stored, peak_memory

LOADER = """
import os
import numpy as np

class Holding:
    name = "holding"
    def __init__(self, kept, passing):
        self.kept, self.passing = np.ones(kept, np.uint8), passing
    def predict(self, inputs):
        assert len(inputs["image"]) == 16, inputs["image"].shape
        np.ones(self.passing, np.uint8)
        return np.zeros((16, 2), np.float32)

def load(folder):
    if folder.name == "killed":
        os._exit(9)
    kept, passing = folder.name.split("-")
    return Holding(int(kept), int(passing))

class Network:
    name = "network"
    def predict(self, inputs):
        import torch
        planes = torch.from_numpy(inputs["image"]).permute(0, 3, 1, 2).float()
        layers = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(),
                                     torch.nn.Linear(288, 2))
        with torch.inference_mode():
            return layers(planes).numpy()

def load_network(folder):
    return Network()
"""


@pytest.fixture
def rows(tmp_path, monkeypatch):
    (tmp_path / "needs_memory.py").write_text(LOADER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    save_file({"image": np.zeros((40, 8, 8, 1), np.uint8)}, tmp_path / "rows.safetensors")
    return tmp_path / "rows.safetensors"


linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


@linux
def test_what_is_kept_and_what_passes_both_count(rows, tmp_path, caplog):
    names = ("0-0", "20000000-0", "20000000-30000000", "oddly", "killed")
    models = {name: Stored(tmp_path / name, "holding") for name in names}
    with caplog.at_level(logging.WARNING, "understudy"):
        found = peak_memory(models, rows, 16, {"holding": "needs_memory:load"}, runtimes=("numpy",))
    assert list(found) == list(names)
    base = found["0-0"]
    assert 0 <= base < 5
    assert found["20000000-0"] - base == pytest.approx(20, abs=1.5)
    assert found["20000000-30000000"] - base == pytest.approx(50, abs=1.5)
    assert found["oddly"] is None
    assert found["killed"] is None
    said = " ".join(caplog.messages)
    assert "peak memory of oddly was not measured: ValueError" in said
    assert "peak memory of killed was not measured: its process ended" in said


@linux
def test_rivals_are_measured_from_their_folders(rows, tmp_path):
    digits = load_digits()
    inputs = {"image": digits.images.astype(np.uint8)[..., None]}
    trained = rivals.train_rivals("auto", inputs, digits.target, classes=10)
    for name, rival in trained.items():
        rivals.save(rival, tmp_path / name)
    loaders = {"rival": "understudy.evaluation.rivals:load"}
    models = {name: Stored(tmp_path / name, "rival") for name in trained}
    found = peak_memory(models, rows, 16, loaders, runtimes=("numpy", "safetensors.numpy"))
    assert all(0 < value < 30 for value in found.values())


@linux
def test_code_of_the_runtime_is_not_counted(rows, tmp_path):
    """The tiny network keeps 3 kB; what a fork touches of torch's own code is several MB."""
    loaders = {"network": "needs_memory:load_network"}
    found = peak_memory({"tiny": Stored(tmp_path, "network")}, rows, 16, loaders)
    assert 0 <= found["tiny"] < 6


@linux
def test_a_helper_that_fails_measures_nothing_and_says_so(rows, tmp_path, caplog):
    models = {"model": Stored(tmp_path, "missing")}
    with caplog.at_level(logging.WARNING, "understudy"):
        found = peak_memory(models, rows, 16, {"missing": "no_such_module:load"}, runtimes=())
    assert found == {"model": None}
    assert "No module named 'no_such_module'" in caplog.text


def test_elsewhere_than_on_linux_nothing_is_measured(rows, tmp_path, monkeypatch):
    monkeypatch.setattr("understudy.evaluation.memory.sys.platform", "darwin")
    assert peak_memory({"model": Stored(tmp_path, "any")}, rows, 16, {}) == {"model": None}
