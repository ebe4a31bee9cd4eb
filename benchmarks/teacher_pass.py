"""Asking an encoder about mixed short texts, beside SentenceTransformer.encode and the machine.

    python benchmarks/teacher_pass.py ENCODER [--texts 2000] [--threads 2] [--rounds 3] [--data DIR]

ENCODER is a folder of all-MiniLM-L6-v2. The texts are questions of CLINC150 and descriptions of AG
News, half and half. Ours is the way that `understudy teach` takes: tokens cut beforehand (their
time is counted), texts of like length together, packed without padding. The limit is what the
encoder's matrix products alone would take, in the sizes it has, at the best rate measured here.
Goals: 1.6 times SentenceTransformer, 80% of the limit, cosine to its vectors at least .99999.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from understudy.data import sources
from understudy.evaluation.retrieval import cosine
from understudy.store import Ragged
from understudy.students.sentence_folders import read_encoder
from understudy.students.tokens import read_tokens
from understudy.tasks.prepared import padded
from understudy.teachers import NetworkTeacher
from understudy.teachers.bucketing import by_length, in_order
from understudy.teachers.teaching import BATCH_TOKENS

SHARED = Path(__file__).parent / "../../shared/data"
MOST = 128
THEIRS = "SentenceTransformer.encode"


def mixed(data: Path, count: int) -> list[str]:
    """Questions and news, half and half."""
    questions = sources.read(str(data / "clinc150/data_full.json@train")).columns["text"]
    news = sources.read(str(data / "ag_news/dev_10k.tsv")).columns
    longest = max(news, key=lambda name: sum(len(str(cell)) for cell in news[name][:50]))
    pairs = zip(questions, news[longest], strict=False)
    return [str(text) for pair in pairs for text in pair][:count]


def ours(folder: Path) -> Callable[[list[str]], Any]:
    """The way of the teacher pass."""
    tokens = read_tokens(folder, MOST)
    teacher = NetworkTeacher(read_encoder(folder), gives="embedding")

    def ask(texts: list[str]) -> Any:
        rows = Ragged(*tokens.encode(texts))
        lengths = np.diff(rows.offsets)
        batches = by_length(lengths, BATCH_TOKENS)
        found = []
        for batch in batches:
            some = Ragged.of([rows.row(int(row)) for row in batch])
            ids, mask = map(torch.from_numpy, padded(some))
            found.append(teacher.answer({"ids": ids, "mask": mask})["embedding"].numpy())
        return in_order(batches, found)

    return ask


def theirs(folder: Path) -> Callable[[list[str]], Any]:
    """SentenceTransformer.encode as it comes, batches of 32."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    model.max_seq_length = MOST
    return lambda texts: model.encode(texts, batch_size=32, show_progress_bar=False)


def limit(folder: Path, texts: list[str]) -> float:
    """Texts per second if nothing but the matrix products took time."""
    config = read_encoder(folder).model.config
    width, inner, depth = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    lengths = np.diff(read_tokens(folder, MOST).encode(texts)[1]).astype(float)
    per_token = depth * 2 * (4 * width * width + 2 * width * inner)
    work = lengths.sum() * per_token + (lengths**2).sum() * depth * 4 * width
    return len(texts) / (work / best_rate(width, inner))


def best_rate(width: int, inner: int) -> float:
    """Floating-point operations per second of the best matrix product among those sizes."""
    best = 0.0
    for rows in (1024, 2048, 4096):
        for left, right in ((width, width), (width, 3 * width), (width, inner), (inner, width)):
            table, weights = torch.randn(rows, left), torch.randn(right, left)
            operations = 2.0 * rows * left * right
            for _ in range(3):
                began = time.perf_counter()
                for _ in range(5):
                    torch.nn.functional.linear(table, weights)
                best = max(best, 5 * operations / (time.perf_counter() - began))
    return best


def main() -> None:
    """Time both, in turns."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("encoder", type=Path)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=SHARED)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    texts = mixed(arguments.data, arguments.texts)
    ways = {
        "SentenceTransformer.encode": theirs(arguments.encoder),
        "ours": ours(arguments.encoder),
    }
    vectors, seconds = {}, {name: [] for name in ways}
    bound = 0.0
    for way in ways.values():
        way(texts[:256])
    for _ in range(arguments.rounds):
        bound = max(bound, limit(arguments.encoder, texts))
        for name, way in ways.items():
            began = time.perf_counter()
            vectors[name] = way(texts)
            seconds[name].append(time.perf_counter() - began)
    first, second = vectors.values()
    base = min(seconds[THEIRS])
    for name, times in seconds.items():
        rate = len(texts) / min(times)
        times_faster, share = base / min(times), rate / bound
        print(f"{name:28} {rate:7.0f} texts/s {times_faster:5.2f} x {share:5.0%} of the limit")
    least = cosine(first, second).min()
    print(f"the limit: {bound:.0f} texts/s; least cosine between the two: {least:.7f}")


if __name__ == "__main__":
    main()
