"""Lists are scored pair by pair or by cosines, each candidate on its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from understudy.students.scoring import CosineScores, PairScores, body_of, kind_of_folder
from understudy.students.sentence import StaticEncoder
from understudy.students.text_transformers import preset_classifier


def network(kind: str) -> nn.Module:
    torch.manual_seed(0)
    if kind == "pair":
        return PairScores(preset_classifier("tiny", 30, 1, 16)).eval()
    return CosineScores(StaticEncoder(30, 8)).eval()


@pytest.mark.parametrize("kind", ["pair", "cosine"])
def test_a_candidate_has_the_score_that_it_has_alone(kind: str):
    scorer = network(kind)
    ids, mask = torch.randint(1, 30, (2, 4, 6)), torch.ones(2, 4, 6, dtype=torch.long)
    mask[1, 2, 3:] = 0
    chosen = [2] if kind == "pair" else [0, 2]
    with torch.no_grad():
        whole = scorer(ids, mask)
        alone = scorer(ids[1:, chosen], mask[1:, chosen])
        ids[1, 2, 3:] = 7
        padded = scorer(ids, mask)
    assert whole.shape == ((2, 4) if kind == "pair" else (2, 3))
    assert torch.allclose(alone[0, 0], whole[1, 2 if kind == "pair" else 1], atol=1e-5)
    assert torch.allclose(padded, whole, atol=1e-5)


def test_a_document_that_equals_its_query_has_the_largest_score():
    ids = torch.tensor([[[1, 2], [3, 4], [1, 2]]])
    with torch.no_grad():
        scores = network("cosine")(ids, torch.ones_like(ids))
    assert scores[0, 1].item() == pytest.approx(20.0, abs=1e-4)
    assert scores[0, 0] < scores[0, 1]


@pytest.mark.parametrize("kind", ["pair", "cosine"])
def test_the_body_is_what_reads_one_at_a_time(kind: str):
    scorer = network(kind)
    assert body_of(scorer) is scorer.body
    assert body_of(scorer.body) is scorer.body


def test_folders_are_told_apart(tmp_path: Path):
    def folder(name: str, architectures: list[str], *, modules: bool) -> str:
        place = tmp_path / name
        place.mkdir()
        (place / "config.json").write_text(json.dumps({"architectures": architectures}))
        if modules:
            (place / "modules.json").write_text("[]")
        return str(place)

    assert kind_of_folder(folder("a", ["BertForSequenceClassification"], modules=False)) == "pair"
    assert kind_of_folder(folder("b", ["BertModel"], modules=True)) == "cosine"
    assert kind_of_folder(folder("c", ["BertModel"], modules=False)) is None
    assert kind_of_folder(str(tmp_path / "nowhere")) is None
