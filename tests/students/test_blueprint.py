from pathlib import Path

import pytest
import torch

from understudy.errors import RequestError
from understudy.students import PRESETS, build, is_preset, read_blueprint

SHAPE = (28, 28, 1)


@pytest.mark.parametrize("name", [*PRESETS["image"], "small", "medium", "large", "mlp-7-5"])
def test_every_preset_answers_every_class_and_learns(name: str):
    network = build(read_blueprint(name, SHAPE, 10))
    logits = network(torch.randn(3, 1, 28, 28))
    assert logits.shape == (3, 10)
    logits.sum().backward()
    assert all(weight.grad is not None for weight in network.parameters())


@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 13, 3), (32, 32, 3), (64, 48, 3)])
def test_convolutional_presets_take_any_size_from_8(shape: tuple[int, int, int]):
    network = build(read_blueprint("cnn-small", shape, 4)).eval()
    height, width, channels = shape
    assert network(torch.randn(2, channels, height, width)).shape == (2, 4)


def test_the_same_seed_gives_the_same_network():
    def weights() -> torch.Tensor:
        torch.manual_seed(3)
        return torch.cat(
            [w.flatten() for w in build(read_blueprint("cnn-small", SHAPE, 10)).parameters()]
        )

    assert torch.equal(weights(), weights())


def test_dropout_is_part_of_a_preset():
    network = build(read_blueprint("mlp-64", SHAPE, 10, dropout=0.5)).train()
    pixels = torch.randn(2, 1, 28, 28)
    assert not torch.equal(network(pixels), network(pixels))
    network.eval()
    assert torch.equal(network(pixels), network(pixels))


def test_images_too_small_for_a_convolutional_network_get_a_sentence():
    with pytest.raises(RequestError, match=r"at least 8 x 8 pixels, these are 4 x 4; take an mlp"):
        build(read_blueprint("cnn-small", (4, 4, 1), 2))


def test_a_misspelt_preset_gets_the_nearest():
    with pytest.raises(RequestError, match=r"did you mean 'cnn-small'\?"):
        read_blueprint("cnn-smal", SHAPE, 10)
    assert not is_preset("mlp-")
    assert not is_preset("mlp-0")


def test_a_folder_without_a_model_is_refused(tmp_path: Path):
    with pytest.raises(RequestError, match=r"expected a Transformers folder with config\.json"):
        read_blueprint(str(tmp_path), SHAPE, 10)


def test_the_user_s_code_runs_only_when_allowed(tmp_path: Path, monkeypatch):
    (tmp_path / "own_networks.py").write_text(
        "import torch\n"
        "def tiny():\n"
        "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))\n"
        "def wrong():\n"
        "    return 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    blueprint = read_blueprint("own_networks:tiny", SHAPE, 10)
    with pytest.raises(RequestError, match="add --allow-code"):
        build(blueprint)
    assert build(blueprint, allow_code=True)(torch.zeros(1, 1, 28, 28)).shape == (1, 10)
    with pytest.raises(RequestError, match=r"gave a int; it must return a torch\.nn\.Module"):
        build(read_blueprint("own_networks:wrong", SHAPE, 10), allow_code=True)
    with pytest.raises(RequestError, match="cannot be called"):
        build(read_blueprint("own_networks:absent", SHAPE, 10), allow_code=True)
