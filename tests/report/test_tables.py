"""The tables: a row for each model, figures under the right columns."""

from understudy.report.glossary import explained
from understudy.report.tables import (
    checks,
    cost_table,
    facts,
    quality_table,
    quality_words,
    slice_tables,
)


def _cells(table, name):
    row = next(row for row in table.rows if row.name == name)
    return dict(zip(table.columns[1:], [cell.text for cell in row.cells], strict=True)), row


def test_quality_and_trust_of_a_model_stand_under_their_columns(card):
    cells, row = _cells(quality_table(card), "student")
    assert cells == {
        "Accuracy": "97.4%",
        "Kept": "99.2%",
        "Agreement": "98.0%",
        "Harmful flips": "1.3%",
        "Helpful flips": "0.6%",
        "Inherited errors": "0.9%",
        "KL": "0.068",
        "ECE": "0.011",
        "Brier": "0.020",
    }
    assert row.cells[0].detail == "96.1% to 98.7%"
    assert (row.role, row.marked) == ("student", False)


def test_the_model_that_ships_is_marked(card):
    marked = [row.name for row in quality_table(card).rows if row.marked]
    assert marked == ["onnx"]


def test_cost_of_a_model_stands_under_its_columns(card):
    cells, _ = _cells(cost_table(card), "onnx")
    assert cells == {
        "Parameters": "2,410",
        "Size": "11.9 kB",
        "Smaller": "404×",
        "Latency p50": "0.013 ms",
        "Latency p95": "0.019 ms",
        "Faster": "72×",
        "Rows per second": "1,630,000",
        "Memory": "2.6 MB",
        "Cost per million": "0.000017",
    }


def test_the_figures_of_a_search_stand_under_their_columns(search_material):
    card = search_material.scorecard
    cells, row = _cells(quality_table(card), "student")
    quality, versus = card["models"]["student"]["quality"], card["comparison"]["student"]
    assert cells == {
        "nDCG@10": f"{quality['ndcg_at_10']['value']:.3f}",
        "MRR@10": f"{quality['mrr_at_10']['value']:.3f}",
        "recall@10": f"{quality['recall_at_10']['value']:.1%}",
        "recall@100": f"{quality['recall_at_100']['value']:.1%}",
        "Kept": f"{versus['quality_retained']:.1%}",
        "Neighbour overlap": f"{versus['agreement']:.1%}",
        "Drop-in overlap": f"{versus['drop_in_overlap']:.1%}",
        "Cosine": f"{versus['cosine']['mean']:.3f}",
        "Harmful flips": f"{versus['harmful_flips']:.1%}",
        "Helpful flips": f"{versus['helpful_flips']:.1%}",
    }
    assert row.cells[7].detail == f"p5 {versus['cosine']['p5']:.3f}"
    assert row.cells[0].detail.startswith("0.")
    rival, _ = _cells(quality_table(card), "rival-bm25")
    assert (rival["Drop-in overlap"], rival["Cosine"]) == ("–", "–")


def test_the_figures_of_pairs_have_no_flips(pairs_material):
    columns = quality_table(pairs_material.scorecard).columns
    assert columns == (
        *("Model", "Spearman correlation", "To the teacher", "Kept", "Neighbour overlap"),
        *("Drop-in overlap", "Cosine"),
    )


def test_only_words_that_are_written_are_explained(card, search_material, pairs_material):
    of_classes = ("Agreement", "Harmful flip", "Helpful flip", "Inherited error")
    assert quality_words(card) == (*of_classes, "KL", "ECE", "Brier")
    of_search = quality_words(search_material.scorecard)
    assert of_search[:4] == ("Right", "nDCG@10", "MRR@10", "Recall")
    assert set(explained(*of_search)) == set(of_search)
    assert "Right" not in quality_words(pairs_material.scorecard)


def test_what_is_out_of_scope_is_told_where_it_was_measured(card):
    assert "Out-of-scope AUROC" not in quality_table(card).columns
    auroc = {"value": 0.949, "low": 0.94, "high": 0.957}
    recall = {"value": 0.72, "low": 0.7, "high": 0.74}
    card["models"]["student"]["out_of_scope"] = {
        "auroc": auroc,
        "thresholds": {"keeps_95": {"recall": recall}},
    }
    cells, row = _cells(quality_table(card), "student")
    assert cells["Out-of-scope AUROC"] == "0.949"
    assert row.cells[-2].detail == "0.940 to 0.957"
    assert cells["Out-of-scope recall"] == "72.0%"
    assert _cells(quality_table(card), "teacher")[0]["Out-of-scope AUROC"] == "–"
    assert quality_words(card)[-2:] == ("Out-of-scope AUROC", "Out-of-scope recall")


def test_what_was_not_measured_is_a_dash(card):
    assert _cells(cost_table(card), "rival-knn")[0]["Memory"] == "–"
    card["models"]["student"] = None
    assert set(_cells(quality_table(card), "student")[0].values()) == {
        *("–", "99.2%", "98.0%", "1.3%", "0.6%", "0.9%", "0.068"),
    }


def test_failed_requirements_come_first_and_give_their_value_or_reason(card):
    card["requirements"] += [
        {"rule": "bytes <= 1000", "model": "onnx", "value": 11893, "passed": False},
        {"rule": "ece <= 0.1", "model": "onnx", "value": None, "passed": False, "reason": "lost"},
    ]
    found = checks(card)
    assert [check.passed for check in found] == [False, False, True, True, True]
    assert (found[0].value, found[0].reason) == ("11.9 kB", "")
    assert (found[1].value, found[1].reason) == ("–", "lost")


def test_a_requirement_passes_only_if_it_says_so():
    found = checks({"requirements": [{"rule": "ece <= 1", "value": 0.1}, None]})
    assert [check.passed for check in found] == [False, False]


def test_each_column_of_slices_is_a_table(card):
    card["slices"].append({"column": "pen", "value": "red", "rows": 3})
    scanner, pen = slice_tables(card)
    assert scanner.caption == "Accuracy by scanner"
    assert [cell.text for cell in scanner.rows[0].cells] == ["391", "98.7%", "96.9%", "98.2%"]
    assert (scanner.rows[2].name, scanner.rows[2].detail) == ("(missing)", "few rows: says little")
    assert [cell.text for cell in pen.rows[0].cells] == ["3", "–", "–", "–"]


def test_facts_have_titles_known_ones_first_and_no_lists():
    values = {"odd_one": 1.5, "rows": 1797, "findings": [1], "reused": None}
    assert facts(values, {"rows": "Rows", "gone": "Gone", "reused": "Reused"}) == {
        "Rows": "1,797",
        "Reused": "–",
        "Odd one": "1.5",
    }
