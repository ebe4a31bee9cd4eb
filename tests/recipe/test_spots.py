from __future__ import annotations

from understudy.recipe.spots import Origin, Spot

ORIGIN = Origin("mnist.yaml", {("training",): 4, ("training", "epochs"): 5, ("export", 1): 9})


def test_a_value_without_a_line_takes_that_of_what_holds_it():
    assert ORIGIN.at(("training", "epochs")) == "mnist.yaml, line 5"
    assert ORIGIN.at(("training", "seed")) == "mnist.yaml, line 4"
    assert ORIGIN.at(("teacher",)) == "mnist.yaml"


def test_the_last_override_above_a_value_is_where_it_came_from():
    first = (("training",), "training={}")
    second = (("training", "epochs"), "training.epochs=2")
    origin = Origin("mnist.yaml", ORIGIN.lines, (first, second))
    assert origin.at(("training", "epochs")) == "--set training.epochs=2"
    assert origin.at(("training", "seed")) == "--set training={}"
    assert origin.at(("export", 1)) == "mnist.yaml, line 9"


def test_labels_name_keys_items_and_leave_out_the_names_of_terms():
    spot = Spot(ORIGIN).key("objective").item(0).inside("soft_labels").key("weight")
    assert spot.label == "objective[0].weight"
    assert spot.path == ("objective", 0, "soft_labels", "weight")


def test_sentences_begin_with_the_place():
    spot = Spot(ORIGIN).key("export").item(1)
    assert str(spot.refuse("is odd")) == "mnist.yaml, line 9: export[1] is odd"
    assert str(spot.tell("all is odd")) == "mnist.yaml, line 9: all is odd"
    assert str(Spot(ORIGIN).refuse("is odd")) == "mnist.yaml: the recipe is odd"
