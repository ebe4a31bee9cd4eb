import json
from dataclasses import replace
from pathlib import Path

import pytest
from pyarrow import parquet

from understudy.pipeline.contenders import contenders
from understudy.pipeline.contenders import test_rows as rows_set_aside
from understudy.pipeline.distilling import Production
from understudy.pipeline.scoring import conclude, score


@pytest.fixture(scope="module")
def scored(production: Production, tmp_path_factory: pytest.TempPathFactory) -> tuple:
    folder = tmp_path_factory.mktemp("scored")
    # Memory is measured in a process of its own; tests/evaluation/test_memory.py does so.
    models = {
        name: replace(model, stored=None)
        for name, model in contenders(production, production.rival_names, ()).items()
    }
    card, answers = score(
        models,
        production.task,
        rows_set_aside(production),
        production.recipe.evaluation,
        folder=folder,
        data={"rows": 300},
        knowledge={"reused": False},
    )
    return folder, card, answers


def test_every_model_is_asked_and_timed(scored: tuple):
    _, card, answers = scored
    assert list(card["models"]) == list(answers)
    for model in card["models"].values():
        assert 0 < model["latency_ms"]["p50"] <= model["latency_ms"]["p95"]
        assert model["throughput_per_s"] > 0
        assert model["peak_memory_mb"] is None
    assert set(card["comparison"]) == set(answers) - {"teacher"}
    assert (card["data"], card["knowledge"]) == ({"rows": 300}, {"reused": False})


def test_the_predictions_are_written_and_nothing_else(scored: tuple, production: Production):
    folder, card, _ = scored
    assert [path.name for path in folder.iterdir()] == ["predictions.parquet"]
    table = parquet.read_table(folder / "predictions.parquet")
    assert table.num_rows == card["rows"] == len(production.prepared.splits["test"])


def test_a_card_has_no_verdict_before_it_is_judged(scored: tuple):
    _, card, _ = scored
    assert "verdict" not in card
    passed = conclude(card, ["accuracy >= 0.01"], ["student"])
    assert (passed["verdict"], len(passed["requirements"])) == ("ship", 1)
    failed = conclude(card, ["accuracy >= 0.01", "accuracy > 1"], ["student"])
    assert failed["verdict"] == "do not ship"
    assert [result["passed"] for result in failed["requirements"]] == [True, False]
    assert conclude(card, [], ["student"])["verdict"] == "no requirements"


def test_every_model_that_ships_is_judged(scored: tuple):
    _, card, _ = scored
    results = conclude(card, ["accuracy > 0"], ["student", "control"])["requirements"]
    assert [result["model"] for result in results] == ["student", "control"]


def test_memory_is_asked_of_a_process_of_its_own(
    production: Production, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from understudy.pipeline import scoring

    seen = {}

    def measured(models: dict, rows: Path, batch: int, loaders: dict) -> dict:
        assert rows.is_file()
        seen.update(models)
        return dict.fromkeys(models, 1.5)

    monkeypatch.setattr(scoring, "peak_memory", measured)
    card, _ = score(
        contenders(production, (), ()),
        production.task,
        rows_set_aside(production),
        production.recipe.evaluation,
        folder=tmp_path,
        data={},
        knowledge={},
    )
    assert {model.loader for model in seen.values()} == {"network"}
    assert card["models"]["student"]["peak_memory_mb"] == 1.5
    assert json.dumps(card, allow_nan=False)
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.parquet"]


@pytest.mark.parametrize("kind", ["network", "rival", "onnx"])
def test_every_loader_that_is_named_exists(kind: str):
    import importlib

    from understudy.pipeline.scoring import LOADERS

    module, _, function = LOADERS[kind].partition(":")
    assert callable(getattr(importlib.import_module(module), function))
