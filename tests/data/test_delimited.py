from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from understudy.data import delimited


@pytest.mark.parametrize(
    ("first", "others", "named"),
    [
        (["sentence", "kind"], [["hi", "0"]], True),
        (["file", "kind"], [["a", "cat"], ["b", "cat"]], True),
        (["Label", "x1"], [["label", "Label"]], True),
        (["a fine film", "1"], [["a poor film", "0"]], False),
        (["One man sings.", "A man sings.", "3.8"], [["a", "b", "1.0"]], False),
        (["oil is up", "Business"], [["a win", "Sports"], ["gold too", "Business"]], False),
        (["0", "1", "2"], [["4", "5", "6"]], True),
        (["", "0", "1"], [["0", "5", "6"]], True),
        (["country", "2023", "2024"], [["Malta", "5", "6"]], True),
        (["196", "242", "3"], [["186", "302", "3"]], False),
        (["196", "197"], [["186", "302"]], False),
        (["x", "y"], [], True),
        (["", "kind"], [["", "cat"]], True),
    ],
)
def test_whether_the_first_line_names_the_columns(
    first: list[str], others: list[list[str]], named: bool
) -> None:
    assert delimited.has_names(first, others) == named


def test_columns_without_names_are_numbered_and_no_row_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('"3","Oil, up","It rose."\n"4","Gold","It fell."\n')
    assert delimited.read(path).to_pydict() == {
        "0": [3, 4],
        "1": ["Oil, up", "Gold"],
        "2": ["It rose.", "It fell."],
    }


@pytest.mark.parametrize(
    ("lines", "texts"),
    [
        ('text\tlabel\n"no, ""way""\nat all"\t1\nb\t0\n', ['no, "way"\nat all', "b"]),
        ('text\tlabel\n"no" she said\t1\nhe said "b"\t0\n', ['"no" she said', 'he said "b"']),
        ('text\tlabel\n"it began\t1\n"and went on\t0\n', ['"it began', '"and went on']),
        ('text\tlabel\r\n"a"\t1\r\nb\t0\r\n', ["a", "b"]),
    ],
)
def test_quotes_that_do_not_close_a_cell_are_text(
    tmp_path: Path, lines: str, texts: list[str]
) -> None:
    path = tmp_path / "t.tsv"
    path.write_bytes(lines.encode())
    assert delimited.read(path).to_pydict() == {"text": texts, "label": [1, 0]}


@pytest.mark.parametrize(
    ("name", "rows", "names"),
    [
        ("sst2/train.tsv", 6920, ["0", "1"]),
        ("sst2/dev.tsv", 872, ["0", "1"]),
        ("sst2/test.tsv", 1821, ["0", "1"]),
        ("ag_news/dev_10k.tsv", 10_001, ["0", "1"]),
        ("ag_news/test.csv", 7600, ["0", "1", "2"]),
        ("stsb/stsb-en-train.csv", 5749, ["0", "1", "2"]),
        ("stsb/stsb-en-dev.csv", 1500, ["0", "1", "2"]),
        ("stsb/stsb-en-test.csv", 1379, ["0", "1", "2"]),
        ("sms_spam/spam.csv", 5573, ["label", "message"]),
        ("scifact/qrels_test.tsv", 339, ["query-id", "corpus-id", "score"]),
        ("adult/adult-test.csv", 16_281, [str(number) for number in range(15)]),
    ],
)
def test_real_tables(real: Callable[[str], Path], name: str, rows: int, names: list[str]) -> None:
    table = delimited.read(real(name))
    assert (len(table), table.column_names) == (rows, names)
