"""What fewer dimensions cost: static students of one encoder, narrow or cut short.

    python benchmarks/narrow_embeddings.py ENCODER [--data DIR] [--out DIR] [--only NAME ...]

ENCODER is a folder of all-MiniLM-L6-v2; the transfer set is that of `embeddings.py`, and all
students learn from the same stored vectors of it. First the teacher's own vectors, without a
student: the leading directions about the origin, those about the mean with the mean taken off, and
its own first dimensions. Then students of 384, 256, 128 and 64 dimensions, and two of 384 that
learn prefixes too (`matryoshka`), along the teacher's own axes and along principal ones, with a
third along principal axes that does not; those are scored at every length.

Prints, for each: Spearman's correlation with the gold scores and with the teacher's cosines on the
STS-B test; nDCG@10 on SciFact, and the share of the teacher's ten nearest documents kept: in the
model's own space, and for its queries among the teacher's vectors in the student's space; bytes of
the ONNX file in fp32 and INT8; bytes of one vector.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import understudy
from embeddings import SHARED, Tests, encoder, tests, transfer_set
from understudy.evaluation.predictor import tables_of
from understudy.objectives import EmbeddingCosine, Matryoshka
from understudy.pipeline.running import distill
from understudy.recipe.schema import Evaluation, Recipe
from understudy.recipe.students import Preset
from understudy.training.settings import Training

LENGTHS = (64, 128, 256)
TRAINING = Training(epochs=15, batch_size=128, learning_rate=5e-3, keep="last")


def students() -> dict[str, tuple[Preset, Any]]:
    """Every student and its objective, by name."""
    plain, cut = EmbeddingCosine(), Matryoshka(EmbeddingCosine(), LENGTHS)
    return {
        "own-384": (Preset("static-384"), plain),
        **{
            f"narrow-{length}": (Preset("static", dimensions=length), plain)
            for length in reversed(LENGTHS)
        },
        "first-128": (Preset("static", dimensions=128, axes="teacher"), plain),
        "matryoshka-own": (Preset("static-384", axes="teacher"), cut),
        "matryoshka-principal": (Preset("static-384", axes="principal"), cut),
        "principal-384": (Preset("static-384", axes="principal"), plain),
    }


def main() -> None:
    """Project, distil, embed, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("encoder", type=Path)
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--out", type=Path, default=Path("runs/narrow"))
    parser.add_argument("--only", nargs="*")
    arguments = parser.parse_args()
    tested = tests(arguments.data)
    held_out = {*tested.first, *tested.second, *tested.search.queries}
    texts = transfer_set(arguments.data, held_out)
    raw = {"text": np.array(tested.texts, dtype=object)}
    theirs = tables_of(encoder(arguments.encoder), raw)
    print(f"{'model':30} numbers  STS-B gold/teacher  nDCG  overlap  drop-in    fp32     int8")
    known = tables_of(encoder(arguments.encoder), {"text": np.array(texts[::7], dtype=object)})
    for name, vectors in projected(theirs, known):
        line(name, vectors, tested, theirs)
    for name, (student, objective) in students().items():
        if arguments.only and name not in arguments.only:
            continue
        recipe = Recipe(
            data=understudy.Data(train=texts, test=str(arguments.data / "stsb/stsb-en-test.csv")),
            task="text-embedding",
            teacher=str(arguments.encoder),
            student=student,
            objective=objective,
            training=TRAINING,
            export=("onnx", "onnx-int8"),
            evaluation=Evaluation(seconds=0.5, resamples=100),
        )
        run = distill(recipe, arguments.out / name)
        model = understudy.load(run.folder / "export" / "onnx")
        vectors, target = tables_of(model.predictor, raw), model.project(theirs)
        sizes = [
            understudy.load(run.folder / "export" / form).predictor.bytes for form in recipe.export
        ]
        longest = vectors.shape[1]
        cuts = (*LENGTHS, longest) if name.endswith(("own", "principal", "384")) else (longest,)
        for length in cuts:
            parts = (vectors[:, :length], target[:, :length])
            line(f"{name}, onnx", parts[0], tested, theirs, parts[1], sizes)


def projected(theirs: Any, known: Any) -> list[tuple[str, Any]]:
    """The teacher's own vectors in fewer dimensions, in the ways one might take. Shapes: [N, D]."""
    mean = known.mean(axis=0, dtype=np.float64)
    found = []
    for length in (known.shape[1], *reversed(LENGTHS)):
        for name, shift in (("about the origin", 0.0), ("centred", mean)):
            given = known.astype(np.float64) - shift
            _, directions = np.linalg.eigh(given.T @ given)
            moved = (theirs - shift) @ directions[:, ::-1][:, :length]
            found.append((f"teacher, {name}", moved.astype(np.float32)))
        found.append(("teacher, its own first", theirs[:, :length]))
    return found


def line(
    name: str,
    vectors: Any,
    tested: Tests,
    theirs: Any,
    target: Any = None,
    sizes: list[int] | None = None,
) -> None:
    """The figures of one model at one length."""
    found = tested.figures(vectors, theirs)
    drop_in = "      -"
    if target is not None:
        drop_in = f"{tested.dropped_in(vectors, target, theirs):7.3f}"
    told = "".join(f" {size:10,}" for size in sizes or ())
    print(
        f"{name:30} {vectors.shape[1]:7}  {100 * found['sts']:8.1f} / "
        f"{100 * found['sts_teacher']:5.1f}  {100 * found['ndcg']:5.1f} {found['overlap']:7.3f} "
        f"{drop_in}{told}",
        flush=True,
    )


if __name__ == "__main__":
    main()
