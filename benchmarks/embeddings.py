"""Small encoders in the teacher's own space, on STS-B and SciFact, beside Model2Vec.

    python benchmarks/embeddings.py ENCODER [--peer PYTHON] [--data DIR] [--out DIR]

ENCODER is a folder of all-MiniLM-L6-v2. Every student learns from the same stored vectors of the
same transfer set (sentences of STS-B's training part, SciFact's documents and training claims,
questions of CLINC150, phrases of SST-2, descriptions of AG News; the deep student, for time, from
a third of those up to 200 characters); no test text is among them, but for the documents. With
`--peer`, a Python that has model2vec installed (it pins another transformers, so it needs an
environment of its own) distils the same encoder by that library in the same run.

Prints, for each model: Spearman's correlation with the gold scores and with the teacher's cosines
on the STS-B test; nDCG@10 on SciFact and the share of the teacher's ten nearest documents kept, in
the model's own space and, for its queries, among the teacher's vectors; bytes; texts a second.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import understudy
from understudy.data import sources
from understudy.data.beir import Search, read_beir
from understudy.evaluation import retrieval
from understudy.evaluation.networks import TeacherPredictor
from understudy.evaluation.predictor import Predictor, tables_of
from understudy.evaluation.speed import measure
from understudy.pipeline.running import distill
from understudy.recipe.schema import Evaluation, Recipe
from understudy.recipe.students import Cut, FromTeacher, Preset
from understudy.students.sentence import StaticEncoder
from understudy.students.sentence_folders import read_encoder
from understudy.students.tokens import read_tokens
from understudy.tasks.reading import Tokenised
from understudy.teachers import NetworkTeacher
from understudy.training.settings import Training

HERE = Path(__file__).parent
SHARED = HERE / "../../shared/data"
PHRASES = 30_000
FURTHER = "potion-base-4m"
"""A Model2Vec model of a larger teacher (bge-base), 8 bits, 128 features."""
SHORT = 200
"""Characters of the texts that the deep student learns from, at most."""

DISTILLED_BY_MODEL2VEC = """
import sys
from model2vec.distill import distill
dimensions = None if sys.argv[3] == "none" else int(sys.argv[3])
model = distill(model_name=sys.argv[1], pca_dims=dimensions)
model.save_pretrained(sys.argv[2])
"""
EMBEDDED_BY_MODEL2VEC = """
import json, sys, time
import numpy as np
from model2vec import StaticModel
model = StaticModel.from_pretrained(sys.argv[1])
texts = json.load(open(sys.argv[2]))
model.encode(texts[:64])
began = time.perf_counter()
vectors = model.encode(texts, use_multiprocessing=False)
print(len(texts) / (time.perf_counter() - began))
np.save(sys.argv[3], np.asarray(vectors, dtype=np.float32))
"""


@dataclass(frozen=True)
class Tests:
    """Scored pairs and a search, and all of their texts."""

    first: list[str]
    second: list[str]
    gold: Any
    search: Search

    @property
    def texts(self) -> list[str]:
        return [*self.first, *self.second, *self.search.queries, *self.search.documents]

    def figures(self, vectors: Any, teacher: Any) -> dict[str, float]:
        """Every figure of one model, from its vectors of all texts and the teacher's."""
        pairs, queries = len(self.first), len(self.search.queries)
        ends = np.cumsum([pairs, pairs, queries])
        sides = [np.split(retrieval.unit(table), ends) for table in (vectors, teacher)]
        (one, two, asked, pool), (their_one, their_two, their_asked, their_pool) = sides
        cosine, theirs = (one * two).sum(1), (their_one * their_two).sum(1)
        found = retrieval.nearest(asked, pool, 100)
        wanted = retrieval.nearest(their_asked, their_pool, 10)
        judged = retrieval.Judgements(
            self.search.judged_queries,
            self.search.judged_documents,
            self.search.grades.astype(np.float64),
        )
        alike = vectors.shape[1] == teacher.shape[1]
        dropped = retrieval.nearest(asked, their_pool, 10) if alike else None
        return {
            "sts": float(retrieval.spearman(cosine, self.gold)),
            "sts_teacher": float(retrieval.spearman(cosine, theirs)),
            "ndcg": float(retrieval.ndcg(found, judged, 10).mean()),
            "overlap": _overlap(found, wanted),
            "drop_in": _overlap(dropped, wanted) if dropped else float("nan"),
        }

    def dropped_in(self, vectors: Any, target: Any, teacher: Any) -> float:
        """The share of the teacher's ten nearest that a model's queries find among the documents'
        vectors of `target`, which has the model's dimensions."""
        start = 2 * len(self.first)
        stop = start + len(self.search.queries)
        asked, wanted = (retrieval.unit(table[start:stop]) for table in (vectors, teacher))
        pool, whole = (retrieval.unit(table[stop:]) for table in (target, teacher))
        found = retrieval.nearest(asked, pool, 10)
        return _overlap(found, retrieval.nearest(wanted, whole, 10))


