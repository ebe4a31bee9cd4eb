"""The parts of a page, and which sections have something to say."""

from dataclasses import replace

from understudy.report import Material
from understudy.report.page import SECTIONS, page_of


def test_a_finished_run_fills_every_section(material):
    of_vectors = ("matches", "prefixes")
    expected = {name: title for name, title in SECTIONS.items() if name not in of_vectors}
    assert page_of(material).contents == expected


def test_sections_without_anything_to_say_are_left_out():
    page = page_of(Material("empty", {}, {}, {}, {}, [], " ", "", {}))
    assert list(page.contents) == ["requirements", "models", "teaching", "data", "making"]


def test_a_search_has_no_sections_of_classes(search_material, pairs_material):
    page = page_of(search_material)
    assert list(page.contents) == [
        *("requirements", "models", "teaching", "standings", "mistakes", "matches"),
        *("data", "usage", "making"),
    ]
    assert page.contents["mistakes"] == "Which queries are lost"
    assert (page.test_rows, page.row_words) == ("40", "test queries")
    of_pairs = page_of(pairs_material)
    assert "mistakes" not in of_pairs.contents
    assert (of_pairs.test_rows, of_pairs.row_words) == ("160", "test pairs")


def test_the_student_is_confused_first_and_classes_have_their_names(material):
    found = page_of(material).confusions
    assert [confusion.model for confusion in found] == ["student", "teacher", "control"]
    assert found[0].classes == tuple("0123456789")


def test_facts_are_taken_from_where_the_scorecard_has_them(material, card):
    card["advice"] = ["Do this.", None]
    page = page_of(material)
    assert (page.task, page.test_rows, page.price) == ("image classification", "540", "0.10")
    assert page.advice == ["Do this."]
    assert page.data["Leaked test rows"] == "1"
    assert page.findings[0] == "2 rows repeat an earlier one of 1797"
    assert page.knowledge["Time to ask"] == "0.42 s"
    assert page.conditions["Batch"] == "128"
    assert page.timings["Teacher"] == "38 s"


def test_vectors_in_another_space_and_cut_short_are_told(search_material):
    card = search_material.scorecard
    entry = {
        "model": "onnx",
        "dimensions": 64,
        "bytes_per_vector": 256,
        "quality": {card["metric"]: {"value": 0.5, "low": 0.4, "high": 0.6}},
        "agreement": 0.5,
        "drop_in_overlap": 0.25,
    }
    told = {**card, "space": {"text": "They have 64 dimensions."}, "prefixes": [entry]}
    page = page_of(replace(search_material, scorecard=told))
    assert page.space == "They have 64 dimensions."
    assert page.contents["prefixes"] == "What shorter vectors cost"
    assert [cell.text for cell in page.prefixes.rows[0].cells][2:] == ["50.0%", "25.0%"]
    assert (page_of(search_material).space, page_of(search_material).prefixes) == ("", None)
