"""What is asked once: each text or pair, in whatever list, in this process or another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from understudy.errors import RequestError
from understudy.students.scoring import CosineScores, PairScores
from understudy.students.sentence import preset_encoder
from understudy.students.text_transformers import preset_classifier
from understudy.students.tokens import Tokens, trained_tokens
from understudy.tasks.lists import Lists, listed
from understudy.teachers import NetworkTeacher
from understudy.teachers.recalled import PAGE, Recalled, recalled
from understudy.teachers.teacher import as_tensors

TEXTS = ["red apple", "green pear", "blue plum", "a red door", "grey goose pie"]


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return trained_tokens(TEXTS * 3, 100, 12)


def teacher(tokens: Tokens, *, apart: bool) -> tuple[NetworkTeacher, Lists]:
    torch.manual_seed(0)
    body = (
        CosineScores(preset_encoder("tiny", tokens.size, 12, None))
        if apart
        else PairScores(preset_classifier("tiny", tokens.size, 1, 12))
    )
    reading = Lists(tokens, apart)
    return NetworkTeacher(body, None, reading, "scores"), reading


class Counted:
    """An encoder of two features, which counts what it is asked."""

    def __init__(self) -> None:
        self.texts = 0

    def __call__(self, arrays: Mapping[str, Any]) -> np.ndarray:
        self.texts += len(arrays["ids"])
        return np.stack([arrays["ids"].sum(1), arrays["mask"].sum(1)], 1).astype(np.float32)


def counting(tokens: Tokens, folder: Path | None, fingerprint: str = "one") -> Recalled:
    return Recalled("teacher", fingerprint, tokens, True, Counted(), folder)


@pytest.mark.parametrize("apart", [True, False])
def test_scores_are_those_of_the_network_that_reads_whole_lists(tokens: Tokens, apart: bool):
    whole, reading = teacher(tokens, apart=apart)
    rows = {"text": np.array([listed(TEXTS[0], TEXTS[1:4]), listed(TEXTS[4], TEXTS[:3])], object)}
    once = recalled("teacher", whole, reading)
    wanted = whole.answer(as_tensors(reading.arrays(rows)))["scores"]
    assert once.fingerprint == whole.fingerprint
    np.testing.assert_allclose(once.predict(rows), wanted, atol=1e-4)
    np.testing.assert_allclose(once.answer(rows)["scores"], wanted, atol=1e-4)


def test_a_text_is_asked_about_once_in_whatever_order_it_comes(tokens: Tokens):
    once = counting(tokens, None)
    first = once.of([TEXTS[0], TEXTS[1], TEXTS[0]])
    assert once.read.texts == 2
    again = once.of([TEXTS[2], *TEXTS[:2]])
    assert once.read.texts == 3
    np.testing.assert_array_equal(again[1:], first[:2])
    np.testing.assert_array_equal(first[0], first[2])


def test_another_process_asks_for_what_is_missing_alone(tokens: Tokens, tmp_path: Path):
    before = counting(tokens, tmp_path).of(TEXTS[:3])
    later = counting(tokens, tmp_path)
    found = later.of(TEXTS)
    assert later.read.texts == 2
    np.testing.assert_array_equal(found[:3], before)
    with pytest.raises(RequestError, match="teacher"):
        counting(tokens, tmp_path, "another")


def test_a_page_that_was_damaged_or_not_finished_is_asked_again(tokens: Tokens, tmp_path: Path):
    wanted = counting(tokens, tmp_path).of(TEXTS)
    (shard,) = tmp_path.glob("page-*/*.safetensors")
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    (tmp_path / "page-begun").mkdir()
    later = counting(tokens, tmp_path)
    np.testing.assert_array_equal(later.of(TEXTS), wanted)
    assert later.read.texts == len(TEXTS)
    assert counting(tokens, tmp_path).said.keys() == later.said.keys()


def test_what_is_paid_for_is_kept_page_by_page(tokens: Tokens, tmp_path: Path):
    class Killed(Counted):
        def __call__(self, arrays: Mapping[str, Any]) -> np.ndarray:
            if self.texts >= PAGE:
                raise KeyboardInterrupt
            return super().__call__(arrays)

    texts = [f"text {number}" for number in range(PAGE + 5)]
    heard: list[Mapping[str, Any]] = []
    with pytest.raises(KeyboardInterrupt):
        Recalled("teacher", "one", tokens, True, Killed(), tmp_path).of(texts, heard.append)
    assert heard == [{"event": "asked", "new": PAGE, "done": PAGE, "of": PAGE + 5}]
    later = counting(tokens, tmp_path)
    later.of(texts)
    assert later.read.texts == 5


def test_numbers_that_are_not_finite_are_refused_and_not_kept(tokens: Tokens, tmp_path: Path):
    def read(arrays: Mapping[str, Any]) -> np.ndarray:
        return np.full((len(arrays["ids"]), 2), np.nan, np.float32)

    with pytest.raises(RequestError, match="NaN or infinite"):
        Recalled("teacher", "one", tokens, True, read, tmp_path).of(TEXTS)
    assert not list(tmp_path.glob("page-*"))
