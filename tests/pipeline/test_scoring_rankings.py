"""Rankings come from scores of lists; whole runs are in the tests of rerankers."""

from __future__ import annotations

import numpy as np

from understudy.pipeline.scoring_rankings import ranking_of

FOUND = np.array([[7, 3], [5, -1], [3, 9]])
ASKED = np.array([0, 0, 1])


def test_rows_of_one_query_make_one_ranking():
    scores = np.array([[0.5, 2.0], [1.0, 99.0], [-1.0, -2.0]])
    ranking = ranking_of(scores, ASKED, FOUND)
    assert ranking.documents.tolist() == [[3, 5, 7, -1], [3, 9, -1, -1]]
    assert ranking.scores[0, :3].tolist() == [2.0, 1.0, 0.5]
    assert np.isneginf(ranking.scores[0, 3])


def test_equal_scores_leave_the_order_that_candidates_came_in():
    ranking = ranking_of(np.zeros((3, 2)), ASKED, FOUND)
    assert ranking.documents.tolist() == [[7, 3, 5, -1], [3, 9, -1, -1]]
