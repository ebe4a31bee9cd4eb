"""Which classes are taken for which."""

from understudy.report.confusion import MOST_CLASSES, TOP, confusion


def test_counts_are_shaded_by_their_share_of_the_label():
    found = confusion("student", [[9, 1], [0, 10]], ["cat", "dog"])
    (right, wrong), (nothing, sure) = found.table
    assert (right.rows, right.right, wrong.right) == (9, True, False)
    assert (wrong.shade, nothing.shade, sure.shade) == (5, 0, 9)
    assert found.classes == ("cat", "dog")
    assert found.wrong == 1


def test_the_most_frequent_mistakes_come_first():
    found = confusion("student", [[5, 1, 4], [0, 10, 0], [2, 0, 8]], ["a", "b", "c"])
    told = [(mistake.label, mistake.answer, mistake.rows) for mistake in found.mistakes]
    assert told == [("a", "c", 4), ("c", "a", 2), ("a", "b", 1)]
    assert found.mistakes[0].share == 0.4


def test_many_classes_have_no_table_but_their_mistakes():
    size = MOST_CLASSES + 1
    counts = [[1] * size for _ in range(size)]
    found = confusion("student", counts)
    assert found.table == ()
    assert len(found.mistakes) == TOP
    assert found.mistakes[0].label == "0"


def test_missing_counts_and_empty_labels_are_nothing():
    found = confusion("student", [[None, 2], [0, 0]], ["cat"])
    assert found.classes == ("cat", "1")
    assert found.table[0][0].rows == 0
    assert [count.shade for count in found.table[1]] == [0, 0]
    assert confusion("student", []).classes == ()