def _overlap(found: retrieval.Ranking, wanted: retrieval.Ranking) -> float:
    shares = retrieval.neighbour_overlap(found.documents, wanted.documents, 10)
    return float(shares.mean())


def tests(data: Path) -> Tests:
    """The test parts of STS-B and SciFact."""
    rows = sources.read(str(data / "stsb/stsb-en-test.csv")).columns
    gold = np.asarray(rows["2"], dtype=np.float64)
    return Tests(list(rows["0"]), list(rows["1"]), gold, read_beir(data / "scifact", "test"))


def transfer_set(data: Path, held_out: set[str]) -> list[str]:
    """Texts without labels; none of them is a text that is tested on, but for the documents."""
    sts = sources.read(str(data / "stsb/stsb-en-train.csv")).columns
    search = read_beir(data / "scifact", "train")
    questions = sources.read(str(data / "clinc150/data_full.json@train")).columns
    phrases = sources.read(str(data / "sst2/glue_train.tsv")).columns["sentence"][:PHRASES]
    news = sources.read(str(data / "ag_news/dev_10k.tsv")).columns
    longest = max(news, key=lambda name: sum(len(str(cell)) for cell in news[name][:50]))
    parts = (sts["0"], sts["1"], search.queries, questions["text"], phrases, news[longest])
    texts = [str(text) for part in parts for text in part if str(text) not in held_out]
    return list(dict.fromkeys([*texts, *map(str, search.documents)]))


