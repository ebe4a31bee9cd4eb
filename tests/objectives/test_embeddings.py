"""The formulas of embeddings, against plain float64 numpy, and what the choices add."""

import numpy as np
import pytest
import torch

from understudy.errors import RequestError
from understudy.objectives import SoftLabels
from understudy.objectives.embeddings import (
    ContrastiveEmbedding,
    EmbeddingCosine,
    EmbeddingSquaredError,
    Matryoshka,
    SimilarityKl,
    SoftContrastiveEmbedding,
    similarity_kl,
    soft_contrast,
    squared_distance,
)

NONE = torch.zeros(6)
SAME_WIDTH = (
    EmbeddingCosine(),
    EmbeddingSquaredError(),
    ContrastiveEmbedding(),
    SoftContrastiveEmbedding(),
)


def unit(table: np.ndarray) -> np.ndarray:
    return table / np.sqrt((table**2).sum(axis=1, keepdims=True))


def kl(said: np.ndarray, shown: np.ndarray) -> float:
    q, p = (np.exp(each) / np.exp(each).sum() for each in (said, shown))
    return float((q * np.log(q / p)).sum())


def value(term, student, teacher):
    return term.per_row({"embedding": student}, {"embedding": teacher}, NONE)


def tensors(pair, rows=6, width=5):
    return tuple(torch.tensor(table) for table in pair(rows, width))


def test_value_and_gradient_of_the_cosine(agree, pair):
    student, teacher = pair()
    said = torch.tensor(teacher)
    agree(
        lambda shown: value(EmbeddingCosine(), shown, said),
        lambda shown: 1 - (unit(shown) * unit(teacher)).sum(axis=1),
        student,
    )


def test_value_and_gradient_of_the_squared_distance(agree, pair):
    student, teacher = pair()
    said = torch.tensor(teacher)
    agree(
        lambda shown: squared_distance(shown, said),
        lambda shown: np.array([np.dot(row, row) for row in shown - teacher]),
        student,
    )


@pytest.mark.parametrize("width", [3, 5])
def test_value_and_gradient_of_the_similarities(agree, pair, width):
    student, teacher = pair()[0], pair(classes=width)[1]

    def reference(shown):
        mine, theirs = (unit(each) @ unit(each).T / 0.5 for each in (shown, teacher))
        return np.array(
            [kl(np.delete(theirs[row], row), np.delete(mine[row], row)) for row in range(6)]
        )

    said = torch.tensor(teacher)
    agree(lambda shown: similarity_kl(shown, said, temperature=0.5), reference, student)


def test_value_and_gradient_of_the_soft_contrast(agree, pair):
    student, teacher = pair()

    def reference(shown):
        mine, theirs = (unit(each) @ unit(teacher).T / 0.5 for each in (shown, teacher))
        return np.array([kl(*rows) for rows in zip(theirs, mine, strict=True)])

    said = torch.tensor(teacher)
    agree(lambda shown: soft_contrast(shown, said, temperature=0.5), reference, student)


def test_value_and_gradient_of_the_contrast(agree, pair):
    student, teacher = pair()

    def reference(shown):
        scores = unit(shown) @ unit(teacher).T / 0.2
        return -np.log(np.exp(scores.diagonal()) / np.exp(scores).sum(axis=1))

    said = torch.tensor(teacher)
    agree(lambda shown: value(ContrastiveEmbedding(0.2), shown, said), reference, student)


def test_value_and_gradient_of_a_matryoshka(agree, pair):
    student, teacher = pair()
    term = Matryoshka(EmbeddingCosine(), (2, 3), (0.5, 2.0))

    def cosine(shown, size):
        return 1 - (unit(shown[:, :size]) * unit(teacher[:, :size])).sum(axis=1)

    said = torch.tensor(teacher)
    agree(
        lambda shown: value(term, shown, said),
        lambda shown: 0.5 * cosine(shown, 2) + 2 * cosine(shown, 3) + cosine(shown, 5),
        student,
    )


def test_a_temperature_is_squared_outside_of_a_kl(pair):
    shown, said = tensors(pair)
    for term, formula in (
        (SimilarityKl(0.3), similarity_kl),
        (SoftContrastiveEmbedding(0.3), soft_contrast),
    ):
        expected = 0.09 * formula(shown, said, temperature=0.3)
        torch.testing.assert_close(value(term, shown, said), expected)


def test_of_length_one_the_squared_distance_is_twice_the_cosine_distance(pair):
    shown, said = (torch.nn.functional.normalize(each) for each in tensors(pair))
    torch.testing.assert_close(
        value(EmbeddingSquaredError(), shown, said), 2 * value(EmbeddingCosine(), shown, said)
    )


