from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from understudy.data import near_texts
from understudy.data.cells import objects
from understudy.data.checks import Finding

STORY = (
    "Prices of computer screens are expected to fall by less than five percent in the fourth "
    "quarter as the market stabilizes on hopes of a pick-up in demand, an industry group said."
)


def find(train: Sequence[str], test: Sequence[str]) -> list[Finding]:
    rows = np.arange(len(train) + len(test))
    texts = objects([*train, *test])
    return near_texts.find_near_leaks(texts, rows[: len(train)], rows[len(train) :])


def shingles(text: str) -> set[str]:
    plain = near_texts.plain(text)
    return {plain[place : place + 5] for place in range(max(1, len(plain) - 4))}


def nearest(text: str, others: Sequence[set[str]]) -> float:
    ours = shingles(text)
    return max(len(ours & theirs) / len(ours | theirs) for theirs in others)


def test_small_changes_are_found_and_others_are_not() -> None:
    test = [
        STORY.replace("less", "LESS ").replace(",", ""),
        f"Reuters - {STORY}",
        STORY.replace("five percent in the fourth", "twelve percent in the very first"),
        STORY,
        "something else",
    ]
    (found,) = find(["a first text", STORY], test)
    assert (found.kind, found.count, found.rows) == ("nearly_leaked_test_rows", 2, (0, 1))
    assert found.text.startswith("2 of 5 test texts nearly equal a training text")


@pytest.mark.parametrize(
    ("train", "test", "is_near"),
    [
        ("What is my balance", "what is my balance?", True),
        ("set a timer for 5 minutes", "set a timer for 6 minutes", False),
        ("ok", "OK!", True),
        ("\U0001f44d", "\U0001f44e", False),
        ("今日の天気はどうですか", "今日の天気はどうですか？", True),
    ],
)
def test_short_texts(train: str, test: str, is_near: bool) -> None:
    assert bool(find([train, "another one"], [test])) == is_near


def test_there_need_not_be_any_row() -> None:
    assert find([STORY], []) == []
    assert find([], [STORY]) == []
    assert find([STORY], [STORY]) == []


def test_the_search_finds_what_comparing_all_with_all_does() -> None:
    random = np.random.default_rng(0)
    words = [f"word{number}" for number in range(300)]
    train = [" ".join(random.choice(words, 30)) for _ in range(100)]
    test = []
    for number, text in enumerate(train):
        changed = text.split()
        changed[: number % 10] = random.choice(words, number % 10)
        test.append(" ".join(changed) + ".")
    sets = [shingles(text) for text in train]
    near = [row for row, text in enumerate(test) if nearest(text, sets) >= 0.9]
    assert 15 < len(near) < 50
    (found,) = find(train, test)
    assert list(found.rows) == near


def test_real_news_leak(real: Callable[[str], Path]) -> None:
    """Among all pairs of these files, 61 test texts have a similarity of 0.9; 9 are equal."""
    with real("ag_news/dev_10k.tsv").open(newline="") as file:
        train = [row[0] for row in csv.reader(file, delimiter="\t")]
    with real("ag_news/test.csv").open(newline="") as file:
        test = [row[2] for row in csv.reader(file)]
    start = time.process_time()
    (found,) = find(train, test)
    assert time.process_time() - start < 10
    assert found.count == 52
    sets = [shingles(text) for text in train]
    assert all(nearest(test[row], sets) >= 0.9 for row in found.rows[:3])


def test_real_intents(real: Callable[[str], Path]) -> None:
    parts = json.loads(real("clinc150/data_full.json").read_text())
    train, test = ([text for text, _ in parts[part]] for part in ("train", "test"))
    (found,) = find(train, test)
    assert found.count == 25
    (planted,) = find(train, [*test, *(f"{text.title()}!" for text in train[:40])])
    assert planted.count == 40 + found.count
