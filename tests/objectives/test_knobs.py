import math

import pytest

from understudy.errors import RequestError
from understudy.objectives import (
    AlphaBeta,
    Corrected,
    Correlations,
    DecoupledLabels,
    JensenShannon,
    PlackettLuce,
    RefinedLabels,
    ReverseKl,
    SkewedKl,
    SkewedReverseKl,
    SoftCrossEntropy,
    SoftLabels,
    StandardisedLogits,
    SymmetricKl,
    recipe_name,
)

REFUSED = [
    (SoftCrossEntropy, {"temperature": 0}, "soft_cross_entropy: temperature is 0; it must be abo"),
    (StandardisedLogits, {"temperature": -1}, "standardised_logits: temperature is -1; it must be"),
    (ReverseKl, {"temperature": math.nan}, "reverse_kl: temperature is nan; it must be above 0"),
    (SymmetricKl, {"temperature": 0}, "symmetric_kl: temperature is 0"),
    (JensenShannon, {"temperature": 0}, "jensen_shannon: temperature is 0"),
    (JensenShannon, {"teacher_share": 1.5}, "teacher_share is 1.5; it must be between 0 and 1"),
    (JensenShannon, {"teacher_share": 0}, "there the loss is 0 everywhere; set normalised to true"),
    (SkewedKl, {"skew": 1}, "skewed_kl: skew is 1; it must be 0 or more and below 1"),
    (SkewedReverseKl, {"skew": -0.1}, "skewed_reverse_kl: skew is -0.1; it must be 0 or more"),
    (AlphaBeta, {"beta": -1}, "alpha_beta: beta is -1; it must be 0 or more"),
    (DecoupledLabels, {"others": -1}, "decoupled_labels: others is -1; it must be 0 or more"),
    (RefinedLabels, {"confidence_temperature": 0}, "refined_labels: confidence_temperature is 0"),
    (Correlations, {"intra": -1}, "correlations: intra is -1; it must be 0 or more"),
    (Corrected, {"label_share": 1}, "corrected: label_share is 1; it must be above 0 and below 1"),
    (Corrected, {"confidence": -1}, "corrected: confidence is -1; it must be 0 or more"),
    (Corrected, {"when_wrong": "drop"}, "when_wrong is drop; it must be keep, blend, skip or"),
    (Corrected, {"term": PlackettLuce()}, "term is PlackettLuce; it must read the teacher's logit"),
    (Corrected, {"term": Correlations()}, "corrected: term is Correlations; it must read the teac"),
    (Corrected, {"term": SoftLabels("auto")}, "'auto'; give SoftLabels a number here"),
]


@pytest.mark.parametrize(("kind", "knobs", "sentence"), REFUSED)
def test_a_knob_out_of_range_is_refused_in_one_sentence(kind, knobs, sentence):
    with pytest.raises(RequestError) as caught:
        kind(**knobs)
    assert sentence in str(caught.value)


def test_a_recipe_names_a_class_in_snake_case():
    assert recipe_name(StandardisedLogits) == "standardised_logits"
    assert recipe_name(ReverseKl) == "reverse_kl"
