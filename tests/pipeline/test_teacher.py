import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from understudy.errors import RequestError
from understudy.pipeline.distilling import Production
from understudy.pipeline.teacher import LEARNT, Found, frozen
from understudy.recipe.schema import Ensembled, Given, Trained
from understudy.training.settings import Training

QUICK = Training(epochs=1, batch_size=64)


class Own(nn.Module):
    def __init__(self, classes: int = 10, bias: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, classes))
        nn.init.constant_(self.layers[1].bias, bias)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.layers(pixels)


class Oracle:
    """Whatever has a fingerprint and answers is a teacher."""

    fingerprint = "oracle"
    classes = None

    def answer(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"logits": torch.zeros(len(inputs["image"]), 10)}


def make() -> nn.Module:
    return Own()


@pytest.fixture
def find(production: Production) -> Callable[..., Found]:
    return production.search.find


def test_a_module_is_a_teacher_and_stays_as_it_is(find: Callable, production: Production):
    own = Own().train()
    found = find(own)
    assert (found.parameters, found.bytes, found.folder) == (650, 2600, None)
    assert own.training
    assert all(weight.requires_grad for weight in own.parameters())
    assert found.teacher.fingerprint == find(own).teacher.fingerprint
    assert found.teacher.fingerprint != find(Own(bias=1.0)).teacher.fingerprint


def test_stated_preprocessing_is_part_of_the_teacher(find: Callable):
    own = Own()
    plain, other = find(own), find(Given(own, mean=(0.0,), std=(16.0,)))
    assert plain.teacher.fingerprint != other.teacher.fingerprint
    images = torch.full((1, 8, 8, 1), 8, dtype=torch.uint8)
    wanted = own(torch.full((1, 1, 8, 8), 0.5))
    torch.testing.assert_close(other.teacher.answer({"image": images})["logits"], wanted)


def test_an_object_that_answers_is_a_teacher(find: Callable):
    assert find(Oracle()).parameters is None


def test_an_ensemble_counts_its_members(find: Callable):
    found = find(Ensembled((Own(), Own(bias=1.0)), weights=(3.0, 1.0)))
    assert (found.parameters, found.bytes) == (1300, 5200)
    assert find(Ensembled((Own(), Oracle()))).parameters is None


def test_a_trained_teacher_is_kept_for_every_run(producing: Callable, own_cache: Path, heard):
    spec = Trained("mlp-16", training=QUICK)
    first = producing("a", teacher=spec)
    assert first.search.untrained(spec)
    found = first.teacher
    assert not first.search.untrained(spec)
    assert len(found.curve) == 1
    second = producing("b", teacher=spec).teacher
    assert second.teacher.fingerprint == found.teacher.fingerprint
    assert len(heard.of("epoch")) == 1
    producing("c", teacher=Trained("mlp-16", training=Training(1, 64, seed=1))).teacher  # noqa: B018
    assert len(heard.of("epoch")) == 2


def test_a_teacher_that_is_gone_from_the_cache_is_trained_again(
    producing: Callable, own_cache: Path, heard
):
    spec = Trained("mlp-16", training=QUICK)
    first = producing(teacher=spec).teacher
    shutil.rmtree(own_cache / "teachers")
    again = producing(teacher=spec).teacher
    assert again.teacher.fingerprint == first.teacher.fingerprint
    assert len(heard.of("epoch")) == 2


def test_a_teacher_that_was_cut_off_is_not_taken_for_whole(producing: Callable, own_cache: Path):
    spec = Trained("mlp-16", training=QUICK)
    made = producing("a", teacher=spec)
    made.teacher  # noqa: B018
    (home,) = (own_cache / "teachers").iterdir()
    (home / LEARNT).unlink()
    assert producing("b", teacher=spec).search.untrained(spec)


