"""What an artefact is proven on, and what a quantiser is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from understudy import export
from understudy.pipeline import exporting
from understudy.pipeline.distilling import Production
from understudy.pipeline.exporting import CALIBRATION_ROWS, PARITY_ROWS, write_artefact
from understudy.tasks.folders import read_facts
from understudy.tasks.prepared import spread


def test_it_is_proven_on_test_rows_and_shown_training_rows(
    production: Production, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    given: dict[str, Any] = {}

    class Kind:
        @staticmethod
        def write(network, facts, inputs, folder, calibration):
            given.update(inputs=inputs["image"], calibration=calibration["image"])
            return {"bytes": 1}

    monkeypatch.setattr(export, "exporter", lambda form: Kind)
    production.trained("student")
    facts = read_facts(production.folder("student"))
    network, prepared = production.network("student"), production.prepared
    made = write_artefact("any", network, production.student, prepared, facts, tmp_path / "out")
    assert made == {"bytes": 1}
    for name, rows in (
        ("inputs", prepared.splits["test"][:PARITY_ROWS]),
        ("calibration", spread(prepared.splits["train"], CALIBRATION_ROWS)),
    ):
        assert np.array_equal(given[name], prepared.inputs(rows, ("image",))["image"])
    assert exporting.PARITY_ROWS == 64
