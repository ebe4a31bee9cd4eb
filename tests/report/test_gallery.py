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
