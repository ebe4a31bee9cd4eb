from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.data.rows import Rows
from understudy.recipe.appraisal import Appraisal
from understudy.recipe.beside import Beside
from understudy.recipe.text_advice import Texts, advise, look

SHORT = Texts(median=12, most=40, longest=171)


def lines(texts: Texts = SHORT, beside=None, teacher=None) -> list[str]:
    return list(advise(texts, 5000, beside or {}, teacher).data)


def test_words_are_counted_over_all_texts_of_a_row():
    rows = Rows(
        {
            "first": ["one two three"] * 19 + ["a b c d e f"],
            "second": ["four"] * 19 + [None],
            "kind": ["x", "y"] * 10,
        },
        "a.csv",
        "0",
    )
    wanted = Texts(median=4, most=4, longest=6)
    assert look(rows, {"text": "first", "text_2": "second", "label": "kind"}) == wanted


def test_columns_of_few_values_can_be_slices():
    columns = {
        "text": ["a", "b"] * 15,
        "label": ["x", "y"] * 15,
        "channel": ["web", None, "phone"] * 10,
        "year": np.array([2020, 2021, 2022] * 10),
        "old": np.array([True, False] * 15),
        "constant": ["en"] * 30,
        "customer": [f"c{number}" for number in range(30)],
        "score": np.linspace(0, 1, 30),
        "tags": [["a"], ["b"]] * 15,
    }
    found = look(Rows(columns, "a.csv", "0"), {"text": "text", "label": "label"})
    assert found.slices == ("channel", "year", "old")
    (line,) = lines(replace(SHORT, slices=found.slices))
    assert line.startswith("# slices: [channel, year, old]  # few values")


def test_the_form_is_told():
    form = advise(replace(SHORT, longest=1171), 5000, {}, None).form
    assert form == "a text has 12 words (median), the longest 1,171"


@pytest.mark.parametrize(
    ("most", "teacher", "kept"),
    [
        (91, None, None),
        (92, None, 256),
        (900, None, 512),
        (900, Appraisal("it", "a model", tokens=384), 384),
        (900, Appraisal("it", "a model", tokens=2048), 512),
        (9, Appraisal("it", "a model", tokens=100), 100),
        (9, Appraisal("it", "a model", tokens=512), None),
    ],
)
def test_as_many_tokens_are_read_as_texts_have_and_the_teacher_reads(most, teacher, kept):
    found = [line.split()[:2] for line in lines(replace(SHORT, most=most), teacher=teacher)]
    assert found == ([] if kept is None else [["most_tokens:", str(kept)]])


def test_what_lies_beside_is_used_where_it_has_the_texts():
    beside = {
        "unlabelled": Beside("logs #1.jsonl", 9000),
        "out_of_scope": Beside("oos.csv", 10, lacks="message"),
    }
    assert lines(beside=beside) == [
        "unlabelled: 'logs #1.jsonl'  # 9,000 rows, found beside it: the teacher labels them",
        "# out_of_scope: oos.csv  # found beside it, without a column message",
    ]


def test_an_encoder_is_fine_tuned_gently():
    encoder = Appraisal("it", "an encoder", begins="encoder")
    told = advise(SHORT, 5000, {}, encoder).teaching
    assert told == {"epochs": 5, "batch_size": 64, "learning_rate": "5.0e-5"}
    epochs = [advise(SHORT, rows, {}, encoder).teaching["epochs"] for rows in (999, 20_000)]
    assert epochs == [10, 2]
    assert "learning_rate" not in advise(SHORT, 5000, {}, None).teaching


def test_the_student_learns_longer_from_fewer_texts():
    epochs = [advise(SHORT, rows, {}, None).training["epochs"] for rows in (2999, 3000, 20_000)]
    assert epochs == [60, 40, 20]
    logs = {"unlabelled": Beside("logs.jsonl", 9000)}
    assert advise(SHORT, 2999, logs, None).training["epochs"] == 40
    odd = {"unlabelled": Beside("logs.jsonl", 9000, lacks="text")}
    assert advise(SHORT, 2999, odd, None).training["epochs"] == 60


@pytest.mark.parametrize(("layers", "cut"), [(12, "[0, 5, 11]"), (6, "[0, 2, 5]"), (1, "[0]")])
def test_the_layers_that_are_named_are_there(layers: int, cut: str):
    student = advise(SHORT, 100, {}, Appraisal("it", "a model", layers=layers)).student
    assert f"# student: {{from_teacher: {{layers: {cut}}}}}" in "\n".join(student)
    assert f"some of the teacher's {layers} layers" in "\n".join(student)
