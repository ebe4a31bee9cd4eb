"""A cache of the tests' own, and a small transfer set of real scans that many of them share."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from torch import nn

    from understudy.data.rows import Rows
    from understudy.tasks import Prepared

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before torch is imported, here and in what tests start

DIGITS = 300

ASKED = {
    "music": ("play the song {}", "put {} on repeat please", "skip {} now", "louder, this is {}"),
    "weather": ("will it rain in {}", "how cold is {} today", "is {} sunny", "wind near {}"),
    "travel": ("book a train to {}", "the cheapest flight to {}", "a hotel in {}", "way to {}"),
}
PLACES = [
    "paris",
    "oslo",
    "rome",
    "lima",
    "cairo",
    "quito",
    "seoul",
    "delhi",
    "accra",
    "tunis",
    "bern",
    "riga",
    "kyiv",
    "doha",
    "baku",
]
"""What is asked of a chatbot, 4 x 15 texts of each of three classes."""


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of $UNDERSTUDY_CACHE: never the user's own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNDERSTUDY_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def digits_rows() -> Rows:
    """The first 300 optical digits of scikit-learn, 8 x 8 grey, all of them different."""
    from understudy.data import sources

    return sources.read("sklearn:digits").select(range(DIGITS))


@pytest.fixture(scope="session")
def prepared(digits_rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Those digits, prepared once for the whole session; read only."""
    from understudy.data.settings import Data
    from understudy.tasks.image_classification import ImageClassification

    folder = tmp_path_factory.mktemp("prepared") / "digits"
    return ImageClassification().prepare({"train": digits_rows}, Data(digits_rows), folder)


@pytest.fixture(scope="session")
def small_network(prepared: Prepared) -> Callable[..., nn.Module]:
    """Makes an untrained network that reads the prepared digits, the same for the same seed."""
    import torch

    from understudy.students import build, read_blueprint
    from understudy.tasks.image_classification import ImageClassification

    def make(seed: int = 0, source: str = "mlp-16", dropout: float = 0.0) -> nn.Module:
        form, classes = prepared.facts.form, len(prepared.facts.classes)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            body = build(read_blueprint(source, tuple(form["shape"]), classes, dropout))
        return ImageClassification().network(body, form)

    return make


@pytest.fixture(scope="session")
def asked() -> tuple[list[str], list[str]]:
    """180 different texts and their classes, in mixed order."""
    rows = [
        (form.format(place), label)
        for place in PLACES
        for number in range(4)
        for label, form in ((label, forms[number]) for label, forms in ASKED.items())
    ]
    return [text for text, _ in rows], [label for _, label in rows]


@pytest.fixture(scope="session")
def scored_on(asked: tuple[list[str], list[str]]) -> Callable[[Path], None]:
    """Writes what vectors of those texts are scored on: `pairs.csv`, and a `search` of BEIR."""

    def write(folder: Path) -> None:
        texts, labels = asked
        with (folder / "pairs.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "text_2", "score"])
            for row in range(40):
                gold = 1 + 4 * (labels[row] == labels[row + 1]) + row / 100
                writer.writerow([texts[row], texts[row + 1], gold])
        search = folder / "search"
        (search / "qrels").mkdir(parents=True)
        documents = [
            {"_id": f"d{row}", "title": "", "text": text} for row, text in enumerate(texts)
        ]
        queries = [{"_id": f"q{row}", "text": f"{texts[row]} please"} for row in range(12)]
        for name, entries in (("corpus", documents), ("queries", queries)):
            (search / f"{name}.jsonl").write_text("\n".join(map(json.dumps, entries)))
        judged = "".join(f"q{row}\td{row}\t1\nq{row}\td{row + 3}\t1\n" for row in range(12))
        (search / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)

    return write


@pytest.fixture(scope="session")
def text_rows(asked: tuple[list[str], list[str]]) -> Callable[..., Rows]:
    """Makes rows of columns; of `text` and `label`, those texts, where none are given."""
    from understudy.data.cells import objects
    from understudy.data.rows import Rows

    def make(**columns: list[object]) -> Rows:
        given = columns or dict(zip(("text", "label"), asked, strict=True))
        return Rows({name: objects(cells) for name, cells in given.items()}, "asked", repr(given))

    return make


@pytest.fixture(scope="session")
def texts(text_rows: Callable[..., Rows], tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Those texts, prepared once for the whole session; read only."""
    from understudy.data.settings import Data
    from understudy.tasks.text_classification import TextClassification

    rows, folder = text_rows(), tmp_path_factory.mktemp("prepared") / "asked"
    return TextClassification().prepare({"train": rows}, Data(rows, most_tokens=12), folder)


@dataclass(frozen=True)
class Said:
    """What a command left its user with."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def command() -> Callable[..., Said]:
    """Runs the command line in this process: `command("plan", "digits")`."""
    from understudy import cli

    def run(*words: object) -> Said:
        out, err, code = io.StringIO(), io.StringIO(), 0
        before = signal.getsignal(signal.SIGINT)
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            patch.setattr(sys, "argv", ["understudy", *map(str, words)])
            try:
                cli.main()
            except SystemExit as end:
                code = int(end.code or 0)
            finally:
                signal.signal(signal.SIGINT, before)
        return Said(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def tagged(
    asked: tuple[list[str], list[str]], tmp_path_factory: pytest.TempPathFactory
) -> Prepared:
    """Pairs of those texts in one, with the labels of both; prepared once, read only."""
    from understudy.data.cells import objects
    from understudy.data.rows import Rows
    from understudy.data.settings import Data
    from understudy.tasks.text_multilabel import TextMultilabel

    texts, labels = asked
    pairs = [(row, row if row % 3 == 0 else (7 * row + 1) % 180) for row in range(180)]
    columns = {
        "text": objects([" and ".join({texts[a], texts[b]}) for a, b in pairs]),
        "label": objects([sorted({labels[a], labels[b]}) for a, b in pairs]),
    }
    rows, folder = Rows(columns, "tagged", "tagged"), tmp_path_factory.mktemp("tagged") / "key"
    return TextMultilabel().prepare({"train": rows}, Data(rows, most_tokens=24), folder)
