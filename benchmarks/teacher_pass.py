"""Asking an encoder about mixed short texts, beside SentenceTransformer.encode and the machine.

    python benchmarks/teacher_pass.py ENCODER [--texts 2000] [--threads 2] [--rounds 3] [--data DIR]

ENCODER is a folder of all-MiniLM-L6-v2. The texts are questions of CLINC150 and descriptions of AG
News, half and half. Ours is `teach` itself, from raw texts to a store on disk: cutting tokens and
writing count. The limit is what the encoder's matrix products alone would take, in the sizes it
has, at the best rate that as many threads reach in the same rounds, all in one product or each in
its own. On a busy machine take many short rounds (--texts 200 --rounds 12), and the processor's
seconds with OMP_WAIT_POLICY=passive, without which threads that wait count as busy.
Goals: 1.6 times SentenceTransformer, 80% of the limit, cosine to its vectors at least .99999.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from understudy.data import sources
from understudy.data.texts import utf8
from understudy.evaluation.retrieval import cosine
from understudy.store import Column, Index, create
from understudy.students.sentence_folders import read_encoder
from understudy.students.tokens import read_tokens
from understudy.tasks import Prepared
from understudy.tasks.prepared import Facts
from understudy.tasks.reading import Tokenised
from understudy.teachers import NetworkTeacher
from understudy.teachers.teaching import teach
from understudy.teachers.workers import in_turn

SHARED = Path(__file__).parent / "../../shared/data"
MOST = 128
THEIRS = "SentenceTransformer.encode"
OURS = "understudy teach"


@dataclass(frozen=True)
class Seconds:
    """By the clock, and of all processors together."""

    clock: float
    processor: float

    def __mul__(self, times: float) -> Seconds:
        return Seconds(self.clock * times, self.processor * times)

    def __truediv__(self, parts: float) -> Seconds:
        return self * (1 / parts)

    def least(self, other: Seconds) -> Seconds:
        """The lesser of each."""
        return Seconds(min(self.clock, other.clock), min(self.processor, other.processor))


def mixed(data: Path, count: int) -> list[str]:
    """Questions and news, half and half."""
    questions = sources.read(str(data / "clinc150/data_full.json@train")).columns["text"]
    news = sources.read(str(data / "ag_news/dev_10k.tsv")).columns
    longest = max(news, key=lambda name: sum(len(str(cell)) for cell in news[name][:50]))
    pairs = zip(questions, news[longest], strict=False)
    return [str(text) for pair in pairs for text in pair][:count]


def ours(folder: Path, texts: list[str], work: Path) -> Callable[[], Any]:
    """`teach` over these texts, whose tokens were never cut before."""
    reading = Tokenised(read_tokens(folder, MOST))
    teacher = NetworkTeacher(read_encoder(folder), None, reading, "embedding")
    rows = stored(texts, work)

    def ask() -> Any:
        for made in (*work.glob("tokens-*"), work / "knowledge"):
            if made.is_dir():
                shutil.rmtree(made)
            else:
                made.unlink(missing_ok=True)
        kept = teach(teacher, rows, ("text",), work / "knowledge")
        return kept.read("embedding", 0, len(texts))

    return ask


def stored(texts: list[str], work: Path) -> Prepared:
    """The texts as rows of a task."""
    layout = (Column("text", "uint8", ragged=True),)
    store = create(work / "rows", Index(layout, len(texts), len(texts), {"what": "prepared rows"}))
    store.write(0, {"text": utf8(texts)})
    facts = Facts("text-embedding", (), {}, {"unlabelled": len(texts)})
    return Prepared("mixed texts", store, np.full(len(texts), -1), {}, facts)


def theirs(folder: Path, texts: list[str]) -> Callable[[], Any]:
    """SentenceTransformer.encode as it comes, batches of 32."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    model.max_seq_length = MOST
    return lambda: model.encode(texts, batch_size=32, show_progress_bar=False)


def operations(folder: Path, texts: list[str]) -> tuple[float, int, int]:
    """Floating-point operations of the matrix products for these texts, and the model's sizes."""
    config = read_encoder(folder).model.config
    width, inner, depth = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    lengths = np.diff(read_tokens(folder, MOST).encode(texts)[1]).astype(float)
    per_token = depth * 2 * (4 * width * width + 2 * width * inner)
    return lengths.sum() * per_token + (lengths**2).sum() * depth * 4 * width, width, inner


def best_rates(width: int, inner: int, threads: int) -> Seconds:
    """Seconds that the best matrix product among those sizes takes for one operation.

    With all threads in one product, and with each in products of its own: the better counts.
    """
    best = Seconds(inf, inf)
    for rows in (512, 2048):
        for left, right in ((width, width), (width, 3 * width), (width, inner), (inner, width)):
            product = partial(
                torch.nn.functional.linear, torch.randn(rows, left), torch.randn(right, left)
            )
            operations = 2.0 * rows * left * right
            for _ in range(3):
                best = best.least(timed(lambda f=product: [f() for _ in range(3)]) / operations / 3)
            several = in_turn(lambda _, f=product: timed(f), range(6 * threads), threads)
            for taken in several:
                # Every processor second of it is one of a thread; they run side by side.
                best = best.least(Seconds(taken.clock / threads, inf) / operations)
    return best


def timed(action: Callable[[], object]) -> Seconds:
    """How long an action takes."""
    began, used = time.perf_counter(), time.process_time()
    action()
    return Seconds(time.perf_counter() - began, time.process_time() - used)


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
    work, width, inner = operations(arguments.encoder, texts)
    vectors: dict[str, Any] = {}
    with TemporaryDirectory() as folder:
        ways = {
            THEIRS: theirs(arguments.encoder, texts),
            OURS: ours(arguments.encoder, texts, Path(folder)),
        }
        for name, way in ways.items():
            vectors[name] = way()
        limits, taken = [], {name: [] for name in ways}
        for _ in range(arguments.rounds):
            limits.append(best_rates(width, inner, arguments.threads) * work)
            for name, way in ways.items():
                taken[name].append(timed(way))
    limit, theirs_, ours_ = (reduce(Seconds.least, each) for each in (limits, *taken.values()))
    for unit in ("clock", "processor"):
        bound, slow, fast = (getattr(each, unit) for each in (limit, theirs_, ours_))
        print(
            f"by the {unit}: theirs {slow:.2f} s, ours {fast:.2f} s, products alone {bound:.2f} s; "
            f"{slow / fast:.2f} times faster, {bound / fast:.0%} of the limit (theirs "
            f"{bound / slow:.0%})"
        )
    rounds = zip(*taken.values(), strict=True)
    told = ", ".join(
        f"{a.clock / b.clock:.2f} ({a.processor / b.processor:.2f})" for a, b in rounds
    )
    print(f"times faster, round by round, by the clock (by the processor): {told}")
    print(f"least cosine between the two: {cosine(vectors[THEIRS], vectors[OURS]).min():.7f}")


if __name__ == "__main__":
    main()
