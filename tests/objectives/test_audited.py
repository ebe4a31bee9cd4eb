import pytest

from understudy.objectives import OBJECTIVES, HiddenFeatures, recipe_name
from understudy.objectives.audited import audit_all

VERDICTS = audit_all()


@pytest.mark.parametrize("verdict", VERDICTS, ids=lambda verdict: verdict.name)
def test_every_objective_of_ours_is_right(verdict):
    assert verdict.is_right, verdict.line


def test_what_claims_kl_has_one_in_every_cell():
    claiming = [verdict for verdict in VERDICTS if verdict.claims == "kl"]
    assert {"soft_labels", "soft_cross_entropy", "soft_labels, fused"} <= {
        verdict.name for verdict in claiming
    }
    for verdict in claiming:
        assert verdict.cells
        for cell in verdict.cells:
            assert cell.length == pytest.approx(1, abs=2e-3)
            assert cell.cosine == pytest.approx(1, abs=1e-4)


def test_every_objective_of_logits_is_audited():
    names = {verdict.name.partition(",")[0] for verdict in VERDICTS}
    of_logits = set(OBJECTIVES) - {HiddenFeatures}
    assert {recipe_name(kind) for kind in of_logits} <= names
