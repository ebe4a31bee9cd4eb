"""Training a static encoder from stored vectors, beside sentence-transformers' own distillation.

    python benchmarks/embedding_step.py ENCODER [--texts 8000] [--epochs 2] [--rounds 2]

ENCODER is a folder of all-MiniLM-L6-v2. Both learn the same table of its 30,522 tokens x 384, from
the same start, on the same questions of CLINC150, with 1 - cosine to the same vectors, AdamW and
batches of 128: ours by the loop of `understudy distill` from stored knowledge, theirs by
SentenceTransformerTrainer with EmbedDistillLoss and the vectors as labels. They take turns.
Prints steps per second and the mean cosine to the teacher on 1,000 texts held out. Goal: 1.5 times.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from understudy.data import sources
from understudy.data.settings import Data
from understudy.evaluation.retrieval import cosine
from understudy.pipeline.distilling import Production
from understudy.pipeline.workspace import Workspace
from understudy.recipe.schema import Recipe
from understudy.recipe.students import Preset
from understudy.training.loop import train
from understudy.training.settings import Training

SHARED = Path(__file__).parent / "../../shared/data"
BATCH, RATE = 128, 5e-3
HELD_OUT = 1000


def production(arguments: Any, texts: list[str], folder: Path) -> Production:
    """One recipe on its way, its teacher asked."""
    pairs = {"text": texts[:50], "text_2": texts[50:100], "score": list(range(50))}
    recipe = Recipe(
        task="text-embedding",
        data=Data(train=texts, test=pairs, validation=texts[-HELD_OUT:], most_tokens=64),
        teacher=str(arguments.encoder),
        student=Preset("static-384"),
        training=Training(
            epochs=arguments.epochs, batch_size=BATCH, learning_rate=RATE, keep="last"
        ),
    )
    made = Production(recipe, Workspace(folder))
    assert made.store is not None
    return made


def ours(made: Production) -> tuple[Any, float, int]:
    """A trained network, its seconds, and how many steps it took."""
    network, lesson = made.student.fresh(), made.lesson(made.asked_objective)
    training = made.recipe.training
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        train(network, lesson, training, key="timed", path=Path(folder) / "checkpoint")
        seconds = time.perf_counter() - began
    return network, seconds, training.epochs * -(-len(lesson.rows()) // BATCH)


def theirs(made: Production, texts: list[str], vectors: Any) -> tuple[Any, float, int]:
    """The same by sentence-transformers, with what it takes as it comes."""
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
        losses,
    )
    from sentence_transformers.models import Normalize, StaticEmbedding

    table = made.student.fresh().folded().numpy()  # type: ignore[operator]
    tokenizer = made.student.reading.tokens.tokenizer  # type: ignore[attr-defined]
    model = SentenceTransformer(
        modules=[StaticEmbedding(tokenizer, embedding_weights=table), Normalize()], device="cpu"
    )
    dataset = Dataset.from_dict({"sentence": texts, "label": vectors})
    with tempfile.TemporaryDirectory() as folder:
        given = SentenceTransformerTrainingArguments(
            output_dir=folder,
            num_train_epochs=made.recipe.training.epochs,
            per_device_train_batch_size=BATCH,
            learning_rate=RATE,
            lr_scheduler_type="cosine",
            warmup_steps=0.05,
            weight_decay=0.01,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            logging_strategy="no",
            use_cpu=True,
        )
        trainer = SentenceTransformerTrainer(
            model=model, args=given, train_dataset=dataset, loss=losses.EmbedDistillLoss(model)
        )
        began = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - began
    return model, seconds, trainer.state.global_step


def main() -> None:
    """Train both in turns and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("encoder", type=Path)
    parser.add_argument("--texts", type=int, default=8000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--data", type=Path, default=SHARED)
    arguments = parser.parse_args()
    column = sources.read(str(arguments.data / "clinc150/data_full.json@train")).columns["text"]
    texts = list(dict.fromkeys(map(str, column)))[: arguments.texts]
    with tempfile.TemporaryDirectory() as folder:
        made = production(arguments, texts, Path(folder))
        rows, store = made.prepared, made.store
        assert store is not None
        train_rows = rows.splits["train"]
        said = store.gather(train_rows, ("embedding",))["embedding"]
        known = rows.inputs(train_rows, ("text",))["text"].tolist()
        held = rows.splits["validation"]
        wanted = store.gather(held, ("embedding",))["embedding"]
        unseen = rows.inputs(held, ("text",))
        rates: dict[str, list[float]] = {"ours": [], "sentence-transformers": []}
        for _ in range(arguments.rounds):
            network, seconds, steps = ours(made)
            rates["ours"].append(steps / seconds)
            with torch.no_grad():
                arrays = made.student.reading.arrays(unseen).values()
                mine = network.eval()(*map(torch.from_numpy, arrays)).numpy()
            model, seconds, steps = theirs(made, known, np.asarray(said))
            rates["sentence-transformers"].append(steps / seconds)
            other = model.encode(unseen["text"].tolist(), show_progress_bar=False)
    base = max(rates["sentence-transformers"])
    for (name, found), vectors in zip(rates.items(), (mine, other), strict=True):
        near = float(cosine(vectors, np.asarray(wanted)).mean())
        print(f"{name:22} {max(found):6.1f} steps/s {max(found) / base:5.2f} x  cosine {near:.4f}")


if __name__ == "__main__":
    main()
