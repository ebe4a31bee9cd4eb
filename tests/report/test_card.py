from pathlib import Path

from understudy.report.card import model_card, write_card

QUALITY = {"accuracy": {"value": 0.97, "low": 0.95, "high": 0.99}}
MODEL = {
    "quality": QUALITY,
    "parameters": 2410,
    "bytes": 9944,
    "calibration": {"ece": 0.01, "brier": 0.02},
}
VERSUS = {"agreement": 0.98, "harmful_flips": 0.02, "inherited_errors": 0.004}
SCORECARD = {
    "task": "image-classification",
    "metric": "accuracy",
    "rows": 540,
    "why": "Ship, since every requirement holds for onnx.",
    "models": {"teacher": {**MODEL, "bytes": None}, "student": MODEL},
    "comparison": {"student": VERSUS},
    "data": {"rows": 1797, "unlabelled": 7, "findings": [{"text": "3 rows | repeat"}]},
    "advice": ["Take *care*."],
}


def test_the_card_states_quality_limits_and_how_it_was_made():
    card = model_card("digits", SCORECARD, ("zero", "one"))
    assert card.startswith("---\nlibrary_name: understudy\npipeline_tag: image-classification\n")
    assert "| student | 0.9700 | 0.9500 to 0.9900 | 98.00% | 2.00% | 9,944 |" in card
    assert "one of 2 classes (zero, one)" in card
    assert "1,797 rows (7 of them without a label)" in card
    assert "It breaks 2.00% of the answers" in card


def test_the_card_of_a_search_speaks_of_vectors_not_of_classes(search_material):
    card = model_card("scifact", search_material.scorecard, ())
    assert "pipeline_tag: sentence-similarity" in card
    assert "it gives each text a vector" in card
    assert "On 40 test queries, on which it was not trained:" in card
    assert "| model | nDCG@10 | 95% interval | shares the teacher's ten nearest |" in card
    assert "In an index that its teacher made it finds" in card
    apart = model_card("scifact", {**search_material.scorecard, "space": {"dimensions": 8}}, ())
    assert "made, brought into its space by `projection.safetensors`, it finds" in apart
    assert "of the queries its teacher finds something relevant" in card
    for word in ("calibration", "Brier", "classes", "The control is", "None"):
        assert word not in card


def test_the_card_of_pairs_has_no_flips(pairs_material):
    card = model_card("stsb", pairs_material.scorecard, ())
    assert "| model | Spearman correlation |" in card
    assert "of the queries" not in card


def test_nothing_from_the_data_becomes_markup():
    card = model_card("d", SCORECARD, ("<script>", "a\n# heading", "b|c"))
    assert "\\<script\\>, a \\# heading, b\\|c" in card
    assert "3 rows \\| repeat" in card
    assert "Take \\*care\\*." in card


def test_the_file_is_the_card(tmp_path: Path):
    write_card(tmp_path / "README.md", "digits", SCORECARD, ("zero",))
    assert (tmp_path / "README.md").read_text() == model_card("digits", SCORECARD, ("zero",))
