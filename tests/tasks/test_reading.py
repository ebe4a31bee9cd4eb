"""Rows through a tokenizer: cut once, kept, and the same as the raw texts cut again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from understudy.store import Ragged
from understudy.students.tokens import trained_tokens
from understudy.tasks import Prepared
from understudy.tasks.reading import AsStored, Tokenised, kept_tokens

ROWS = np.array([0, 3, 60, 179])


@pytest.fixture(scope="module")
def reading(asked: tuple[list[str], list[str]]) -> Tokenised:
    return Tokenised(trained_tokens(asked[0], 200, 12))


def folder_of(texts: Prepared, reading: Tokenised) -> Path:
    return Path(texts.store.root).parent / f"tokens-{reading.fingerprint[:16]}"


def test_rows_as_they_are_need_nothing(texts: Prepared, tmp_path: Path):
    reading = AsStored(("text",))
    assert reading.fingerprint == ""
    assert reading.over(texts).store is texts.store
    raw = texts.inputs(ROWS, ("text", "label"))
    assert reading.arrays(raw).keys() == {"text"}
    reading.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_kept_tokens_are_those_of_the_texts(texts: Prepared, reading: Tokenised):
    rows = reading.over(texts)
    kept = rows.inputs(ROWS, reading.columns)
    fresh = reading.arrays(texts.inputs(ROWS, ("text",)))
    assert list(kept) == list(fresh) == ["ids", "mask"]
    for name in kept:
        assert kept[name].dtype == np.int64
        np.testing.assert_array_equal(kept[name], fresh[name])
    assert rows.lengths is not None
    assert rows.lengths[ROWS].tolist() == fresh["mask"].sum(1).tolist()
    assert (rows.key, len(rows)) == (texts.key, len(texts))


def test_the_texts_stay_within_reach(texts: Prepared, reading: Tokenised):
    rows = reading.over(texts)
    assert rows.raw.lengths is None
    assert rows.raw.inputs(ROWS, ("text",))["text"][1] == texts.inputs(ROWS, ("text",))["text"][1]
    # What was read in one way can be read in another.
    assert AsStored(("text",)).over(rows).store is texts.store
    np.testing.assert_array_equal(reading.over(rows).lengths, rows.lengths)


def test_texts_are_cut_once(texts: Prepared, reading: Tokenised):
    reading.over(texts)

    def never(some: Sequence[str]) -> Ragged:
        raise AssertionError("asked again")

    kept_tokens(texts, reading.fingerprint, never)
    with pytest.raises(AssertionError, match="asked again"):
        kept_tokens(texts, "0" * 64, never)


def test_a_damaged_shard_is_cut_again(texts: Prepared, reading: Tokenised):
    wanted = reading.over(texts).inputs(ROWS, ("ids",))["ids"]
    path = folder_of(texts, reading) / "shard-00000.safetensors"
    content = bytearray(path.read_bytes())
    content[-20] ^= 255
    path.write_bytes(content)
    np.testing.assert_array_equal(reading.over(texts).inputs(ROWS, ("ids",))["ids"], wanted)


def test_another_tokenizer_has_its_own_tokens(texts: Prepared, reading: Tokenised):
    shorter = Tokenised(trained_tokens(["play the song"], 100, 5))
    rows = shorter.over(texts)
    assert rows.lengths is not None
    assert rows.lengths.max() == 5
    assert reading.over(texts).lengths.max() > 5
    assert folder_of(texts, shorter) != folder_of(texts, reading)


def test_what_is_saved_reads_the_same(tmp_path: Path, reading: Tokenised):
    from understudy.students.tokens import read_tokens

    reading.save(tmp_path)
    again = Tokenised(read_tokens(tmp_path, 12))
    assert again.fingerprint == reading.fingerprint


def test_texts_of_many_shards_and_batches_are_joined(
    texts: Prepared, reading: Tokenised, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from dataclasses import replace

    from understudy.tasks import reading as module
    from understudy.tasks.text_rows import store_texts

    monkeypatch.setattr(module, "AT_ONCE", 7)
    everything = texts.inputs(np.arange(180), ("text",))["text"]
    store_texts(everything, texts.labels, tmp_path)
    from understudy.store import open_store

    copy = replace(texts, store=open_store(tmp_path / "rows"))
    found = reading.over(copy)
    np.testing.assert_array_equal(
        found.inputs(np.arange(180), ("ids",))["ids"],
        reading.over(texts).inputs(np.arange(180), ("ids",))["ids"],
    )
