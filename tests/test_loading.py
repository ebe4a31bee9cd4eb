"""What a run made is loaded and answers a user's own images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from understudy.errors import RequestError
from understudy.export.onnx import write
from understudy.loading import Answer, load
from understudy.students import Blueprint, build
from understudy.students.projection import Projection
from understudy.students.sentence import StaticEncoder
from understudy.students.tokens import trained_tokens
from understudy.tasks import Prepared
from understudy.tasks.folders import ModelFacts, save_network
from understudy.tasks.reading import Tokenised

CLASSES = tuple(f"digit {number}" for number in range(10))


@pytest.fixture(scope="module")
def run(
    prepared: Prepared,
    small_network: Callable[..., nn.Module],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder as a run leaves it: its student (seed 1), control (2), and an artefact (3)."""
    folder, form = tmp_path_factory.mktemp("run"), prepared.facts.form
    blueprint = Blueprint("preset", "mlp-16", tuple(form["shape"]), 10)
    facts = ModelFacts("image-classification", blueprint, form, CLASSES)
    for name, seed in (("student", 1), ("control", 2)):
        save_network(folder / name, small_network(seed).body, facts)
    rows = prepared.inputs(np.arange(16), ("image",))
    write(small_network(3), facts, rows, folder / "export" / "onnx")
    return folder


@pytest.fixture
def pixels(prepared: Prepared) -> np.ndarray:
    return prepared.inputs(np.arange(40, 60), ("image",))["image"]


def probabilities(network: nn.Module, pixels: np.ndarray) -> torch.Tensor:
    with torch.no_grad():
        return network.eval()(torch.from_numpy(pixels)).softmax(dim=1)


@pytest.mark.parametrize(
    ("place", "seed"), [("", 3), ("export/onnx", 3), ("student", 1), ("control", 2)]
)
def test_each_folder_of_a_run_answers_as_its_network(
    run: Path,
    pixels: np.ndarray,
    small_network: Callable[..., nn.Module],
    place: str,
    seed: int,
):
    model = load(run / place)
    assert (model.task, model.classes) == ("image-classification", CLASSES)
    wanted = probabilities(small_network(seed), pixels)
    found = model.predict(pixels)
    assert [answer.label for answer in found] == [CLASSES[i] for i in wanted.argmax(dim=1)]
    assert [answer.confidence for answer in found] == pytest.approx(
        wanted.amax(dim=1).tolist(), rel=1e-4
    )
    answers = model.answers(pixels)
    np.testing.assert_allclose(np.exp(answers.log_probabilities), wanted, rtol=1e-3, atol=1e-5)


def test_a_run_without_an_artefact_gives_its_student(run: Path, tmp_path: Path, pixels: np.ndarray):
    (tmp_path / "student").symlink_to(run / "student")
    assert load(tmp_path).predict(pixels) == load(run / "student").predict(pixels)
    assert load(str(run / "student")).predict(pixels) == load(run / "student").predict(pixels)


def test_files_pictures_and_arrays_are_one(run: Path, tmp_path: Path, pixels: np.ndarray):
    model = load(run)
    wanted = model.predict(pixels)
    pictures = [Image.fromarray(image[..., 0]) for image in pixels]
    files = [tmp_path / f"{row}.png" for row in range(len(pixels))]
    for file, picture in zip(files, pictures, strict=True):
        picture.save(file)
    assert model.predict(pictures) == wanted
    assert model.predict(files) == wanted
    assert model.predict([str(file) for file in files]) == wanted
    assert model.predict(pixels[..., 0].astype(np.float64)) == wanted
    assert model.predict(torch.from_numpy(pixels)) == wanted
    for one in (files[0], str(files[0]), pictures[0], pixels[:1]):
        (answer,) = model.predict(one)
        assert answer.label == wanted[0].label
        assert isinstance(answer, Answer)


def test_images_are_resized_and_made_grey(run: Path):
    colour = Image.new("RGB", (31, 20), "orange")
    (answer,) = load(run / "student").predict(colour)
    assert 0 < answer.confidence <= 1


def test_inputs_that_cannot_be_read_are_told(run: Path, tmp_path: Path):
    path = tmp_path / "broken.png"
    path.write_bytes(b"no image")
    with pytest.raises(RequestError, match="1 of 1 images cannot be read"):
        load(run).predict(path)
    with pytest.raises(RequestError, match="hold NaN or infinite values, row 1 first"):
        load(run).predict(np.array([0, np.nan]).reshape(2, 1, 1) * np.ones((2, 8, 8)))


class Own(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(64, 10))


def test_a_module_of_ones_own_is_filled_with_the_weights(
    prepared: Prepared, tmp_path: Path, run: Path, pixels: np.ndarray
):
    body, form = Own(), prepared.facts.form
    blueprint = Blueprint("module", "mine.Own", tuple(form["shape"]), 10)
    facts = ModelFacts("image-classification", blueprint, form, CLASSES)
    save_network(tmp_path / "student", body, facts)
    # Beside an artefact: a module that is given means the student.
    (tmp_path / "export").symlink_to(run / "export")
    module = Own()
    model = load(tmp_path, module=module)
    assert torch.equal(module[1].weight, body[1].weight)
    assert len(model.predict(pixels)) == 20
    with pytest.raises(RequestError, match=r"is your own mine\.Own; pass one as load"):
        load(tmp_path / "student")