def fewer(texts: list[str]) -> list[str]:
    """A third of the short texts, for a student whose steps take their time."""
    short = np.array([text for text in texts if len(text) <= SHORT], dtype=object)
    chosen = np.random.default_rng(0).permutation(len(short))[: len(short) // 3]
    return list(short[np.sort(chosen)])


def students() -> dict[str, tuple[Any, Training, Callable[[list[str]], list[str]]]]:
    """Every student, how long it learns, and which of the texts it learns from."""
    long = Training(epochs=15, batch_size=128, learning_rate=5e-3, keep="last")
    short = Training(epochs=3, batch_size=32, learning_rate=3e-4, keep="last")
    return {
        "static": (Preset("static-384-1024"), long, list),
        "layers": (FromTeacher(Cut(layers=(0, 2, 5))), short, fewer),
    }


def main() -> None:
    """Distil, embed, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("encoder", type=Path)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--out", type=Path, default=Path("runs/embeddings"))
    parser.add_argument("--only", nargs="*")
    arguments = parser.parse_args()
    tested = tests(arguments.data)
    texts = transfer_set(arguments.data, {*tested.first, *tested.second, *tested.search.queries})
    print(f"{len(texts):,} texts in the transfer set", flush=True)
    models: dict[str, Predictor] = {}
    for name, (student, training, choose) in students().items():
        if arguments.only and name not in arguments.only:
            continue
        recipe = Recipe(
            data=replace(
                understudy.Data(train=choose(texts)),
                test=str(arguments.data / "stsb/stsb-en-test.csv"),
            ),
            task="text-embedding",
            teacher=str(arguments.encoder),
            student=student,
            training=training,
            export=("onnx", "onnx-int8"),
            evaluation=Evaluation(seconds=2.0),
        )
        run = distill(recipe, arguments.out / name)
        print(f"{name}: {run.verdict}", flush=True)
        for form in recipe.export:
            models[f"{name} {form}"] = understudy.load(run.folder / "export" / form).predictor
    report(models, encoder(arguments.encoder), tested, arguments)


def encoder(folder: Path, name: str = "teacher") -> Predictor:
    """An encoder in a folder, as the runs ask their teacher."""
    network, tokens = read_encoder(folder), read_tokens(folder, 128)
    bare = isinstance(network, StaticEncoder)  # which reads a text's own tokens alone
    reading = Tokenised(tokens.bare() if bare else tokens)
    return TeacherPredictor(name, NetworkTeacher(network, None, reading, "embedding"), "embedding")


def report(models: dict[str, Predictor], teacher: Predictor, tested: Tests, arguments: Any) -> None:
    """One line a model."""
    raw = {"text": np.array(tested.texts, dtype=object)}
    theirs = tables_of(teacher, raw)
    everyone: dict[str, Predictor] = {"teacher": teacher, **models}
    further = arguments.data / "weights_static_embed"
    if further.is_dir():
        everyone[FURTHER] = encoder(further, FURTHER)
    speeds = measure(everyone, {"text": raw["text"][:2048]}, seconds=6.0)
    print(f"{'model':22} STS-B gold/teacher  SciFact nDCG  overlap  drop-in      bytes  texts/s")
    for name, model in everyone.items():
        vectors = theirs if name == "teacher" else tables_of(model, raw)
        size = getattr(model, "bytes", 0)
        if name == FURTHER:
            size = (further / "model.safetensors").stat().st_size
        line(name, tested.figures(vectors, theirs), size, speeds[name].throughput_per_s)
    if arguments.peer:
        for dimensions in ("256", "none"):
            vectors, size, rate = peer(arguments, dimensions, tested.texts)
            line(f"model2vec {dimensions}", tested.figures(vectors, theirs), size, rate)


def line(name: str, found: dict[str, float], size: int, rate: float) -> None:
    """A model's figures."""
    print(
        f"{name:22} {100 * found['sts']:8.1f} / {100 * found['sts_teacher']:5.1f} "
        f"{100 * found['ndcg']:13.1f} {found['overlap']:8.3f} {found['drop_in']:8.3f} "
        f"{size:10,} {rate:8,.0f}",
        flush=True,
    )


def peer(arguments: Any, dimensions: str, texts: list[str]) -> tuple[Any, int, float]:
    """What Model2Vec makes of the same encoder: vectors, bytes, texts a second (one thread)."""
    place = arguments.out / f"model2vec-{dimensions}"
    run: Callable[..., Any] = subprocess.run
    environment = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "PATH": "/usr/bin"}
    call = [str(arguments.peer), "-c", DISTILLED_BY_MODEL2VEC, str(arguments.encoder), str(place)]
    run([*call, dimensions], check=True, env=environment)
    (place / "texts.json").write_text(json.dumps(texts))
    call = [str(arguments.peer), "-c", EMBEDDED_BY_MODEL2VEC, str(place)]
    files = [str(place / "texts.json"), str(place / "vectors.npy")]
    said = run([*call, *files], check=True, env=environment, capture_output=True, text=True)
    size = (place / "model.safetensors").stat().st_size
    return np.load(place / "vectors.npy"), size, float(said.stdout.split()[-1])


if __name__ == "__main__":
    main()
