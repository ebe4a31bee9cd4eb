import pytest

from understudy.objectives import OBJECTIVES, Correlations, HiddenFeatures, SoftLabels, recipe_name
from understudy.objectives.audit import LAWS, audit, shift, twice_the_batch
from understudy.objectives.audited import answer_of, as_loss, audit_all, laws_of
from understudy.objectives.binary import SoftBinaryLabels
from understudy.objectives.embeddings import EmbeddingCosine, SimilarityKl
from understudy.objectives.rankings import ListwiseKl

VERDICTS = audit_all()


@pytest.mark.parametrize("verdict", VERDICTS, ids=lambda verdict: verdict.name)
def test_every_objective_of_ours_is_right(verdict):
    assert verdict.is_right, verdict.line


def test_what_claims_kl_has_one_in_every_cell():
    claiming = [verdict for verdict in VERDICTS if verdict.claims == "kl"]
    wanted = {"soft_labels", "soft_cross_entropy", "soft_labels, fused", "listwise_kl, of scores"}
    assert wanted <= {verdict.name for verdict in claiming}
    for verdict in claiming:
        assert verdict.cells
        for cell in verdict.cells:
            assert cell.length == pytest.approx(1, abs=2e-3)
            assert cell.cosine == pytest.approx(1, abs=1e-4)


def test_every_objective_but_that_of_hidden_features_is_audited():
    names = {verdict.name.partition(",")[0] for verdict in VERDICTS}
    assert {recipe_name(kind) for kind in OBJECTIVES if kind is not HiddenFeatures} <= names


def test_a_verdict_on_other_tables_than_logits_says_so():
    lines = {verdict.name: verdict.line for verdict in VERDICTS}
    for kind in OBJECTIVES:
        table = answer_of(kind())
        line = lines.get(recipe_name(kind), "")
        assert ("(on embeddings" in line) == (table == "embedding")
        assert ("(on scores" in line) == (table == "scores")


def test_a_term_is_held_to_the_laws_of_what_it_reads():
    assert laws_of(SoftLabels()) == laws_of(Correlations()) == LAWS
    assert set(LAWS) - set(laws_of(SoftBinaryLabels())) == {shift}
    assert twice_the_batch in laws_of(EmbeddingCosine())
    assert twice_the_batch not in laws_of(SimilarityKl())
    verdict = audit(as_loss(SoftBinaryLabels()), claims="zero", laws=(shift,))
    assert "a constant added to the logits moves it" in verdict.line


def test_unlike_temperatures_are_seen_as_no_kl():
    verdict = audit({4.0: as_loss(ListwiseKl(4.0, 2.0))})
    assert not verdict.is_right
