"""A teacher is asked once: what is there is not asked again, what is not its own is refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from understudy.data.settings import Data
from understudy.errors import DamagedError, RequestError
from understudy.store import Store
from understudy.students.sentence import StaticEncoder, preset_encoder
from understudy.students.text_transformers import preset_classifier
from understudy.students.tokens import trained_tokens
from understudy.tasks import Prepared
from understudy.tasks.reading import Tokenised
from understudy.tasks.text_classification import TextClassification
from understudy.teachers import NetworkTeacher, Tapped, teaching
from understudy.teachers.precision import Trial
from understudy.teachers.teacher import is_shareable
from understudy.teachers.teaching import (
    Asking,
    bytes_per_row,
    knowledge_key,
    probe,
    provenance,
    teach,
)

INPUTS = ("image",)
PROBED = 2
"""Rows that tell the number of classes, before the store is made."""


class Counting(NetworkTeacher):
    """Counts the rows that it is asked; dies, or answers NaN, where it is told to."""

    def __init__(self, network: nn.Module, *, dies_after: int = 10**9) -> None:
        super().__init__(network)
        self.asked = 0
        self.dies_after = dies_after
        self.poisoned: Tensor | None = None

    def answer(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        self.asked += len(inputs["image"])
        if self.asked > self.dies_after:
            raise KeyboardInterrupt
        said = super().answer(inputs)
        if self.poisoned is not None:
            same = (inputs["image"] == self.poisoned).flatten(1).all(dim=1)
            said["logits"][same, 3] = torch.nan
        return said


@pytest.fixture
def make(small_network: Callable[..., nn.Module]) -> Callable[..., Counting]:
    def made(seed: int = 0, **given: Any) -> Counting:
        return Counting(small_network(seed), **given)

    return made


@pytest.fixture
def wanted(make: Callable[..., Counting], prepared: Prepared) -> np.ndarray:
    pixels = torch.from_numpy(np.asarray(prepared.store.read("image", 0, 300)))
    return make().answer({"image": pixels})["logits"].numpy()


def test_every_row_is_asked_once_and_kept(
    tmp_path: Path, make: Callable[..., Counting], prepared: Prepared, wanted: np.ndarray
):
    teacher, heard = make(), []
    store = teach(teacher, prepared, INPUTS, tmp_path / "s", rows_per_shard=70, emit=heard.append)
    assert teacher.asked == PROBED + 300
    assert store.shards == 5
    assert store.complete
    found = np.asarray(store.read("logits", 0, 300))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    assert sum(record["rows"] for record in heard) == 300
    assert {(record["event"], record["of"]) for record in heard} == {("taught", 300)}
    again = make()
    teach(again, prepared, INPUTS, tmp_path / "s")
    assert again.asked == 0


def test_large_shards_are_asked_in_batches(
    tmp_path: Path, make: Callable[..., Counting], prepared: Prepared, wanted: np.ndarray
):
    heard: list[Mapping[str, Any]] = []
    store = teach(make(), prepared, INPUTS, tmp_path / "s", emit=heard.append)
    assert [record["rows"] for record in heard] == [256, 44]
    assert store.shards == 1
    np.testing.assert_allclose(store.read("logits", 0, 300), wanted, rtol=1e-5, atol=1e-5)


def test_only_missing_shards_are_asked_after_a_death(
    tmp_path: Path, make: Callable[..., Counting], prepared: Prepared, wanted: np.ndarray
):
    with pytest.raises(KeyboardInterrupt):
        teach(make(dies_after=PROBED + 150), prepared, INPUTS, tmp_path / "s", rows_per_shard=70)
    teacher = make()
    store = teach(teacher, prepared, INPUTS, tmp_path / "s", rows_per_shard=70)
    assert teacher.asked == 300 - 2 * 70  # two shards were whole
    np.testing.assert_allclose(store.read("logits", 0, 300), wanted, rtol=1e-5, atol=1e-5)


def test_only_a_damaged_shard_is_asked_again(
    tmp_path: Path, make: Callable[..., Counting], prepared: Prepared, wanted: np.ndarray
):
    teach(make(), prepared, INPUTS, tmp_path / "s", rows_per_shard=70)
    path = tmp_path / "s" / "shard-00002.safetensors"
    content = bytearray(path.read_bytes())
    content[-40] ^= 255
    path.write_bytes(content)
    teacher, heard = make(), []
    store = teach(teacher, prepared, INPUTS, tmp_path / "s", rows_per_shard=70, emit=heard.append)
    assert heard[0] == {"event": "damaged shard", "shard": 2, "asked again": True}
    assert teacher.asked == 70
    np.testing.assert_allclose(store.read("logits", 0, 300), wanted, rtol=1e-5, atol=1e-5)


def test_a_damaged_index_is_told(tmp_path: Path, make: Callable[..., Counting], prepared: Prepared):
    teach(make(), prepared, INPUTS, tmp_path)
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(DamagedError, match=r"index\.json of the store at .* cannot be read"):
        teach(make(), prepared, INPUTS, tmp_path)


@pytest.mark.parametrize("row", [1, 207])
def test_an_answer_that_is_not_finite_is_told_with_its_row(
    tmp_path: Path, make: Callable[..., Counting], prepared: Prepared, row: int
):
    teacher = make()
    teacher.poisoned = torch.from_numpy(np.asarray(prepared.store.read("image", row, row + 1)))
    batch = {1: "2", 207: "60"}[row]
    with pytest.raises(RequestError) as caught:
        teach(teacher, prepared, INPUTS, tmp_path / "s", rows_per_shard=60)
    assert str(caught.value) == (
        f"the teacher's logits are NaN or infinite for 1 of {batch} rows, row {row} first; check "
        "its weights and its preprocessing"
    )
    # Shards before it are kept, and none holds it.
    there = sorted(path.stem for path in tmp_path.glob("s/*.safetensors"))
    assert there == ([f"shard-{shard:05}" for shard in range(3)] if row == 207 else [])


def test_the_store_of_another_is_refused_with_what_differs(
    tmp_path: Path, make: Callable[..., Counting], prepared: Prepared
):
    teacher = make()
    teach(teacher, prepared, INPUTS, tmp_path)
    other = make(1)
    cases = (
        (other, prepared, "fp32", "teacher", teacher.fingerprint, other.fingerprint),
        (teacher, replace(prepared, key="mnist"), "fp32", "rows", "digits", "mnist"),
        (teacher, prepared, "int8", "codec", "fp32", "int8"),
    )
    for asked, rows, codec, name, there, here in cases:
        with pytest.raises(RequestError) as caught:
            teach(asked, rows, INPUTS, tmp_path, codec)
        told = str(caught.value)
        assert told.startswith(f"the store at {tmp_path} holds something else: {name} is ")
        assert there[:8] in told
        assert here[:8] in told
        assert ";" not in told.removesuffix("; use another folder, or delete that one")
    assert other.asked == 0


@pytest.mark.parametrize(("codec", "share"), [("fp32", 0.0), ("fp16", 2**-11), ("int8", 0.5 / 127)])
def test_a_codec_errs_no_more_than_it_may(
    tmp_path: Path,
    make: Callable[..., Counting],
    prepared: Prepared,
    wanted: np.ndarray,
    codec: str,
    share: float,
):
    store = teach(make(), prepared, INPUTS, tmp_path, codec, rows_per_shard=100)
    found = np.asarray(store.read("logits", 0, 300))
    largest = np.abs(wanted).max(axis=1, keepdims=True)
    error = np.abs(found - wanted)
    assert (error <= 1.02 * share * largest + 2e-6).all()
    if share:
        assert error.max() > 0
        assert store.errors["logits"] == pytest.approx(error.max(), rel=1e-2)
    per_row = bytes_per_row(10, codec)
    assert per_row == {"fp32": 40, "fp16": 20, "int8": 14}[codec]
    assert 300 * per_row <= store.bytes <= 300 * per_row + 3 * 1000


def test_the_key_is_that_of_the_provenance(make: Callable[..., Counting], prepared: Prepared):
    teacher = make()
    keys = {
        knowledge_key(teacher, prepared, "fp32"),
        knowledge_key(teacher, prepared, "fp16"),
        knowledge_key(make(1), prepared, "fp32"),
        knowledge_key(teacher, replace(prepared, key="other"), "fp32"),
    }
    assert len(keys) == 4
    assert knowledge_key(make(), prepared, "fp32") in keys
    assert provenance(teacher, prepared, "fp32") == {
        "what": "knowledge",
        "teacher": teacher.fingerprint,
        "rows": "digits",
        "task": "image-classification",
        "recorded": ["logits"],
        "codec": "fp32",
        "views": 1,
    }


def test_a_probe_asks_the_first_rows(
    make: Callable[..., Counting], prepared: Prepared, wanted: np.ndarray
):
    teacher = make()
    said = probe(teacher, prepared, INPUTS)
    assert teacher.asked == 2
    np.testing.assert_allclose(said["logits"], wanted[:2], rtol=1e-5, atol=1e-5)


# Texts.


class Listening(NetworkTeacher):
    """A text teacher that keeps the shapes it is asked in."""

    def __init__(self, network: nn.Module, reading: Tokenised, gives: str = "logits") -> None:
        super().__init__(network, None, reading, gives)
        self.shapes: list[tuple[int, ...]] = []

    def answer(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        self.shapes.append(tuple(inputs["ids"].shape))
        return super().answer(inputs)


@pytest.fixture(scope="module")
def many(text_rows: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """400 texts of 1 to 40 words, in mixed order."""
    rng = np.random.default_rng(0)
    words = [f"word{chr(97 + number)}" for number in range(26)]
    lines = [" ".join(rng.choice(words, rng.integers(1, 41))) for _ in range(400)]
    rows = text_rows(text=lines, label=["a", "b"] * 200)
    folder = tmp_path_factory.mktemp("many") / "many"
    return TextClassification().prepare({"train": rows}, Data(None, most_tokens=48), folder)


@pytest.fixture
def reader(many: Prepared) -> Listening:
    some = many.inputs(np.arange(400), ("text",))["text"].tolist()
    tokens = trained_tokens(some, 200, 48)
    torch.manual_seed(0)
    return Listening(preset_classifier("tiny", tokens.size, 2, 48), Tokenised(tokens))


def test_a_pass_by_length_answers_every_row_as_if_it_were_alone(
    many: Prepared, reader: Listening, tmp_path: Path
):
    reader.packed = None  # else padding costs nothing
    store = teach(reader, many, ("text",), tmp_path / "s", rows_per_shard=150)
    shapes = reader.shapes[1:]  # the first was the probe
    assert sum(rows for rows, _ in shapes) == 400
    assert len({longest for _, longest in shapes}) > 3
    lengths = reader.reading.over(many).lengths
    assert lengths is not None
    padded = sum(rows * longest for rows, longest in shapes)
    assert padded < 1.1 * lengths.sum()
    assert padded < 0.8 * 400 * lengths.max()
    found = np.asarray(store.read("logits", 0, 400))
    texts = many.inputs(np.arange(400), ("text",))["text"]
    for row in (0, 1, 149, 150, 299, 300, 399):
        arrays = reader.reading.arrays({"text": texts[row : row + 1]})
        said = reader.answer({name: torch.from_numpy(values) for name, values in arrays.items()})
        np.testing.assert_allclose(found[row], said["logits"][0], rtol=1e-4, atol=1e-5)


def test_batches_without_padding_are_full(many: Prepared, reader: Listening):
    packed = Asking.of(reader, many, ("text",)).batches(range(400))
    reader.packed = None
    padded = Asking.of(reader, many, ("text",)).batches(range(400))
    assert len(packed) < len(padded)
    assert sorted(np.concatenate(packed)) == sorted(np.concatenate(padded)) == list(range(400))


def test_the_tokenizer_is_part_of_the_teacher(many: Prepared, reader: Listening):
    other = Listening(reader.network, Tokenised(trained_tokens(["other words"], 100, 48)))
    assert reader.fingerprint != other.fingerprint
    assert knowledge_key(reader, many, "fp32") != knowledge_key(other, many, "fp32")


def test_vectors_are_recorded_of_a_task_that_wants_them(many: Prepared, tmp_path: Path):
    rows = replace(many, facts=replace(many.facts, task="text-embedding", classes=()))
    tokens = trained_tokens(["worda wordb"], 100, 48).bare()
    encoder = StaticEncoder(tokens.size, 6)
    teacher = Listening(encoder, Tokenised(tokens), "embedding")
    store = teach(teacher, rows, ("text",), tmp_path / "s")
    assert np.asarray(store.read("embedding", 0, 400)).shape == (400, 6)
    certificate = provenance(teacher, rows, "fp32")
    assert (certificate["task"], certificate["recorded"]) == ("text-embedding", ["embedding"])


def test_a_teacher_that_reads_raw_texts_is_asked_in_order(many: Prepared, tmp_path: Path):
    class Length:
        """Knows how long a text is, and nothing else."""

        fingerprint = "length"
        classes = None

        def answer(self, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
            sizes = torch.tensor([float(len(text)) for text in inputs["text"]])
            return {"logits": torch.stack([sizes, -sizes], 1)}

    store = teach(Length(), many, ("text",), tmp_path / "s", rows_per_shard=150)
    texts = many.inputs(np.arange(400), ("text",))["text"]
    found = np.asarray(store.read("logits", 0, 400))
    assert found[:, 0].tolist() == [len(text) for text in texts]


# Several threads.


class Encoding(NetworkTeacher):
    """Notes from which threads it is asked; answers NaN for one text."""

    def __init__(
        self, network: nn.Module, reading: Tokenised, poison: Tensor | None = None
    ) -> None:
        super().__init__(network, None, reading, "embedding")
        self.threads: set[int] = set()
        self.at_once: set[int] = set()
        self.most_at_once = 0
        self.poison = poison

    def answer(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        here = threading.get_ident()
        self.threads.add(here)
        self.at_once.add(here)
        time.sleep(0.002)
        self.most_at_once = max(self.most_at_once, len(self.at_once))
        said = super().answer(inputs)
        self.at_once.discard(here)
        if self.poison is not None:
            for row, (ids, mask) in enumerate(zip(*inputs.values(), strict=True)):
                if torch.equal(ids[mask.bool()], self.poison):
                    said["embedding"][row] = torch.nan
        return said


@pytest.fixture
def vectors(many: Prepared) -> Prepared:
    return replace(many, facts=replace(many.facts, task="text-embedding", classes=()))


@pytest.fixture(scope="module")
def tokens(many: Prepared) -> Tokenised:
    some = many.inputs(np.arange(400), ("text",))["text"].tolist()
    return Tokenised(trained_tokens(some, 200, 30))  # some texts are longer


@pytest.fixture
def encode(tokens: Tokenised) -> Callable[..., Encoding]:
    def made(**given: Any) -> Encoding:
        torch.manual_seed(0)
        return Encoding(preset_encoder("tiny", tokens.tokens.size, 30, None), tokens, **given)

    return made


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_several_threads_answer_as_one_does(
    vectors: Prepared,
    encode: Callable[..., Encoding],
    tmp_path: Path,
    three_threads: None,
):
    teacher, alone = encode(), encode()
    assert teacher.shareable
    store = teach(teacher, vectors, ("text",), tmp_path / "three", rows_per_shard=150)
    assert len(teacher.threads - {threading.get_ident()}) == 3
    assert teacher.most_at_once > 1
    found = np.asarray(store.read("embedding", 0, 400))
    torch.set_num_threads(1)
    one = teach(alone, vectors, ("text",), tmp_path / "one", rows_per_shard=150)
    assert alone.threads == {threading.get_ident()}
    assert np.array_equal(found, one.read("embedding", 0, 400))
    texts = vectors.inputs(np.arange(400), ("text",))["text"]
    for row in range(0, 400, 7):
        arrays = teacher.reading.arrays({"text": texts[row : row + 1]})
        said = teacher.plainly({name: torch.from_numpy(each) for name, each in arrays.items()})
        np.testing.assert_allclose(found[row], said["embedding"][0], rtol=0, atol=1e-6)


def test_an_error_in_one_thread_is_told_and_loses_no_finished_shard(
    vectors: Prepared, encode: Callable[..., Encoding], tmp_path: Path, three_threads: None
):
    row = 217
    ids = encode().reading.over(vectors).inputs(np.array([row]), ("ids",))["ids"][0]
    with pytest.raises(RequestError, match=f"embedding are NaN or infinite for .* row {row} first"):
        teach(encode(poison=torch.from_numpy(ids)), vectors, ("text",), tmp_path, rows_per_shard=40)
    there = {int(path.stem[-5:]) for path in tmp_path.glob("*.safetensors")}
    assert there == set(range(row // 40))
    assert torch.get_num_threads() == 3
    store = teach(encode(), vectors, ("text",), tmp_path, rows_per_shard=40)
    assert store.complete


def test_an_error_of_the_disk_is_told_and_loses_no_finished_shard(
    vectors: Prepared,
    encode: Callable[..., Encoding],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    write = Store.write

    def full(self: Store, shard: int, values: Any) -> None:
        if shard == 4:
            raise RequestError("there is no space left on the disk")
        write(self, shard, values)

    encode().reading.over(vectors)
    monkeypatch.setattr(Store, "write", full)
    with pytest.raises(RequestError, match="no space left"):
        teach(encode(), vectors, ("text",), tmp_path, rows_per_shard=40)
    assert len(list(tmp_path.glob("*.safetensors"))) == 4


def test_who_may_be_asked_by_several_threads(
    encode: Callable[..., Encoding], make: Callable[..., Counting], reader: Listening
):
    class Own(nn.Module):
        """What a user wrote, which may keep anything between calls."""

    for teacher in (make(), NetworkTeacher(Own()), Tapped(reader, ("model.classifier",)), object()):
        assert not is_shareable(teacher)
    assert is_shareable(reader)
    elsewhere = encode()
    elsewhere.network.to("meta")
    assert not is_shareable(elsewhere)


def test_a_teacher_of_images_is_asked_by_one_thread(
    tmp_path: Path, make: Callable[..., Counting], prepared: Prepared, three_threads: None
):
    threads: set[int] = set()

    class Noting(Counting):
        def answer(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
            threads.add(threading.get_ident())
            return super().answer(inputs)

    teach(Noting(make().network), prepared, INPUTS, tmp_path, rows_per_shard=70)
    assert threads == {threading.get_ident()}


# bfloat16.


@pytest.mark.parametrize("worth", [True, False])
def test_bf16_is_tried_on_real_rows_and_what_was_begun_goes_on(
    vectors: Prepared,
    encode: Callable[..., Encoding],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    worth: bool,
):
    trials: list[Any] = []

    def fake(in_fp32: Any, in_bf16: Any, batches: Any) -> Trial:
        one, other = in_fp32(batches), in_bf16(batches)
        trials.append((one, other))
        return Trial(0.99999, 0.3 if worth else 0.9, 1.0)

    monkeypatch.setattr(teaching, "multiplies_bf16", lambda: True)
    monkeypatch.setattr(teaching, "tried", fake)
    monkeypatch.setattr(teaching, "BATCH_TOKENS", 60)  # many batches, so that a trial pays
    heard: list[Mapping[str, Any]] = []
    store = teach(encode(), vectors, ("text",), tmp_path, rows_per_shard=150, emit=heard.append)
    [(one, other)] = trials
    assert one.shape == other.shape
    assert not np.array_equal(one, other)
    assert heard[0] == {
        "event": "bf16 tried", "cosine": 0.99999, "seconds": 0.3 if worth else 0.9,
        "seconds_in_fp32": 1.0, "taken": worth,
    }  # fmt: skip
    assert store.index.provenance.get("precision") == ("bf16" if worth else None)
    found = np.asarray(store.read("embedding", 0, 400))
    # Continued where a trial is not made: as it was begun.
    monkeypatch.setattr(teaching, "multiplies_bf16", lambda: False)
    exact = np.asarray(
        teach(encode(), vectors, ("text",), tmp_path / "exact").read("embedding", 0, 400)
    )
    assert np.allclose(found, exact, rtol=0, atol=1e-6) is not worth
    store.set_aside(1)
    again = teach(encode(), vectors, ("text",), tmp_path, rows_per_shard=150)
    assert np.array_equal(found, again.read("embedding", 0, 400))


def test_bf16_is_not_tried_for_few_rows_or_on_another_processor(
    vectors: Prepared,
    encode: Callable[..., Encoding],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    heard: list[Mapping[str, Any]] = []
    monkeypatch.setattr(teaching, "multiplies_bf16", lambda: True)
    teach(encode(), vectors, ("text",), tmp_path / "few", emit=heard.append)
    monkeypatch.setattr(teaching, "multiplies_bf16", lambda: False)
    monkeypatch.setattr(teaching, "BATCH_TOKENS", 60)
    teach(encode(), vectors, ("text",), tmp_path / "none", emit=heard.append)
    assert {record["event"] for record in heard} == {"taught"}
