"""Rows to look at: grouped, judged, and with pictures that fit into a mail."""

from understudy.report import Example, gallery


def _example(kind="harmful flip", **rest):
    return Example(kind, 7, "cat", {"teacher": ("cat", 0.912), "student": ("dog", 0.5)}, **rest)


def test_flips_stand_apart_from_doubtful_data(examples):
    flips = gallery.groups(examples, flips=True)
    rest = gallery.groups(examples, flips=False)
    assert [(group.title, len(group.cards)) for group in flips] == [
        *(("Harmful flips", 3), ("Helpful flips", 1), ("Inherited errors", 2)),
    ]
    assert [group.title for group in rest] == ["Suspect labels", "Duplicates"]
    assert [group.judged for group in rest] == [False, True]


def test_answers_are_judged_by_the_label():
    (group,) = gallery.groups([_example()], flips=True)
    teacher, student = group.cards[0].answers
    assert (teacher.said, teacher.confidence, teacher.right) == ("cat", "91%", True)
    assert (student.said, student.confidence, student.right) == ("dog", "50%", False)


def test_an_example_may_say_who_is_right():
    answers = {"teacher": ("place 3", None), "student": ("a document", None)}
    right = {"teacher": True, "student": False}
    example = Example("lost query", 4, "the document", answers, text="a query", right=right)
    (group,) = gallery.groups([example], flips=True)
    assert (group.title, group.label, group.wide) == ("Harmful flips", "Relevant:", True)
    teacher, student = group.cards[0].answers
    assert (teacher.right, student.right) == (True, False)
    assert (teacher.said, teacher.confidence) == ("place 3", "")


def test_worst_matches_stand_on_their_own_and_are_not_judged(search_material):
    examples = search_material.examples
    (group,) = gallery.matches(examples)
    assert (group.title, len(group.cards), group.judged) == ("Worst matches", 3, False)
    assert gallery.groups(examples, flips=False) == []
    assert [group.title for group in gallery.groups(examples, flips=True)] == [
        *("Harmful flips", "Helpful flips"),
    ]


def test_long_texts_are_cut_and_columns_set_apart():
    example = _example(text="first\x1fsecond " + "x" * 500)
    (group,) = gallery.groups([example], flips=True)
    text = group.cards[0].text
    assert text.startswith("first · second xxx")
    assert text.endswith("x…")
    assert len(text) == gallery.MOST_LETTERS
    assert not gallery.groups([_example()], flips=True)[0].wide


def test_kinds_that_are_not_known_are_shown_under_their_own_name():
    (group,) = gallery.groups([_example("blurred")], flips=False)
    assert (group.title, group.note) == ("blurred", "")


def test_pictures_are_inside_the_page_until_they_weigh_too_much(png, monkeypatch):
    monkeypatch.setattr(gallery, "PICTURE_BYTES", 2 * len(png) + 1)
    (group,) = gallery.groups([_example(picture=png)] * 3, flips=True)
    found = [card.picture[:22] for card in group.cards]
    assert found == ["data:image/png;base64,", "data:image/png;base64,", ""]


def test_what_is_no_png_is_not_shown():
    (group,) = gallery.groups([_example(picture=b"<svg/>", text="hello")], flips=True)
    assert (group.cards[0].picture, group.cards[0].text) == ("", "hello")
