"""The file of a tokenizer, taken apart by hand."""

from understudy.students.vocabulary import ancestry, cut, indispensable, ordered, pieces

MERGES = {
    "added_tokens": [{"id": 7, "content": "<s>"}, {"id": 0, "content": "<unk>"}],
    "post_processor": {
        "type": "Sequence",
        "processors": [{"type": "ByteLevel"}, {"sep": ["<s>", 7], "cls": ["<unk>", 0]}],
    },
    "model": {
        "type": "BPE",
        "unk_token": "<unk>",
        "vocab": {"<unk>": 0, "a": 1, "b": 2, "c": 3, "ab": 4, "abc": 5, "bc": 6},
        "merges": ["a b", ["ab", "c"], ["b", "c"]],
    },
}
UNIGRAM = {
    "added_tokens": [],
    "post_processor": None,
    "model": {
        "type": "Unigram",
        "unk_id": 0,
        "vocab": [["?", 0.0], ["a", -1.0], ["aa", -2.0], ["<0x0A>", -3.0], ["aaa", -9.0]],
    },
}


def test_every_piece_has_its_id():
    assert pieces(MERGES)["<s>"] == 7
    assert pieces(UNIGRAM) == {"?": 0, "a": 1, "aa": 2, "<0x0A>": 3, "aaa": 4}


def test_what_no_merge_makes_has_to_stay():
    assert indispensable(MERGES) == {0, 1, 2, 3, 7}


def test_the_worst_score_stays_for_the_sake_of_the_unknown():
    assert indispensable(UNIGRAM) == {0, 1, 3, 4}


def test_the_parts_of_every_merge_are_known():
    assert ancestry(MERGES) == {4: (1, 2), 5: (4, 3), 6: (2, 3)}
    assert ancestry(UNIGRAM) == {}


def test_a_cut_file_is_numbered_anew_throughout():
    order = ordered(MERGES, {0, 1, 2, 3, 4, 7})
    assert order == [0, 1, 2, 3, 4, 7]
    smaller = cut(MERGES, order)
    assert smaller["model"]["vocab"] == {"<unk>": 0, "a": 1, "b": 2, "c": 3, "ab": 4}
    assert smaller["model"]["merges"] == [["a", "b"]]
    assert [(t["content"], t["id"]) for t in smaller["added_tokens"]] == [("<unk>", 0), ("<s>", 5)]
    assert smaller["post_processor"]["processors"][1] == {"sep": ["<s>", 5], "cls": ["<unk>", 0]}
    assert cut(UNIGRAM, [0, 1, 4])["model"]["vocab"] == [["?", 0.0], ["a", -1.0], ["aaa", -9.0]]
