"""The table of vectors that are cut short."""

from __future__ import annotations

from understudy.evaluation.prefixes import CUT
from understudy.report.lengths import prefix_table


def entry(model: str, length: int, value: float | None) -> dict:
    quality = {"spearman": {"value": value, "low": 0.5, "high": 0.75}}
    shares = {"agreement": 0.25, "drop_in_overlap": 0.5}
    sizes = {"dimensions": length, "bytes_per_vector": 4 * length}
    return {"model": model, **sizes, "quality": quality, **shares}


def test_what_ships_stands_first_then_the_teacher_cut_as_long():
    card = {
        "metric": "spearman",
        "models": {"teacher": {}, "student": {}, "onnx": {}},
        "prefixes": [
            entry(name, length, 0.6) for length in (64, 384) for name in (CUT, "student", "onnx")
        ],
    }
    table = prefix_table(card)
    assert table is not None
    assert [(row.name, row.detail) for row in table.rows] == [
        ("64", "onnx"),
        ("384", "onnx"),
        ("64", CUT),
        ("384", CUT),
    ]
    assert [cell.text for cell in table.rows[1].cells] == ["1,536", "0.600", "25.0%", "50.0%"]
    assert table.rows[0].cells[1].detail == "0.500 to 0.750"
    assert len(table.columns) == 1 + len(table.rows[0].cells)


def test_a_missing_figure_is_a_dash_and_no_lengths_no_table():
    card = {"metric": "spearman", "models": {"student": {}}, "prefixes": []}
    assert prefix_table(card) is None
    assert prefix_table({**card, "prefixes": None}) is None
    (row,) = prefix_table({**card, "prefixes": [entry("student", 8, None)]}).rows
    assert row.cells[1].text == "–"
