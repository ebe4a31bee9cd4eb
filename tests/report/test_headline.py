"""The first screen: the state of the verdict in words, and the figures under it."""

import pytest

from understudy.report.headline import tiles, verdict


@pytest.mark.parametrize(
    ("state", "why", "label", "sign", "reason"),
    [
        ("ship", "Ship, since all holds.", "Ship", "ship", "since all holds."),
        (
            "do not ship",
            "Do not ship, since onnx does not meet agreement >= 0.9 (0.5).",
            "Do not ship",
            "stop",
            "since onnx does not meet agreement >= 0.9 (0.5).",
        ),
        (
            "no requirements",
            "No requirement was set.",
            "No requirements",
            "open",
            "No requirement was set.",
        ),
        (None, None, "No verdict", "open", ""),
    ],
)
def test_each_state_has_words_and_a_sign_of_its_own(state, why, label, sign, reason):
    found = verdict({"verdict": state, "why": why})
    assert (found.label, found.sign, found.reason) == (label, sign, reason)
    assert found.sentence == (why or "No verdict.")


def test_the_rest_of_the_sentence_becomes_sentences_and_models_keep_their_names():
    why = "Ship, since all holds; the student keeps 99%; rival-knn, a rival, is as good."
    found = verdict({"verdict": "ship", "why": why, "models": {"rival-knn": {}}})
    assert found.clauses == ("The student keeps 99%.", "rival-knn, a rival, is as good.")


def _figures(card):
    return {tile.title: (tile.figure, tile.note) for tile in tiles(card)}


def test_the_tiles_are_of_the_artefact_that_ships(card):
    found = _figures(card)
    assert found["Quality kept"] == ("99.2%", "accuracy 97.4%, the teacher has 98.1%")
    assert found["The teacher added"][0] == "+1.3 points"
    assert found["The teacher added"][1] == "over the control, +0.2 to +2.4, p = 0.021"
    assert found["Recovered gap"][0] == "64%"
    assert found["Size"] == ("404× smaller", "11.9 kB instead of 4.80 MB")
    assert found["Speed"][0] == "72× faster"


def test_a_difference_that_may_be_chance_says_so(card):
    beside = card["comparison"]["onnx"]["control"]
    beside["difference"] = {"value": 0.002, "low": -0.004, "high": 0.008}
    beside["p_value"] = 1e-5
    note = "over the control, −0.4 to +0.8, p < 0.001, which may be chance"
    assert _figures(card)["The teacher added"] == ("+0.2 points", note)


def test_a_gap_that_is_not_defined_gives_its_reason(card):
    gap = {"value": None, "low": None, "high": None, "reason": "there is no gap"}
    card["comparison"]["onnx"]["recovered_gap"] = gap
    assert _figures(card)["Recovered gap"] == ("not defined", "there is no gap")


def test_a_search_says_what_becomes_of_neighbours(search_material, pairs_material):
    found = _figures(search_material.scorecard)
    versus = search_material.scorecard["comparison"]["onnx"]
    assert found["Neighbours kept"] == (
        f"{versus['agreement']:.1%}",
        f"of the teacher's ten nearest; {versus['drop_in_overlap']:.1%} in an index that the "
        "teacher made",
    )
    apart = _figures({**search_material.scorecard, "space": {"dimensions": 128}})
    assert apart["Neighbours kept"][1].endswith("the teacher made, brought into its space")
    assert "Recovered gap" not in found
    assert found["Quality kept"][1].startswith("nDCG@10 0.")
    assert _figures(pairs_material.scorecard)["Quality kept"][1].startswith("Spearman correlation")


def test_neighbours_in_another_space_say_nothing_of_the_index(search_material):
    versus = {"agreement": 0.5, "drop_in_overlap": None}
    card = {**search_material.scorecard, "comparison": {"onnx": versus}}
    assert _figures(card)["Neighbours kept"] == ("50.0%", "of the teacher's ten nearest")


def test_larger_and_slower_are_said_as_such(card):
    card["comparison"]["onnx"] |= {"size_ratio": 0.5, "speedup": 0.1}
    found = _figures(card)
    assert (found["Size"][0], found["Speed"][0]) == ("2.0× larger", "10× slower")


def test_an_empty_scorecard_has_tiles_without_figures():
    assert {figure for figure, _ in _figures({}).values()} == {"–", "not known", "not defined"}