def test_a_turned_space_has_the_same_similarities_but_not_the_same_places(pair):
    _, said = tensors(pair)
    turned = said.flip(1)
    assert float(value(SimilarityKl(), turned, said).abs().max()) < 1e-9
    for term in SAME_WIDTH:
        assert float(value(term, turned, said).max()) > 1e-3


def test_twins_are_no_negatives_for_the_soft_contrast_alone():
    said = torch.eye(4).repeat(2, 1)
    assert float(value(SoftContrastiveEmbedding(), said, said).max()) < 1e-9
    torch.testing.assert_close(
        value(ContrastiveEmbedding(), said, said), torch.full((8,), np.log(2)).float()
    )


@pytest.mark.parametrize("rows", [1, 2])
def test_a_batch_without_a_choice_has_no_similarities_to_learn(rows):
    shown = torch.randn(rows, 4, requires_grad=True)
    found = value(SimilarityKl(), shown, torch.randn(rows, 3))
    found.sum().backward()
    assert found.tolist() == [0.0] * rows
    assert float(shown.grad.abs().max()) == 0


@pytest.mark.parametrize("term", [*SAME_WIDTH, Matryoshka(dimensions=(2,))], ids=repr)
def test_two_widths_are_refused_with_what_to_do(term):
    with pytest.raises(RequestError) as caught:
        value(term, torch.zeros(3, 4), torch.zeros(3, 6))
    sentence = (
        "the student's embeddings have 4 dimensions and the teacher's 6; end the student in a "
        "projection to 6, or reduce the teacher's embeddings to 4 by PCA"
    )
    assert sentence in str(caught.value)


def test_a_relational_matryoshka_meets_the_whole_teacher(pair):
    shown, said = tensors(pair)
    inner, wide = SimilarityKl(0.5), torch.cat([said, said.sin()], dim=1)
    term = Matryoshka(inner, (2,), (3.0,))
    expected = value(inner, shown, wide) + 3 * value(inner, shown[:, :2], wide)
    torch.testing.assert_close(value(term, shown, wide), expected)
    assert term.joint and term.relational and not term.zero_at_teacher


def test_a_matryoshka_is_what_its_term_is():
    cosine = Matryoshka()
    assert not cosine.joint and not cosine.relational and cosine.zero_at_teacher
    assert Matryoshka(SoftContrastiveEmbedding()).joint
    assert not Matryoshka(ContrastiveEmbedding()).zero_at_teacher


def test_the_whole_width_has_its_own_weight_where_it_is_listed(pair):
    shown, said = tensors(pair)
    alone = value(EmbeddingCosine(), shown, said)
    torch.testing.assert_close(value(Matryoshka(dimensions=(5,)), shown, said), alone)
    twice = Matryoshka(dimensions=(5,), weights=(2.0,))
    torch.testing.assert_close(value(twice, shown, said), 2 * alone)


def test_more_dimensions_than_there_are_are_refused():
    with pytest.raises(RequestError) as caught:
        value(Matryoshka(), torch.zeros(3, 128), torch.zeros(3, 128))
    assert str(caught.value) == (
        "matryoshka: dimensions go up to 256, but the student's embeddings have 128; "
        "name 128 or fewer"
    )


@pytest.mark.parametrize(
    ("kind", "knobs", "sentence"),
    [
        (SimilarityKl, {"temperature": 0}, "similarity_kl: temperature is 0; it must be above 0"),
        (ContrastiveEmbedding, {"temperature": -1}, "contrastive_embedding: temperature is -1"),
        (SoftContrastiveEmbedding, {"temperature": 0}, "soft_contrastive_embedding: temperature"),
        (Matryoshka, {"term": SoftLabels()}, "matryoshka: term is SoftLabels; it must read embed"),
        (Matryoshka, {"dimensions": ()}, "dimensions is (); they must be whole numbers that rise"),
        (Matryoshka, {"dimensions": (8, 4)}, "matryoshka: dimensions is (8, 4); they must be"),
        (Matryoshka, {"dimensions": (0, 4)}, "matryoshka: dimensions is (0, 4); they must be"),
        (Matryoshka, {"weights": (1.0,)}, "matryoshka: weights is (1.0,); give one of 0 or more"),
        (Matryoshka, {"weights": (1.0, -1.0, 1.0)}, "matryoshka: weights is (1.0, -1.0, 1.0); "),
    ],
)
def test_a_knob_out_of_range_is_refused_in_one_sentence(kind, knobs, sentence):
    with pytest.raises(RequestError) as caught:
        kind(**knobs)
    assert sentence in str(caught.value)