def test_a_module_can_be_trained_as_teacher(producing: Callable, own_cache: Path):
    own = Own()
    before = own.layers[1].weight.clone()
    found = producing(teacher=Trained(own, training=QUICK)).teacher
    assert torch.equal(own.layers[1].weight, before)
    learnt = found.teacher.network.body.layers[1].weight
    assert not torch.equal(learnt, before)


def test_a_student_of_ours_is_a_teacher(find: Callable, production: Production):
    for folder in (production.folder("control"), production.workspace.out):
        found = find(str(folder))
        assert found.teacher.classes == production.prepared.facts.classes
        assert found.folder is not None
    assert found.folder == production.folder("student")


def test_a_function_needs_leave_to_run(producing: Callable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    name = f"{Path(__file__).stem}:make"
    made = producing(teacher=name)
    with pytest.raises(RequestError, match="--allow-code"):
        made.teacher  # noqa: B018
    allowed = Production(made.recipe, made.workspace, allow_code=True)
    assert allowed.teacher.parameters == 650


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (Own(classes=7), r"the teacher answers 7 classes, but the data have 10: 0, 1, 2"),
        (
            Given(Own(), classes=tuple("1023456789")),
            r"the teacher's classes stand in another order than the data's: \[1, 0, 2, ",
        ),
        (Own(bias=float("nan")), r"the teacher's logits are NaN or infinite for 2 of 2 rows"),
        (Own(bias=float("inf")), r"NaN or infinite"),
        (nn.LSTM(8, 10), r"the teacher cannot read these inputs \(8 x 8 x 1\)"),
        (nn.Linear(3, 10), r"the teacher cannot read these inputs \(8 x 8 x 1\)"),
        (Ensembled((Own(), Own(classes=7))), r"answers 7 classes"),
        ("gone/for/good", r"'gone/for/good' does not exist"),
        (7, r"a int is no teacher; give a torch\.nn\.Module"),
        (nn.Linear, r"is no teacher"),
    ],
)
def test_what_does_not_fit_is_refused(find: Callable, spec: object, sentence: str):
    with pytest.raises(RequestError, match=sentence):
        find(spec)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("teacher.pt", "is a pickle, which can run code"),
        ("teacher.BIN", "is a pickle, which can run code"),
        ("teacher.onnx", "cannot be read by onnxruntime|cannot be loaded"),
        ("teacher.safetensors", "is a file; give the folder"),
    ],
)
def test_single_files_are_refused_unread(find: Callable, tmp_path: Path, name: str, sentence: str):
    (tmp_path / name).write_bytes(b"\x80\x04.")
    with pytest.raises(RequestError, match=sentence):
        find(str(tmp_path / name))


def test_weights_that_cannot_be_read_are_refused(
    find: Callable, production: Production, tmp_path: Path
):
    folder = tmp_path / "model"
    shutil.copytree(production.folder("student"), folder)
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RequestError, match=r"the weights in .* cannot be read"):
        find(str(folder))


def test_a_frozen_encoder_learns_by_its_head_alone():
    from transformers import BertConfig, BertModel

    from understudy.pipeline.learning import Candidate
    from understudy.students import Blueprint
    from understudy.students.sentence import SentenceEncoder
    from understudy.students.sentence_classifier import SentenceClassifier
    from understudy.tasks.reading import AsStored

    config = BertConfig(
        vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8, max_position_embeddings=8,
    )  # fmt: skip

    def made(fresh: Callable[[], nn.Module]) -> Candidate:
        blueprint = Blueprint("transformers", "x", (30, 8), 2, reads="text")
        return Candidate(blueprint, fresh, "identity", 1, AsStored(("text",)))

    plain = made(lambda: SentenceClassifier(SentenceEncoder(BertModel(config)), 2))
    cold = frozen(plain)
    assert cold.identity != plain.identity
    learnt = [name for name, weight in cold.fresh().named_parameters() if weight.requires_grad]
    assert learnt == ["head.weight", "head.bias"]
    with pytest.raises(RequestError, match="teacher.frozen is true"):
        frozen(made(lambda: nn.Linear(2, 2)))