def test_a_folder_of_something_else_is_told(tmp_path: Path):
    for given in (tmp_path, tmp_path / "none"):
        with pytest.raises(RequestError) as caught:
            load(given)
        assert str(caught.value) == (
            f"'{given}' holds no model of ours; name a run, its student or an export"
        )


@pytest.mark.parametrize("content", [None, "{", "[]", '{"task": "image-classification"}'])
def test_an_artefact_without_its_labels_is_told(run: Path, tmp_path: Path, content: str | None):
    (tmp_path / "model.onnx").symlink_to(run / "export" / "onnx" / "model.onnx")
    if content is not None:
        (tmp_path / "labels.json").write_text(content)
    with pytest.raises(RequestError) as caught:
        load(tmp_path)
    assert str(caught.value).startswith(
        f"{tmp_path / 'labels.json'}, which names the classes of the model beside it, cannot be "
        "read: "
    )


# Texts.

WORDS = ["play the song", "will it rain", "a train to paris please", "play " * 30]


@pytest.fixture(scope="module")
def text_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student and an artefact of the same classifier of texts."""
    folder, tokens = tmp_path_factory.mktemp("text run"), trained_tokens(WORDS, 120, 16)
    reading = Tokenised(tokens)
    blueprint = Blueprint("preset", "cnn", (tokens.size, 16), 3, reads="text")
    facts = ModelFacts("text-classification", blueprint, {"tokens": 16}, ("a", "b", "c"))
    torch.manual_seed(0)
    network = build(blueprint).eval()
    save_network(folder / "student", network, facts, reading)
    reading.save(folder / "export" / "onnx")
    write(network, facts, reading.arrays({"text": WORDS}), folder / "export" / "onnx")
    return folder


def test_texts_alone_in_a_batch_and_as_pairs(text_run: Path):
    artefact, student = load(text_run), load(text_run / "student")
    assert artefact.task == student.task == "text-classification"
    given = [*WORDS, ("play", "the song")]
    ours, theirs = artefact.answers(given), student.answers(given)
    np.testing.assert_allclose(
        ours.log_probabilities, theirs.log_probabilities, rtol=1e-4, atol=1e-5
    )
    for model in (artefact, student):
        (alone,) = model.predict(WORDS[0])
        assert alone.label in "abc"
        assert alone.confidence == pytest.approx(model.predict(given)[0].confidence, abs=1e-5)
        (pair,) = model.answers([("play", "the song")]).log_probabilities
        (joined,) = model.answers(["play the song"]).log_probabilities
        assert np.abs(pair - joined).max() > 1e-4
        assert np.array(WORDS, dtype=object).shape == (4,)
        assert model.predict(np.array(WORDS, dtype=object)) == model.predict(WORDS)
        with pytest.raises(RequestError, match="this model tells classes apart; call predict"):
            model.embed("a")
        with pytest.raises(RequestError, match="blank"):
            model.predict(" ")
        with pytest.raises(RequestError, match="no text"):
            model.predict([3])


def test_vectors_of_texts(tmp_path: Path):
    tokens = trained_tokens(WORDS, 120, 16).bare()
    blueprint = Blueprint("preset", "static", (tokens.size, 16), 6, reads="text")
    facts = ModelFacts("text-embedding", blueprint, {"tokens": 16}, ())
    torch.manual_seed(0)
    encoder = StaticEncoder(tokens.size, 6).eval()
    save_network(tmp_path, encoder, facts, Tokenised(tokens))
    model = load(tmp_path)
    vectors = model.embed(WORDS)
    assert (vectors.shape, vectors.dtype) == ((4, 6), np.float32)
    np.testing.assert_allclose(model.embed(WORDS[1])[0], vectors[1], atol=1e-6)
    with torch.no_grad():
        wanted = encoder(*map(torch.from_numpy, tokens.padded(WORDS).values()))
    np.testing.assert_allclose(vectors, wanted, atol=1e-6)
    for ask in (model.predict, model.answers):
        with pytest.raises(RequestError, match="gives vectors and no classes; call embed instead"):
            ask("a")


def test_a_teachers_vectors_are_brought_into_the_models_space(tmp_path: Path, text_run: Path):
    tokens = trained_tokens(WORDS, 120, 16).bare()
    blueprint = Blueprint("preset", "static", (tokens.size, 16), 2, reads="text")
    facts = ModelFacts("text-embedding", blueprint, {"tokens": 16}, ())
    save_network(tmp_path, StaticEncoder(tokens.size, 2), facts, Tokenised(tokens))
    given = np.array([[3.0, 4.0, 9.0]])
    model = load(tmp_path)
    assert model.project(given).tolist() == given.tolist()  # in its teacher's own space
    Projection.leading(3, 2).save(tmp_path / "projection.safetensors")
    np.testing.assert_allclose(model.project(given), [[0.6, 0.8]], atol=1e-6)
    with pytest.raises(RequestError, match="the teacher's have the shape"):
        model.project(given[:, :2])
    (tmp_path / "projection.safetensors").write_bytes(b"not this")
    with pytest.raises(RequestError, match="cannot be read"):
        model.project(given)
    with pytest.raises(RequestError, match="tells classes apart"):
        load(text_run).project(given)


def test_threads_of_an_artefact_are_pinned_and_do_not_spin(text_run: Path):
    from understudy.export import onnx

    options = onnx.load(text_run / "export" / "onnx", threads=1).session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
