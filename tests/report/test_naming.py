"""Who is who among the models, and which of them the first figures are of."""

from understudy.report.naming import headline_model, model_names, role, row_words


def test_every_model_has_a_role():
    names = ("teacher", "control", "student", "rival-knn", "onnx", "onnx-int8")
    assert [role(name) for name in names] == [
        *("teacher", "control", "student", "rival", "artefact", "artefact"),
    ]


def test_models_are_listed_with_what_ships_before_the_rivals():
    models = {"rival-knn": {}, "onnx": {}, "student": {}, "browser": {}, "teacher": {}}
    assert model_names({"models": models}) == [
        *("teacher", "student", "onnx", "browser", "rival-knn"),
    ]


def test_the_first_figures_are_of_what_was_judged_or_else_of_what_ships():
    models = {"teacher": {}, "student": {}, "onnx": {}, "onnx-int8": {}}
    judged = [{"model": "gone"}, {"model": "onnx-int8"}]
    assert headline_model({"models": models, "requirements": judged}) == "onnx-int8"
    assert headline_model({"models": models}) == "onnx"
    assert headline_model({"models": {"teacher": {}, "student": {}}}) == "student"
    assert headline_model({}) == "student"


def test_a_test_is_of_rows_unless_the_scorecard_says_of_what():
    cards = ({"row_is": "query"}, {"row_is": "pair"}, {}, {"row_is": None}, {"row_is": "odd"})
    assert [row_words(card) for card in cards] == [
        *("test queries", "test pairs", "test rows", "test rows", "test rows"),
    ]
